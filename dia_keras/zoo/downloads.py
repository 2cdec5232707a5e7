"""Finding the weights file of an entry, and making sure that it is the one."""

import contextlib
import hashlib
import http.client
import os
import pathlib
import queue
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import keras
import platformdirs

from ..files import remove_leftovers, staged
from .cards import Card, Weights
from .files.reading import WeightsFile

#: Folder on the web of the weights files; none has been set up yet.
DEFAULT_URL: str | None = None
#: A download ends in an error where it does not bring so many bytes in so many seconds.
_LEAST, _SECONDS = 30 << 10, 30
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


def read_weights(card: Card, weights: Weights) -> WeightsFile:
    """Returns an entry's weights file, read once and verified; downloads it where it is in none of the `places`.

    Args:
        card: Card of the entry.
        weights: Its weights.

    Raises:
        FileNotFoundError: If it is nowhere, and there is no URL to get it from.
        ConnectionError: If the download fails, or brings fewer than 30 KiB in 30 seconds.
        ValueError: If size or SHA-256 are not those on the card, or where the cache may not be written to.
    """
    url = os.environ.get("DIA_KERAS_URL") or weights.url or DEFAULT_URL
    for place in places():
        path = place / weights.file
        # A stale file in the cache is downloaded again; elsewhere, and where that cannot be, it is an error.
        if path.is_file() and not (place == cache() and url):
            return read_verified(path, weights)._replace(is_trusted=True)
    if not url:
        raise FileNotFoundError(
            f"The weights of {card.name!r}, {weights.file}, are in none of {', '.join(map(str, places()))}. "
            "Set DIA_KERAS_WEIGHTS to the folder that holds them, or DIA_KERAS_URL to the address of one."
        )
    file = download_verified(f"{url.rstrip('/')}/{weights.file}", weights.file, weights)
    return file._replace(is_trusted=True)


def read_verified(path: pathlib.Path, weights: Weights) -> WeightsFile:
    """Returns a weights file, read once, whose bytes have the size and the SHA-256 on its card.

    Raises:
        ValueError: If they are others.
    """
    with path.open("rb") as file:
        content = file.read(weights.size + 1)  # a byte more shows that a file is too long
    _verify(content, path.stat().st_size, weights, str(path))
    return WeightsFile(path, content)


def download_verified(url: str, kept_as: str, weights: Weights) -> WeightsFile:
    """Returns a weights file from the web, verified, or from the cache where it is there.

    Args:
        url: Address of the file.
        kept_as: Path in the cache.
        weights: What the card says of it.

    Raises:
        ConnectionError: If the download fails, or brings fewer than 30 KiB in 30 seconds.
        ValueError: If size or SHA-256 are not those on the card, or where the file may not be written.
    """
    path = cache() / kept_as
    if path.is_file():
        with contextlib.suppress(ValueError):  # a stale file is downloaded again
            return read_verified(path, weights)
    make_cache(path.parent)
    remove_leftovers(path.parent)
    content = download_whole(url, weights.size, weights.size)
    _verify(content, len(content), weights, url)
    with staged(path) as new:
        new.write_bytes(content)
    return WeightsFile(path, content)


def make_cache(folder: pathlib.Path) -> None:
    """Makes a folder of the cache, if it is missing.

    Raises:
        ValueError: If it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"The cache must be a folder that may be written to: XDG_CACHE_HOME names another. Received: {error}"
        ) from error


def download_whole(url: str, most: int, size: int | None = None) -> bytes:
    """Returns what `download` brings.

    Raises:
        ConnectionError: If it fails or stalls.
    """
    try:
        return download(url, most, size)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ConnectionError(f"The download of {url} failed: {error}") from error


def _verify(content: bytes, size: int, weights: Weights, origin: str) -> None:
    if len(content) != weights.size:
        raise ValueError(f"{origin} must have {weights.size} bytes, as its card says. Received: {size} bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != weights.sha256:
        raise ValueError(
            f"{origin} must have the SHA-256 {weights.sha256}, as its card says: it is damaged or of another version. "
            f"Received: {sha256}"
        )


def download(url: str, most: int, size: int | None = None) -> bytes:
    """Downloads at most a byte more than `most`, which shows that a file is too long.

    Another thread receives, so that a server that sends a byte now and then cannot keep this one waiting.

    Args:
        url: Address of the file.
        most: Bytes that the file may have.
        size: Bytes that it has, where that is known, for the progress bar.

    Raises:
        OSError, ValueError, http.client.HTTPException: Where the download fails or stalls.
    """
    progress = keras.utils.Progbar(size, unit_name="byte", verbose=int(sys.stdout.isatty()))
    arrived: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    stopped = threading.Event()
    threading.Thread(target=_receive, args=(url, most, arrived, stopped), daemon=True).start()
    content, at_begin, deadline = bytearray(), 0, time.monotonic() + _SECONDS
    try:
        while True:
            try:
                chunk = arrived.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"it brought {len(content) - at_begin} bytes in {_SECONDS} seconds") from None
            if isinstance(chunk, Exception):
                raise chunk
            if not chunk:
                return bytes(content)
            content += chunk
            progress.update(min(len(content), size or most))
            if len(content) - at_begin >= _LEAST:
                at_begin, deadline = len(content), time.monotonic() + _SECONDS
    finally:
        stopped.set()


def _receive(url: str, most: int, arrived: queue.SimpleQueue, stopped: threading.Event) -> None:
    """Puts what a server sends into a queue, as it comes, and at the end an empty chunk or the error."""
    left = most + 1
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:
            while left and not stopped.is_set() and (chunk := response.read1(min(_CHUNK, left))):
                arrived.put(chunk)
                left -= len(chunk)
            if left and (missing := getattr(response, "length", None)):
                raise OSError(f"the connection ended {missing} bytes early")
        arrived.put(b"")
    except Exception as error:  # is raised in the thread that waits
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        arrived.put(error)
