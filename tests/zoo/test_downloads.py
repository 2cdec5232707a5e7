import contextlib
import shutil
import time

import numpy as np
import pytest
from web_server import Quiet, serving

from dia_keras import zoo
from dia_keras.zoo import downloads
from dia_keras.zoo.files import head_and_stem


@pytest.fixture
def corrupt(small_zoo, monkeypatch):
    """A weights file to corrupt, which must not be opened."""

    def shape_in(file, name):
        raise AssertionError(f"{file.path} was parsed before it was verified")

    monkeypatch.setattr(head_and_stem, "shape_in", shape_in)
    return small_zoo.file


def test_weights_are_looked_for_in_package_directory_checkout_and_cache(small_zoo, monkeypatch):
    monkeypatch.setenv("DIA_KERAS_WEIGHTS", "~/nets")
    package, directory, checkout, cache = downloads.places()
    assert package.parts[-3:] == ("dia_keras", "zoo", "weights")
    assert directory.name == "nets" and directory.is_absolute()
    assert checkout == package.parents[2] / "zoo" / "weights"
    assert cache == small_zoo.cache


def test_the_directory_goes_before_the_cache(small_zoo):
    card = zoo.card("tiny_cifar10")
    small_zoo.cache.mkdir()
    cached = small_zoo.cache / small_zoo.file.name
    shutil.copy(small_zoo.file, cached)
    assert downloads.read_weights(card, card.weights).path == small_zoo.file
    small_zoo.file.unlink()
    assert downloads.read_weights(card, card.weights).path == cached


def test_every_load_verifies_and_one_changed_byte_is_an_error(corrupt):
    content = bytearray(corrupt.read_bytes())
    content[-1] ^= 1
    corrupt.write_bytes(content)
    with pytest.raises(ValueError) as error:
        zoo.load("tiny_cifar10")
    message = str(error.value)
    card = zoo.card("tiny_cifar10")
    assert str(corrupt) in message
    assert f"SHA-256 {card.weights.sha256}" in message
    assert "Received: " in message and card.weights.sha256 not in message.partition("Received: ")[2]


def test_a_file_of_another_size_is_an_error(corrupt):
    size = corrupt.stat().st_size
    corrupt.write_bytes(corrupt.read_bytes()[:-1])
    with pytest.raises(
        ValueError, match=rf"tiny_cifar10.weights.h5 must have {size} bytes.*Received: {size - 1} bytes"
    ):
        zoo.load("tiny_cifar10")


def test_weights_that_are_nowhere_are_an_error_that_says_where_they_were_looked_for(small_zoo):
    small_zoo.file.unlink()
    with pytest.raises(FileNotFoundError) as error:
        zoo.load("tiny_cifar10")
    assert all(str(place) in str(error.value) for place in downloads.places())
    assert "DIA_KERAS_URL" in str(error.value)


class Handler(Quiet):
    """Serves `content` under `/nets/tiny_cifar10.weights.h5`, all of it or the first `sent` bytes."""

    content: bytes
    sent: int | None
    requests: int
    slow_start: bytes | None = None  # of an answer that goes on byte by byte, for two seconds
    pause: float = 0

    def do_GET(self):
        type(self).requests += 1
        if self.slow_start:
            with contextlib.suppress(OSError):
                self.wfile.write(self.slow_start)
                for _ in range(100):
                    self.wfile.write(b"a")
                    time.sleep(0.02)
            return
        if self.path != "/nets/tiny_cifar10.weights.h5":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(self.content[:5000])
            time.sleep(self.pause)
            self.wfile.write(self.content[5000 : self.sent])


@pytest.fixture
def server(small_zoo, monkeypatch):
    """Serves the weights, which are nowhere else; returns the class of the handler."""
    handler = type("H", (Handler,), {"content": small_zoo.file.read_bytes(), "sent": None, "requests": 0})
    small_zoo.file.unlink()
    with serving(handler) as address:
        monkeypatch.setenv("DIA_KERAS_URL", f"{address}/nets/")
        yield handler


def test_weights_are_downloaded_once_into_the_cache(small_zoo, server):
    model = zoo.load("tiny_cifar10")
    zoo.load("tiny_cifar10")
    assert server.requests == 1
    np.testing.assert_array_equal(model.get_weights()[0], small_zoo.model.get_weights()[0])
    assert [path.name for path in small_zoo.cache.iterdir()] == ["tiny_cifar10.weights.h5"]


def test_a_cache_that_cannot_be_made_is_one_clear_error(small_zoo, server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "file" / "dia_keras")
    with pytest.raises(ValueError, match=r"The cache must be a folder that may be written to: XDG_CACHE_HOME names"):
        zoo.load("tiny_cifar10")


def test_a_cache_that_cannot_be_written_to_is_an_error_before_the_download(small_zoo, server, monkeypatch):
    def fails(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(downloads.tempfile, "TemporaryFile", fails)
    monkeypatch.setattr(downloads, "download", lambda *arguments: pytest.fail("downloaded"))
    with pytest.raises(ValueError, match=r"The cache must be .*XDG_CACHE_HOME names another. Received: .*denied"):
        zoo.load("tiny_cifar10")


def test_an_interrupted_download_leaves_nothing(small_zoo, server):
    server.sent = 10_000
    with pytest.raises((ConnectionError, ValueError), match=r"127.0.0.1.*tiny_cifar10"):
        zoo.load("tiny_cifar10")
    assert list(small_zoo.cache.iterdir()) == []


def test_a_download_stopped_by_the_user_leaves_nothing(small_zoo, server, monkeypatch):
    class Stop:
        def __init__(self, *args, **kwargs):
            pass

        def update(self, received):
            raise KeyboardInterrupt

    monkeypatch.setattr(downloads.keras.utils, "Progbar", Stop)
    with pytest.raises(KeyboardInterrupt):
        zoo.load("tiny_cifar10")
    assert list(small_zoo.cache.iterdir()) == []


@pytest.mark.parametrize("change", [lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b + b"more", lambda b: b[:-9]])
def test_a_download_that_is_not_what_the_card_says_leaves_nothing(small_zoo, server, change):
    server.content = change(server.content)
    with pytest.raises(ValueError, match=r"http://127.0.0.1.*as its card says"):
        zoo.load("tiny_cifar10")
    assert list(small_zoo.cache.iterdir()) == []


def test_a_file_missing_on_the_server_is_an_error_with_its_address(small_zoo, server, monkeypatch):
    monkeypatch.setenv("DIA_KERAS_URL", downloads.os.environ["DIA_KERAS_URL"] + "other")
    with pytest.raises(ConnectionError, match=r"nets/other/tiny_cifar10.weights.h5 failed: .*404"):
        zoo.load("tiny_cifar10")
    assert list(small_zoo.cache.iterdir()) == []


@pytest.mark.parametrize("start", [b"HTTP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.0 200 OK\r\nA: "])
def test_a_download_byte_by_byte_ends_in_an_error(small_zoo, server, monkeypatch, start):
    monkeypatch.setattr(downloads, "_SECONDS", 0.3)
    server.slow_start = start
    with pytest.raises(
        ConnectionError, match=r"http://127.*tiny_cifar10.weights.h5 failed: it brought \d+ bytes in 0.3"
    ):
        zoo.load("tiny_cifar10")
    assert list(small_zoo.cache.iterdir()) == []


def test_a_slow_download_that_goes_on_is_not_ended(small_zoo, server, monkeypatch):
    monkeypatch.setattr(downloads, "_SECONDS", 0.5)
    monkeypatch.setattr(downloads, "_LEAST", 1000)
    server.pause = 0.3
    zoo.load("tiny_cifar10")


def test_what_killed_downloads_left_is_removed(small_zoo, server):
    folder = small_zoo.cache / ".other.weights.h5.abc"
    folder.mkdir(parents=True)
    (folder / "tiny_cifar10.weights.h5").write_text("half")
    (folder / "other.weights.h5.lock").write_text("")  # whose process is gone
    zoo.load("tiny_cifar10")
    assert [path.name for path in small_zoo.cache.iterdir()] == ["tiny_cifar10.weights.h5"]


def test_what_was_verified_is_what_is_loaded(small_zoo, monkeypatch):
    """Another process puts another file, a sound one, in the place of the verified one."""
    other = zoo.load("tiny_cifar10", weights=None)
    zoo.save_weights(other, small_zoo.cache.parent / "other.weights.h5")
    verify = downloads._verify

    def verify_and_swap(*arguments):
        verify(*arguments)
        shutil.move(small_zoo.cache.parent / "other.weights.h5", small_zoo.file)

    monkeypatch.setattr(downloads, "_verify", verify_and_swap)
    model = zoo.load("tiny_cifar10")
    assert not (small_zoo.cache.parent / "other.weights.h5").exists()
    for new, old in zip(model.get_weights(), small_zoo.model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
