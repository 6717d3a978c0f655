"""What an upload leaves that the end of the service comes upon: nothing, and no noise."""

import json
import socket
import time
from contextlib import contextmanager

import pytest

from tests.helpers.paths import PHOTOS
from tests.helpers.services.albums import form, upload
from tests.helpers.services.serve_command import ServeCommand

PHOTO = sorted(PHOTOS.glob("*.jpg"))[0]
IDLE = ("--jobs-at-once", "0")


def files(data):
    return sorted(p for p in (data / "albums").rglob("*") if p.is_file())


@contextmanager
def begun(service, data, path="/v1/albums"):
    """An upload of which the first photo is on the disk, and the rest does not come."""
    before = files(data)
    kind, body = form([PHOTO, PHOTO])
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.client.key}\r\n"
    head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((service.client.host, service.client.port), 30) as connection:
        connection.sendall(head.encode() + body[: len(body) * 3 // 4])
        until = time.monotonic() + 30
        while len(files(data)) < len(before) + 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        yield connection


def test_a_stop_ends_an_upload_at_once_and_leaves_nothing(tmp_path):
    data = tmp_path / "data"
    with ServeCommand(data, *IDLE) as service, begun(service, data) as connection:
        since = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - since < 10  # of the 15 that requests may take
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "stopping"
        assert b"retry-after" in answer.lower()
        assert "Traceback" not in service.text()
        assert "rror" not in service.text()
    assert files(data) == []


@pytest.mark.parametrize("to_an_album", [False, True])
def test_what_a_kill_leaves_of_an_upload_goes_at_the_next_start(tmp_path, to_an_album):
    data = tmp_path / "data"
    with ServeCommand(data, *IDLE) as service:
        key = service.client.key
        album = upload(service.client, [PHOTO]).json["id"]
        kept = files(data)
        path = f"/v1/albums/{album}/photos" if to_an_album else "/v1/albums"
        with begun(service, data, path):
            service.kill()
    assert len(files(data)) == len(kept) + 2
    with ServeCommand(data, *IDLE, key=key) as service:
        assert service.client.get("/healthz").status == 200  # it has begun
        assert files(data) == kept
        assert [p.name for p in (data / "albums").iterdir()] == [album]


def test_uploads_of_another_process_stay(tmp_path):
    data = tmp_path / "data"
    with ServeCommand(data, *IDLE) as one, begun(one, data):
        taken = files(data)
        with ServeCommand(data, *IDLE, key=one.client.key) as two:
            assert two.client.get("/healthz").status == 200
            assert files(data) == taken
