"""Finding the weights file of an entry, and making sure that it is the one."""

import http.client
import os
import pathlib
import sys
import tempfile
import urllib.request

import keras
import platformdirs

from .cards import Card, Weights, describe

#: Folder on the web of the weights files; none has been set up yet.
DEFAULT_URL: str | None = None
_TIMEOUT = 30
_CHUNK = 1 << 18


def cache() -> pathlib.Path:
    """Returns the folder that downloads are kept in."""
    return platformdirs.user_cache_path("dia_keras")


def places() -> list[pathlib.Path]:
    """Returns the folders where weights are looked for, in order.

    These are the package, the folder in `DIA_KERAS_WEIGHTS`, `zoo/weights` of a checkout, and the cache.
    """
    package = pathlib.Path(__file__).parent
    configured = os.environ.get("DIA_KERAS_WEIGHTS")
    return [
        package / "weights",
        *([pathlib.Path(configured).expanduser()] if configured else []),
        package.parents[1] / "zoo" / "weights",
        cache(),
    ]


def find_weights(card: Card, weights: Weights) -> pathlib.Path:
    """Returns the path of an entry's weights file, verified; downloads it where it is in none of the `places`.

    Args:
        card: Card of the entry.
        weights: Its weights.

    Raises:
        FileNotFoundError: If it is nowhere, and there is no URL to get it from.
        ConnectionError: If the download fails.
        ValueError: If size or SHA-256 are not those on the card.
    """
    url = os.environ.get("DIA_KERAS_URL") or weights.url or DEFAULT_URL
    for place in places():
        path = place / weights.file
        # A stale file in the cache is downloaded anew; elsewhere, and where that cannot be, it is an error.
        if path.is_file() and not (place == cache() and url and describe(path).sha256 != weights.sha256):
            _verify(path, weights, str(path))
            return path
    if not url:
        raise FileNotFoundError(
            f"The weights of {card.name!r}, {weights.file}, are in none of {', '.join(map(str, places()))}. "
            "Set DIA_KERAS_WEIGHTS to the folder that holds them, or DIA_KERAS_URL to the address of one."
        )
    path = cache() / weights.file
    _download(f"{url.rstrip('/')}/{weights.file}", path, weights)
    return path


def _verify(path: pathlib.Path, weights: Weights, origin: str) -> None:
    size = path.stat().st_size
    if size != weights.size:
        raise ValueError(f"{origin} must have {weights.size} bytes, as its card says. Received: {size} bytes")
    sha256 = describe(path).sha256
    if sha256 != weights.sha256:
        raise ValueError(
            f"{origin} must have the SHA-256 {weights.sha256}, as its card says: it is damaged or of another version. "
            f"Received: {sha256}"
        )


def _download(url: str, path: pathlib.Path, weights: Weights) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=path.parent) as folder:
        partial = pathlib.Path(folder, path.name)
        try:
            _fetch(url, partial, weights.size)
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"The download of {url} failed: {error}") from error
        _verify(partial, weights, url)
        partial.replace(path)


def _fetch(url: str, path: pathlib.Path, size: int) -> None:
    """Downloads at most a byte more than `size`, which tells a file that is too long."""
    progress = keras.utils.Progbar(size, unit_name="byte", verbose=int(sys.stdout.isatty()))
    received = 0
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, path.open("wb") as file:
        while chunk := response.read(min(_CHUNK, size + 1 - received)):
            file.write(chunk)
            received += len(chunk)
            progress.update(min(received, size))
