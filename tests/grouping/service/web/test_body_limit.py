"""Bodies that are too large, too slow or lie about their size, over real sockets."""

import json
import socket
import time
import tracemalloc
from urllib.parse import urlsplit

import pytest
from fastapi import Body, FastAPI, Request

from grouping.service.web import body_limit
from grouping.service.web.body_limit import BodyLimit, limit_by_path
from grouping.service.web.error_envelope import add_error_handlers
from tests.helpers.services.serving import Client, serving

SMALL, LARGE = 1000, 5_000_000
# Seconds after which the server hangs up, which is where an answer is known to end: where nothing
# is asked any more, and where the rest of what was refused does not come.
IDLE = LINGER = 0.5


@pytest.fixture(scope="module")
def url():
    app = FastAPI()
    add_error_handlers(app)
    app.add_middleware(
        BodyLimit,
        limit_of=limit_by_path({"large": LARGE}, SMALL),
        seconds=3.0,
        grace=0.5,
        least_rate=10_000,
    )

    @app.post("/raw")
    @app.post("/large")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.post("/parsed")
    async def parsed(value: list = Body()) -> int:  # noqa: B008
        return len(value)

    @app.post("/early")
    async def early() -> str:
        return "not read"

    with pytest.MonkeyPatch.context() as patch, serving(app, timeout_keep_alive=IDLE) as address:
        patch.setattr(body_limit, "LINGER_SECONDS", LINGER)
        yield address


@pytest.fixture
def client(url):
    return Client(url)


def send(url, *pieces, pause=0.0):
    """Send pieces as they are and return all that comes back."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        received = b""
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except OSError:
            pass
    return received


def head(path, *headers):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def status(answer):
    return int(answer.split()[1])


def chunked(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("path", ["/raw", "/parsed"])
def test_what_is_within_the_limit_passes(client, path):
    body = json.dumps(["x"] * 150).encode()
    assert len(body) <= SMALL
    answer = client.ask("POST", path, body, {"Content-Type": "application/json"})
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/raw", "/parsed"])
def test_of_an_announced_giant_nothing_is_read(url, path):
    answer = send(url, head(path, "Content-Length: 10000000000"))
    assert status(answer) == 413
    assert b'"code":"too_large"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("path", ["/raw", "/parsed"])
def test_one_that_announces_nothing_is_counted(url, path):
    pieces = [head(path, "Transfer-Encoding: chunked", "Content-Type: application/json")]
    pieces += [chunked(b"[" + b'"x",' * 100)] * 100
    answer = send(url, *pieces)
    assert status(answer) == 413
    assert b'"code":"too_large"' in answer


def test_memory_stays_bounded(url):
    tracemalloc.start()
    try:
        piece = chunked(b"x" * 1_000_000)
        answer = send(url, head("/large", "Transfer-Encoding: chunked"), *[piece] * 200)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status(answer) == 413
    assert peak < 8 * LARGE


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "10, 10000", "ten", "9" * 5000])
def test_lengths_that_are_none(url, length):
    assert status(send(url, head("/raw", f"Content-Length: {length}"), b"x" * 10)) in (400, 413)


def test_a_body_that_drips_is_cut_off(url):
    since = time.monotonic()
    answer = send(url, head("/raw", "Content-Length: 900"), *[b"x"] * 40, pause=0.05)
    assert status(answer) == 408
    assert time.monotonic() - since < 5


def test_a_body_that_stops_is_cut_off(url):
    assert status(send(url, head("/raw", "Content-Length: 900"), b"x" * 100)) == 408


def test_a_fast_one_may_take_longer_than_the_grace(url):
    pieces = [head("/large", "Content-Length: 100000"), *[b"x" * 10_000] * 10]
    answer = send(url, *pieces, b"", pause=0.1)
    assert answer == b"" or status(answer) == 200


def test_a_body_that_nobody_reads_delays_no_answer(url):
    assert status(send(url, head("/early", "Content-Length: 900"))) == 200
