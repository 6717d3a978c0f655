"""Albums of a service that is asked over HTTP."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.helpers.paths import PHOTOS
from tests.helpers.services.serving import Answer, Client


def form(files: list[Path | tuple[str, bytes]], **album: Any) -> tuple[str, bytes]:
    """Photos and settings as multipart/form-data, and its Content-Type."""
    boundary = uuid4().hex
    named = [f if isinstance(f, tuple) else (f.name, f.read_bytes()) for f in files]
    body = b""
    for name, data in named:
        head = f'form-data; name="photos"; filename="{name}"'
        body += f"--{boundary}\r\nContent-Disposition: {head}\r\n\r\n".encode() + data + b"\r\n"
    if album:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="album"\r\n\r\n'
        body += head.encode() + json.dumps(album).encode() + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def upload(
    client: Client,
    files: list[Any],
    path: str = "/v1/albums",
    headers: dict[str, str] | None = None,
    **album: Any,
) -> Answer:
    """Send photos."""
    kind, body = form(files, **album)
    return client.ask("POST", path, body, {"Content-Type": kind, **(headers or {})})


def ended(client: Client, id: str, revision: int = 1, seconds: float = 60) -> dict[str, Any]:
    """Wait until a job is done; returns the album. What is counted are looks: no time passes for a
    process that the machine has stopped.
    """
    for _ in range(round(seconds / 0.05)):
        album = client.get(f"/v1/albums/{id}").json
        if album["state"] == "failed" or (
            album["state"] == "done" and album["revision"] >= revision
        ):
            return album
        time.sleep(0.05)
    raise AssertionError(album)


def grouped(client: Client, **more: Any) -> dict[str, Any]:
    """An album of the sample photos, done."""
    settings = {"settings": {"min_photos": 1}, **more}
    answer = upload(client, sorted(PHOTOS.glob("*.jpg")), **settings)
    assert answer.status == 202, answer.body
    return ended(client, answer.json["id"])
