"""Limits, the one form of errors, and how long things are kept."""

import json
import time

import pytest

from grouping.errors import ConfigError
from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.service.store.records import NewPhoto
from tests.helpers.paths import PHOTOS
from tests.helpers.services.albums import ended, form, grouped, upload
from tests.helpers.services.serving import client_of, serving

FILES = sorted(PHOTOS.glob("*.jpg"))
NOBODY = "a" * 22
URL = {"photos": [{"id": 1, "url": "https://photos.example/1.jpg"}]}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Takes no jobs, so that they wait."""
    data = tmp_path_factory.mktemp("service") / "data"
    settings = ServiceSettings(
        data, jobs_at_once=0, queue_length=2, upload_bytes=200_000, request_bytes=400_000
    )
    return create_app(settings)


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as url:
        yield url


@pytest.fixture
def client(app, url):
    return client_of(app, url)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", f"/v1/albums/{NOBODY}", 404, "not_found"),
        ("GET", f"/v1/albums/{NOBODY}/groups", 404, "not_found"),
        ("DELETE", f"/v1/albums/{NOBODY}", 404, "not_found"),
        ("PUT", "/v1/albums", 405, "method_not_allowed"),
        ("GET", "/v1/albums/..%2f..%2fetc", 404, "not_found"),
        ("GET", "/v1/albums/....", 422, "invalid"),
        ("GET", f"/v1/albums/{NOBODY}/groups?limit=0", 422, "invalid"),
        ("GET", f"/v1/albums/{NOBODY}/people/%00", 422, "invalid"),
        ("POST", f"/v1/albums/{NOBODY}/photos", 404, "not_found"),
    ],
)
def test_every_error_has_one_form(client, method, path, status, code):
    answer = client.ask(method, path, headers={"X-Request-ID": "mine-1"})
    assert (answer.status, answer.code) == (status, code)
    error = answer.json["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["request_id"] == answer.headers["X-Request-ID"] == "mine-1"
    assert "\n" not in error["message"]


def test_an_id_of_a_request_that_is_none_is_replaced(client):
    for text in ("x" * 65, "a b", '"'):
        answer = client.ask("GET", "/nowhere", headers={"X-Request-ID": text})
        assert answer.headers["X-Request-ID"] != text


def test_what_nobody_foresaw_is_logged_and_not_told(app, client, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr(app.state.context.albums, "get", fail)
    answer = client.get(f"/v1/albums/{NOBODY}")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"1234" not in answer.body
    traces = [record.fields["trace"] for record in caplog.records if record.levelname == "ERROR"]
    assert any("1234" in trace for trace in traces)


def test_the_queue_takes_so_many_albums(app, client):
    ids = [client.post_json("/v1/albums", URL).json["id"] for _ in range(2)]
    answer = client.post_json("/v1/albums", URL)
    assert (answer.status, answer.code) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) > 0
    kind, body = form(FILES[:1])
    assert client.ask("POST", "/v1/albums", body, {"Content-Type": kind}).status == 429
    for id in ids:
        assert client.ask("DELETE", f"/v1/albums/{id}").status == 204


def test_a_photo_and_a_request_may_be_so_large(app, client):
    before = app.state.context.albums.numbers()
    answer = upload(client, [("a.jpg", bytes(200_001))])
    assert (answer.status, answer.code) == (413, "too_large")
    answer = upload(client, [("a.jpg", bytes(150_000))] * 3)
    assert (answer.status, answer.code) == (413, "too_large")
    assert app.state.context.albums.numbers() == before
    assert app.state.context.folders.known() == []


@pytest.mark.parametrize("scope", ["read", "find", "write"])
def test_a_key_does_what_its_scope_says(app, url, scope):
    asker = client_of(app, url, scope)
    path = f"/v1/albums/{NOBODY}"
    assert (asker.get(path).status == 403) == (scope != "read")
    assert (asker.ask("DELETE", path).status == 403) == (scope != "write")
    assert (asker.post_json("/v1/albums", {}).status == 403) == (scope != "write")
    assert (asker.ask("PATCH", path + "/people", b"{}").status == 403) == (scope != "write")


def test_nothing_of_albums_is_answered_without_a_key(app, url):
    paths = json.loads(client_of(app, url).get("/openapi.json").body)["paths"]
    nobody = client_of(app, url)
    nobody.key = ""
    asked = 0
    for path, methods in paths.items():
        for method in methods:
            if path.startswith("/v1") and "/me" not in path and "/page/" not in path:
                answer = nobody.ask(method.upper(), path.replace("{id}", NOBODY))
                assert answer.status in (401, 422), (method, path, answer.status)
                asked += 1
    assert asked > 10


def test_albums_are_erased_after_so_many_days_and_not_before(tmp_path):
    day = 86_400.0
    app = create_app(ServiceSettings(tmp_path / "data", keep_days=2.5 / day))
    context = app.state.context
    with serving(app) as url:
        client = client_of(app, url)
        id = grouped(client)["id"]
        assert context.eraser.erase_due() == 0
        assert client.get(f"/v1/albums/{id}").status == 200
        time.sleep(2.6)
        assert context.eraser.erase_due() == 1
        assert client.get(f"/v1/albums/{id}").status == 404
        assert context.folders.known() == []


def test_uploads_that_no_request_finished_go_and_others_stay(tmp_path):
    import os

    context = create_app(ServiceSettings(tmp_path / "data")).state.context
    kept = context.folders.new_upload(NOBODY)
    kept.write_bytes(b"kept")
    context.albums.add("k", [NewPhoto("a", file=kept.name)], id=NOBODY, queue_length=9)
    left = context.folders.new_upload(NOBODY)
    left.write_bytes(b"left")
    orphan = context.folders.new_upload("b" * 22)
    fresh = context.folders.new_upload("c" * 22)
    old = time.time() - 2 * 86_400
    for path in (kept, left, orphan.parent, orphan.parent.parent):
        os.utime(path, (old, old))
    context.eraser.tidy_up()
    assert kept.exists()
    assert not left.exists()
    assert not orphan.parent.parent.exists()
    assert fresh.parent.exists()


def test_an_album_that_is_deleted_while_a_job_is_at_it_ends_and_goes(tmp_path):
    app = create_app(ServiceSettings(tmp_path / "data"))
    with serving(app) as url:
        client = client_of(app, url)
        files = [(f"{n}.jpg", FILES[n % 7].read_bytes() + b"%d" % n) for n in range(40)]
        id = upload(client, files).json["id"]
        until = time.monotonic() + 60
        while client.get(f"/v1/albums/{id}").json["state"] != "running":
            assert time.monotonic() < until
        answer = client.ask("DELETE", f"/v1/albums/{id}")
        assert answer.status == 202
        assert client.get(f"/v1/albums/{id}").status == 404
        while app.state.context.folders.known() or app.state.context.albums.numbers():
            assert time.monotonic() < until
            time.sleep(0.05)
        other = grouped(client)
        assert ended(client, other["id"])["state"] == "done"


@pytest.mark.parametrize(
    "wrong",
    [
        {"photos_a_job": 0},
        {"jobs_at_once": -1},
        {"keep_days": 0},
        {"lease_seconds": float("nan")},
        {"queue_length": True},
        {"buckets": ("../x",)},
        {"results": "s3://bucket"},
        {"results": "/tmp/x"},
        {"allowed_hosts": ("http://x",)},
    ],
)
def test_settings_out_of_their_range_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError):
        ServiceSettings(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []
