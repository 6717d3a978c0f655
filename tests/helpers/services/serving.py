"""The service in a thread of the test, on a port of its own, asked over real HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from grouping.service.safety.api_keys import new_key

ALL_SCOPES = ("read", "write", "find")


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


class Client:
    """Asks a service with a key."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url, key
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post_json(self, path: str, value: Any) -> Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json"})

    def post_photos(self, path: str, *parts: tuple[str, bytes]) -> Answer:
        kind, body = multipart(*parts)
        return self.ask("POST", path, body, {"Content-Type": kind})


def multipart(*parts: tuple[str, bytes]) -> tuple[str, bytes]:
    """A form of files and its Content-Type."""
    boundary = uuid4().hex
    body = b""
    for name, data in parts:
        head = f'Content-Disposition: form-data; name="{name}"; filename="me.jpg"'
        body += f"--{boundary}\r\n{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        body += data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """Serve an ASGI application; gives its address."""
    import uvicorn

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, **options))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        assert time.monotonic() < until, "the service did not start in time"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


def client_of(app: Any, url: str, *scopes: str) -> Client:
    """A client with a new key of these scopes, or of all."""
    text, key = new_key("tests", scopes or ALL_SCOPES)
    app.state.context.keys.add_key(key)
    return Client(url, text)


def grouped_album(app: Any, photos: Mapping[str, bytes], seconds: float = 120) -> str:
    """The id of an album that a running service has grouped."""
    from grouping.service.store.records import NewPhoto, new_id

    context = app.state.context
    id, new = new_id(), []
    for name, data in photos.items():
        path = context.folders.new_upload(id)
        path.write_bytes(data)
        new.append(NewPhoto(name, file=path.name))
    context.albums.add("tests", new, id=id, queue_length=100)
    context.runner.wake()
    until = time.monotonic() + seconds
    while (album := context.albums.get(id)).state in ("queued", "running"):
        assert time.monotonic() < until, "the album was not grouped in time"
        time.sleep(0.1)
    assert album.state == "done", album.error
    return id
