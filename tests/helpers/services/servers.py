"""Real servers for tests: HTTP on loopback with faults on request, and S3 in another process."""

from __future__ import annotations

import atexit
import functools
import http.client
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Looks its path up in the server's answers."""

    server: FaultyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        with self.server.lock:
            self.server.requests[path] += 1
            self.server.headers.append(dict(self.headers))
        self.close_connection = True
        self.server.answers.get(path, self.server.otherwise)(self)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    @property
    def tries(self) -> int:
        return self.server.requests[self.path.partition("?")[0]]

    def answer(self, body: bytes = b"", status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError):
            return  # the client hung up first, which is what some tests are about

    def log_message(self, *_: object) -> None:
        return


class FaultyServer(ThreadingHTTPServer):
    """Serves ``answers[path]`` and counts the requests for each path."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.otherwise: Answer = sends(b"", 404)
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server_address[1]}{path}"

    def __enter__(self) -> FaultyServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def sends(body: bytes, status: int = 200, **headers: object) -> Answer:
    return lambda handler: handler.answer(body, status, **headers)


def redirects(target: str, status: int = 302) -> Answer:
    return sends(b"", status, Location=target)


def drops(handler: Handler) -> None:
    """Hang up without a word."""
    handler.connection.close()


def drops_midway(body: bytes) -> Answer:
    """Announce all of ``body``, send half of it, hang up."""

    def answer(handler: Handler) -> None:
        handler.answer(body[: len(body) // 2], Content_Length=len(body))
        handler.wfile.flush()
        handler.connection.close()

    return answer


def stalls(seconds: float) -> Answer:
    """Announce a body and send nothing."""

    def answer(handler: Handler) -> None:
        handler.answer(b"", Content_Length=1000)
        handler.wfile.flush()
        time.sleep(seconds)

    return answer


def drips(pause: float, count: int, *, headers: bool = False, **more: Any) -> Answer:
    """Send one byte a ``pause``: of the headers, or of the body after ``more`` headers."""

    def answer(handler: Handler) -> None:
        if headers:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            handler.answer(b"", Content_Length=count, **more)
        for _ in range(count):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(pause)

    return answer


def first(times: int, fault: Answer, then: Answer) -> Answer:
    """``fault`` for the first requests of a path, ``then`` for the rest."""
    return lambda handler: (fault if handler.tries <= times else then)(handler)


def forwards(url: str) -> Answer:
    """Ask another server, and answer what it answers."""
    upstream = urlsplit(url)
    host = upstream.hostname or ""

    def answer(handler: Handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(host, upstream.port, timeout=30)
        connection.request(handler.command, handler.path, body, dict(handler.headers))
        reply = connection.getresponse()
        body = reply.read()
        handler.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                handler.send_header(name, value)
        if "Content-Length" not in reply.headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        connection.close()

    return answer


MOTO = """
import sys
from moto.server import main
count = int(sys.argv[2])
if count:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    store.create_bucket("many", "us-east-1")
    for number in range(count):
        store.put_object("many", f"photos/{number:06}.jpg", b"%d" % number)
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


@functools.cache
def s3_server(keys: int = 0) -> str:
    """The address of a moto server in a process of its own, started once for a test run.

    With ``keys``, it comes with a bucket ``many`` that holds so many small objects.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", MOTO, str(port), str(keys)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(process.kill)
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return f"http://127.0.0.1:{port}"
    raise RuntimeError("the S3 server did not start")


class RawServer(socketserver.ThreadingTCPServer):
    """Answers every request with the bytes of ``answer``, whatever they are, and hangs up."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RawHandler)
        self.answer = b""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _RawHandler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self.rfile.readline(65536).strip():
                continue
            self.wfile.write(self.server.answer)
