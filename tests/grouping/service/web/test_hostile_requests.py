"""What breakers found: bodies before keys, full disks, connections that say nothing."""

import contextlib
import http.client
import os
import socket
import subprocess
import threading
import time

import pytest
from sqlalchemy import event

from grouping.errors import ConfigError, OutputError
from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.service.web.listening import impatient_protocol
from grouping.service.web.refusals import RefusedRequestError
from tests.helpers.services.albums import form, upload
from tests.helpers.services.serving import Client, client_of, serving

NOBODY = "a" * 22
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Takes no jobs, so that albums stay as they were sent."""
    settings = ServiceSettings(tmp_path_factory.mktemp("service") / "data", jobs_at_once=0)
    return create_app(settings)


@pytest.fixture(scope="module")
def url(app):
    with serving(app, http=impatient_protocol(0.5)) as url:
        yield url


@pytest.fixture
def client(app, url):
    return client_of(app, url)


@pytest.fixture
def album(client):
    return upload(client, [("a.jpg", b"no photo")]).json["id"]


@pytest.mark.parametrize(
    ("method", "path", "size"),
    [
        ("PATCH", "people", 9 * 2**20),
        ("POST", "page-links", 100_000),
        ("POST", "guest-links", 100_000),
    ],
)
def test_a_stranger_has_no_large_json_parsed(url, method, path, size):
    """FastAPI alone would read and parse a body before it asks for the key."""
    body = b"[" + b"1," * (size // 2) + b"1]"
    answer = Client(url).ask(method, f"/v1/albums/{NOBODY}/{path}", body, JSON)
    assert (answer.status, answer.code) == (413, "too_large")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"photos": [{"id": "a\0", "url": "https://e.example/1.jpg"}]}, "body.photos.0.id: "),
        ({"photos": [{"id": 1, "url": "ftp://e.example/1.jpg"}]}, "body.photos.0.url: "),
        ({"settings": {"threshold": 7}}, "body.settings.threshold: "),
        ({"webhook": {"url": "x"}}, "body.webhook.url: must be an https:// address"),
    ],
)
def test_what_is_wrong_is_said_without_the_names_of_a_library(client, value, place):
    message = client.post_json("/v1/albums", value).json["error"]["message"]
    assert message.startswith(place)
    assert not any(word in message for word in ("function", "constrained", "Value error"))


def test_uploads_of_one_name_are_told_apart_request_after_request(app, client, album):
    """Phones call every photo alike."""
    for number in range(3):
        answer = upload(client, [("a.jpg", b"%d" % number)], f"/v1/albums/{album}/photos")
        assert answer.status == 202, answer.body
    ids = [photo.id for photo in app.state.context.albums.photos_of(album)]
    assert ids == ["a.jpg", "a.jpg (2)", "a.jpg (3)", "a.jpg (4)"]


def test_uploads_of_one_name_at_once_lose_no_photo(app, client, album):
    path, answers = f"/v1/albums/{album}/photos", []

    def send(number):
        answers.append(upload(client, [("b.jpg", b"%d" % number)], path))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [202] * 8
    ids = [photo.id for photo in app.state.context.albums.photos_of(album)]
    assert len(ids) == len(set(ids)) == 9


def test_an_album_is_grouped_again_without_new_photos(app, client, album):
    before = app.state.context.albums.get(album)
    answer = client.post_json(f"/v1/albums/{album}/photos", {})
    assert answer.status == 202
    after = app.state.context.albums.get(album)
    assert (after.wanted, after.photos) == (before.wanted + 1, before.photos)


@pytest.mark.parametrize("kind", ["page", "guest"])
def test_a_link_is_made_without_a_body(client, album, kind):
    assert client.ask("POST", f"/v1/albums/{album}/{kind}-links").status == 201


@contextlib.contextmanager
def full(store):
    """The store as on a full disk: SQLite itself says so, its file may not grow."""
    engine = store.engine

    def limit(connection, *_):
        connection.execute("PRAGMA max_page_count=1")  # raised to the pages that there are

    event.listen(engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(engine, "checkout", limit)
        engine.dispose()


def test_a_full_disk_is_said_to_be_one(app, client):
    photos = [{"id": n, "url": f"https://e.example/{n:0500}.jpg"} for n in range(500)]
    with full(app.state.context.store):
        answer = client.post_json("/v1/albums", {"photos": photos})
    assert (answer.status, answer.code) == (503, "storage_full")
    assert client.post_json("/v1/albums", {"photos": photos}).status == 202


def test_an_album_is_erased_where_the_disk_is_full(tmp_path):
    """It is what makes room: it must not need some."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        app = create_app(ServiceSettings(disk / "data", jobs_at_once=0))
        with serving(app) as url:
            client = client_of(app, url)
            album = upload(client, [("a.jpg", bytes(2**20))]).json["id"]
            jobs = app.state.context.jobs
            jobs.finish(jobs.claim(), progress={}, counts={}, failures={})
            with (disk / "rest").open("wb", 0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass  # until there is no room
            answer = upload(client, [("b.jpg", bytes(2**20))])
            assert (answer.status, answer.code) == (503, "storage_full")
            assert client.ask("DELETE", f"/v1/albums/{album}").status == 204
            assert client.get(f"/v1/albums/{album}").status == 404
            assert upload(client, [("b.jpg", bytes(2**19))]).status == 202
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_store_that_is_locked_is_said_to_be_away(app, client, album, monkeypatch):
    """By another program, as one that copies the file."""
    store = app.state.context.store
    store.engine.dispose()

    def impatient(connection, *_):
        connection.execute("PRAGMA busy_timeout=50")

    event.listen(store.engine, "connect", impatient)
    try:
        with store.writing():
            answer = client.post_json(f"/v1/albums/{album}/photos", {})
    finally:
        event.remove(store.engine, "connect", impatient)
        store.engine.dispose()
    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_who_connects_and_says_nothing_is_let_go(url):
    host, _, port = url.removeprefix("http://").partition(":")
    for head in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        with socket.create_connection((host, int(port)), timeout=10) as caller:
            caller.sendall(head)
            assert caller.recv(100) == b""


def test_a_second_request_may_not_dawdle_either_and_a_slow_answer_is_not_cut(url, client, album):
    connection = http.client.HTTPConnection(client.host, client.port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    connection.sock.sendall(b"GET /healthz HTTP/1.1\r\n")
    assert connection.sock.recv(100) == b""
    kind, body = form([("c.jpg", b"x" * 100)])
    with socket.create_connection((client.host, client.port), timeout=10) as caller:
        head = f"POST /v1/albums/{album}/photos HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        head += f"Authorization: Bearer {client.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        caller.sendall(head.encode() + body[:50])
        time.sleep(1.5)  # longer than a head may take: this is a body
        caller.sendall(body[50:])
        assert caller.recv(100).startswith(b"HTTP/1.1 202")


def test_one_guest_cannot_hold_all_places(app):
    pool = app.state.context.guards.pool
    with contextlib.ExitStack() as held:
        for _ in range(app.state.context.settings.questions_waiting // 4):
            held.enter_context(pool.place("a link"))
        with pytest.raises(RefusedRequestError, match="ask again in a moment"):
            held.enter_context(pool.place("a link"))
        with pool.place(), pool.place("another link"):
            pass
    with pool.place("a link"):
        pass


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://photos.example/", "https://photos.example"),
        ("https://photos.example:8443/faces/", "https://photos.example:8443/faces"),
    ],
)
def test_links_have_no_slash_too_many(tmp_path, url, kept):
    assert ServiceSettings(tmp_path, public_url=url).public_url == kept


@pytest.mark.parametrize(
    "url", ["photos.example", "ftp://photos.example", "https://", "https://a/?b", "https://a:x/"]
)
def test_an_address_that_no_browser_reaches_is_refused(tmp_path, url):
    with pytest.raises(ConfigError, match="public_url"):
        ServiceSettings(tmp_path, public_url=url)


def test_the_page_is_found_below_a_path_of_the_proxy(tmp_path):
    settings = ServiceSettings(
        tmp_path / "data", jobs_at_once=0, public_url="https://photos.example/faces"
    )
    app = create_app(settings)
    with serving(app) as url:
        client = client_of(app, url)
        album = upload(client, [("a.jpg", b"no photo")]).json["id"]
        link = client.post_json(f"/v1/albums/{album}/page-links", {}).json["url"]
        assert link.startswith("https://photos.example/faces/v1/albums/")
        answer = Client(url).get(link.removeprefix("https://photos.example/faces"))
    assert f"Path=/faces/v1/albums/{album}/page/;" in answer.headers["Set-Cookie"] + ";"


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        ("?t=cut", 403, "This link does not work"),
        ("", 401, "This page is closed"),
        ("waiting", 409, "The photos are being looked at"),
        ("failed", 409, "The photos could not be grouped"),
        ("erased", 404, "This album is not there any more"),
    ],
)
def test_people_are_told_in_words_why_there_is_no_page(app, client, album, what, status, words):
    headers = {"Accept": "text/html,*/*;q=0.8"}
    path = f"/v1/albums/{album}/page/"
    if not what.startswith("?") and what:
        token, _ = app.state.context.guards.links.sign("page", album, 600, "save")
        headers["Cookie"] = f"album_page={token}"
    if what == "failed":
        jobs = app.state.context.jobs
        while (job := jobs.claim()) is not None:
            jobs.fail(job, "out of luck")
    if what == "erased":
        assert client.ask("DELETE", f"/v1/albums/{album}").status == 204
    browser = Client(client.url)
    answer = browser.ask("GET", path + (what if what.startswith("?") else ""), headers=headers)
    assert answer.status == status
    assert words in answer.body.decode()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert ("refresh" in answer.body.decode()) == (what == "waiting")
    del headers["Accept"]
    assert browser.ask("GET", path, headers=headers).json["error"]["code"]


def test_an_album_that_was_changed_since_it_was_listed_is_not_too_old(app, client, album):
    albums = app.state.context.albums
    assert albums.begin_erasing(album, 0.0) is None  # it waits to be grouped
    jobs = app.state.context.jobs
    while (job := jobs.claim()) is not None:
        jobs.finish(job, progress={}, counts={}, failures={})
    assert albums.begin_erasing(album, 60.0) is None
    assert albums.begin_erasing(album, 0.0) is True


def test_an_album_that_cannot_be_erased_is_logged_and_the_others_go(
    app, client, album, monkeypatch, caplog
):
    context = app.state.context
    other = upload(client, [("a.jpg", b"no photo")]).json["id"]
    erase = context.folders.erase

    def stuck(id):
        if id == album:
            raise OutputError("an album cannot be erased: Device or resource busy")
        erase(id)

    monkeypatch.setattr(context.folders, "erase", stuck)
    for id in (album, other):
        context.albums.begin_erasing(id)
    with caplog.at_level("ERROR", "grouping"):
        context.eraser.erase_due()
    assert "Device or resource busy" in caplog.text
    assert album in context.folders.known()
    assert other not in context.folders.known()
    monkeypatch.undo()
    context.eraser.erase_due()
    assert album not in context.folders.known()


def test_a_guest_is_told_whether_waiting_helps(app, client, album):
    path = f"/v1/albums/{album}/me?t={app.state.context.guards.links.sign('guest', album, 600)[0]}"
    assert 'data-ended="waiting"' in Client(client.url).get(path).body.decode()
    assert client.ask("DELETE", f"/v1/albums/{album}").status == 204
    assert 'data-ended="gone"' in Client(client.url).get(path).body.decode()


def test_names_with_joiners_are_names(app, client):
    """Persian and emoji of families have them; signs that turn the line round are none."""
    names = ["\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\U0001f468\u200d\U0001f469"]
    photos = [{"id": name, "url": "https://e.example/1.jpg"} for name in names]
    album = client.post_json("/v1/albums", {"photos": photos}).json["id"]
    assert [photo.id for photo in app.state.context.albums.photos_of(album)] == names
    for wrong in ("\u202egpj", "\u200d", " \u200c"):
        photos = [{"id": wrong, "url": "https://e.example/1.jpg"}]
        assert client.post_json("/v1/albums", {"photos": photos}).status == 422
    files = [(f"{names[0]}.jpg", b"1"), ("\u202egpj.exe", b"2"), ("\u200d", b"3")]
    album = upload(client, files).json["id"]
    found = [photo.id for photo in app.state.context.albums.photos_of(album)]
    assert found == [f"{names[0]}.jpg", "gpj.exe", "photo-3"]
