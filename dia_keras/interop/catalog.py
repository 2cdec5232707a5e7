"""Files with published weights, and how they are fetched."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import tomllib
import zipfile
import zlib
from typing import Any

from ..files import digest_of, staged
from ..zoo.downloads import cache, download_whole, make_cache

SOURCES = pathlib.Path(__file__).with_name("sources.toml")
#: Environment variable with the address of a folder that has the files instead.
BASE = "DIA_KERAS_SOURCES_URL"
_CHUNK = 1 << 18
# Of a file whose size is not published.
_MOST_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True)
class Source:
    """A file with published weights.

    Attributes:
        name: Library, model and, where there are several of it, the tag of the weights, `"library/model.tag"`.
        url: Address of the file.
        digest: The hash of the weights or its beginning, as published. Where `url` is a zip file, of the file in it.
        algorithm: Of the hash: `"sha1"` or `"sha256"`.
        license: Terms of the weights.
        entry: The zoo's entry of this network, if there is one.
        megabytes: Size in units of 2^20 bytes, where it is published.
        top1, top5: Accuracies in percent, where they are published.
        remark: What else to know.
    """

    name: str
    url: str
    digest: str
    algorithm: str
    license: str
    entry: str | None = None
    megabytes: float | None = None
    top1: float | None = None
    top5: float | None = None
    remark: str | None = None

    @property
    def file(self) -> str:
        """Name of the file with the weights, unpacked."""
        return self.url.rpartition("/")[2].removesuffix(".zip")


@functools.cache
def sources() -> tuple[Source, ...]:
    """Returns all files with published weights that are known, see `sources.toml`."""
    known = []
    for library, table in tomllib.loads(SOURCES.read_text(encoding="utf-8")).items():
        shared = {key: value for key, value in table.items() if key not in ("url", "files")}
        for model, row in table["files"].items():
            fields: dict[str, Any] = {**shared, **row, "name": f"{library}/{model}"}
            release, error, file = (fields.pop(key, "") for key in ("release", "error", "file"))
            if error:  # of CIFAR and SVHN the best class's, of ImageNet that of the best five
                fields["top1" if "_" in model else "top5"] = round(100 - int(error) / 100, 2)
            digest = fields["digest"][:8]
            url = table["url"].format(release=release, model=model, error=error, digest=digest, file=file)
            known.append(Source(url=url, **fields))
    return tuple(known)


def find_source(name: str) -> Source:
    """Returns the file with published weights of a zoo entry, or with the name `"library/model"`.

    Args:
        name: Name of an entry, or library and model, e.g. `"pytorchcv/diaresnet164bn_cifar100"`.

    Raises:
        ValueError: Where there is none, or an entry has several.
    """
    matches = [source for source in sources() if name is not None and name in (source.name, source.entry)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        choice = ", ".join(f"{source.name} ({source.license}{_accuracy(source)})" for source in matches)
        raise ValueError(f"`name` must be one of {choice}. Received: name={name!r}, which has several")
    raise ValueError(
        "`name` must be a zoo entry or a model with published weights, as `dia_keras.interop.sources()` lists them. "
        f"Received: name={name!r}"
    )


def source_of_file(file: str) -> str | None:
    """Returns the library and model of a file by the name that it was published under, or `None`."""
    names = {source.name for source in sources() if file in (source.file, source.url.rpartition("/")[2])}
    return names.pop() if len(names) == 1 else None


def source_of_entry(library: str, entry: str) -> str:
    """Returns the library's model that an entry is.

    Raises:
        ValueError: Where there is none, or several.
    """
    models = {
        source.name.partition(".")[0]
        for source in sources()
        if source.entry == entry and source.name.startswith(f"{library}/")
    }
    if len(models) != 1:
        raise ValueError(
            f"`source` must name the model, as '{library}/MODEL': {library} has {len(models) or 'no'} known models for "
            f"{entry!r}. Received: source={library!r}"
        )
    return models.pop()


def fetch(name: str, base: str | None = None) -> pathlib.Path:
    """Downloads a file with published weights, once, and verifies it.

    Args:
        name: Name of a zoo entry or of a model, as `find_source` takes it.
        base: Address of a folder that has the file instead of its own; the default is what the environment variable
            `DIA_KERAS_SOURCES_URL` has, if anything.

    Returns:
        Path of the file, in the cache.

    Raises:
        ValueError: Where the name is unknown, or the file is not the one that was published.
        ConnectionError: Where the download fails.
    """
    source = find_source(name)
    path = cache() / "torch" / source.file
    if path.is_file() and _is_right(path, source):
        return path
    base = base or os.environ.get(BASE)
    url = f"{base.rstrip('/')}/{source.url.rpartition('/')[2]}" if base else source.url
    make_cache(path.parent)
    with staged(path) as new:
        packed = new.with_name(url.rpartition("/")[2] if url.endswith(".zip") else new.name)
        _download(url, packed, source)
        if packed != new:
            _unpack(packed, new, url)
        if not _is_right(new, source):
            raise ValueError(
                f"{url} must have the {source.algorithm.upper()} {source.digest}, as published: it is damaged or of "
                f"another version. Received: {digest_of(new, source.algorithm)}"
            )
    return path


def verified(path: pathlib.Path, source: Source) -> bytes:
    """Returns what a file with published weights holds, so that what is verified is what is read.

    Raises:
        ValueError: Where it is not what was published: another process has changed it since it was fetched.
    """
    content = path.read_bytes()
    if not hashlib.new(source.algorithm, content).hexdigest().startswith(source.digest):
        raise ValueError(
            f"{path} must have the {source.algorithm.upper()} {source.digest}, as published: it has changed since it "
            "was fetched. Fetch it again."
        )
    return content


def _download(url: str, path: pathlib.Path, source: Source) -> None:
    most = int((source.megabytes + 1) * (1 << 20)) if source.megabytes else _MOST_BYTES
    content = download_whole(url, most)
    if len(content) > most:
        raise ValueError(f"{url} must have at most {most} bytes. Received: more")
    path.write_bytes(content)


def _unpack(packed: pathlib.Path, new: pathlib.Path, url: str) -> None:
    """Writes the one file in a zip file."""
    try:
        with zipfile.ZipFile(packed) as archive:
            (member,) = archive.infolist()
            if member.file_size > _MOST_BYTES:
                raise ValueError(f"a file of {member.file_size} bytes")
            with archive.open(member) as file, new.open("wb") as target:
                while chunk := file.read(_CHUNK):
                    target.write(chunk)
    except (
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as error:  # RuntimeError: it is encrypted
        raise ValueError(f"{url} must be a zip file with one file of weights. Received: {error}") from error


def _is_right(path: pathlib.Path, source: Source) -> bool:
    return digest_of(path, source.algorithm).startswith(source.digest)


def _accuracy(source: Source) -> str:
    return f", top-1 {source.top1}%" if source.top1 else f", top-5 {source.top5}%" if source.top5 else ""
