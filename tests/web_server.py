"""A web server of this machine, for tests of downloads."""

import contextlib
import functools
import http.server
import threading


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers requests without a log."""

    def log_message(self, *args):
        pass


class Folder(Quiet, http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder: `functools.partial(Folder, directory=...)`."""


@contextlib.contextmanager
def serving(handler):
    """Answers by a handler's class on a free port; gives the address, without a slash at the end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{web.server_port}"
        finally:
            web.shutdown()
            thread.join()


def serving_folder(folder):
    """Serves the files of a folder, as `serving` does."""
    return serving(functools.partial(Folder, directory=str(folder)))
