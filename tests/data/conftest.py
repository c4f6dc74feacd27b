"""A web server on this machine, for the tests of downloads."""

from __future__ import annotations

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server:
    """Sends `body` to whoever asks.

    Attributes:
        url: where it listens.
        asked: the paths asked for so far.
        status, body: what it sends.
        announced: its Content-Length; None sends none.
        broken: how many times from now on the connection breaks off in the middle of the body.
    """

    def __init__(self, port: int):
        self.url, self.asked = f"http://127.0.0.1:{port}", []
        self.status, self.body, self.announced, self.broken = 200, b"", None, 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        request.send_response(self.status)
        if self.announced is not None or self.broken:
            request.send_header("Content-Length", str(self.announced or len(self.body)))
        request.end_headers()
        request.wfile.write(self.body[: len(self.body) // 2] if self.broken else self.body)
        self.broken = max(0, self.broken - 1)


@pytest.fixture
def server(monkeypatch):
    """A `Server`, and no pause between the tries of a download."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(ConnectionError):  # the other side has had enough
                answers.answer(self)

        def log_message(self, *what):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answers = Server(listening.server_port)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    yield answers
    listening.shutdown()
    thread.join()
    listening.server_close()
