"""Albums that cannot be read: the one code for each cause, in every answer that needs results."""

import contextlib
import os
import sqlite3
import subprocess

import pytest

from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.service.store.records import NewPhoto
from tests.helpers.paths import PHOTOS
from tests.helpers.services.serving import client_of, grouped_album, serving

OBAMA = (PHOTOS / "president_obama_1.jpg").read_bytes()
PLACES = ("groups", "images", "people/p1", "people/p1/portrait", "page/", "page/photos/0")


def answers(client, id):
    """The status and code of every answer that needs the results of an album."""
    found = [client.get(f"/v1/albums/{id}/{place}") for place in PLACES]
    found.append(client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA)))
    return [(answer.status, answer.code) for answer in found]


def test_no_results_yet_has_one_code(tmp_path):
    app = create_app(ServiceSettings(tmp_path, jobs_at_once=0))
    kept, jobs = app.state.context.albums, app.state.context.jobs
    photo = [NewPhoto("x", url="https://x.invalid/")]
    failed = kept.add("tests", photo, queue_length=9).id
    jobs.fail(jobs.claim(), "no photo")
    queued = kept.add("tests", photo, queue_length=9).id
    with serving(app) as url:
        client = client_of(app, url)
        for id, helps in ((queued, "later"), (failed, "post photos")):
            assert answers(client, id) == [(409, "not_ready")] * 7
            assert helps in client.get(f"/v1/albums/{id}/groups").json["error"]["message"]
        link = client.post_json(f"/v1/albums/{queued}/guest-links", {})
        guest = client.get(link.json["url"])
        assert (guest.status, b'data-ended="waiting"' in guest.body) == (409, True)


@pytest.fixture
def disk(tmp_path):
    """A small one of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def left_by_a_kill(cache, aside):
    """Leave a cache as a process that was killed does: with changes in its log alone."""
    connection = sqlite3.connect(cache)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE detections SET sha256 = sha256")
    connection.commit()
    for name in (cache.name, cache.name + "-wal"):
        (aside / name).write_bytes(cache.with_name(name).read_bytes())
    connection.close()
    for name in (cache.name, cache.name + "-wal"):
        (aside / name).replace(cache.with_name(name))


def test_a_question_says_that_the_disk_is_full_and_not_that_the_network_is_another(disk):
    app = create_app(ServiceSettings(disk / "data"))
    with serving(app) as url:
        client = client_of(app, url)
        id = grouped_album(app, {"a.jpg": OBAMA})
        left_by_a_kill(app.state.context.folders.of(id) / "cache.sqlite", disk)
        with (disk / "rest").open("wb", 0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass  # until there is no room
        answer = client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA))
        assert (answer.status, answer.code) == (503, "storage_full"), answer.body
        assert answer.headers["Retry-After"]
        (disk / "rest").unlink()
        assert client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA)).json["found"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return create_app(ServiceSettings(tmp_path_factory.mktemp("service")))


@pytest.fixture(scope="module")
def client(app):
    with serving(app) as url:
        yield client_of(app, url)


def test_a_question_says_that_a_file_cannot_be_read(app, client, caplog, monkeypatch):
    monkeypatch.setattr("grouping.storage.database.reader.BUSY_SECONDS", 0.1)
    id = grouped_album(app, {"a.jpg": OBAMA})
    folder = app.state.context.folders.of(id)
    other = sqlite3.connect(folder / "cache.sqlite")
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")  # as a program that copies it
    try:
        answer = client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA))
    finally:
        other.close()
    assert (answer.status, answer.code) == (503, "unavailable"), answer.body
    assert "network" not in answer.json["error"]["message"]
    assert str(folder) not in answer.body.decode()
    assert "locked" in caplog.text


def test_what_is_damaged_or_has_no_vectors_has_to_be_grouped_again(app, client):
    id = grouped_album(app, {"a.jpg": OBAMA})
    folder = app.state.context.folders.of(id)
    (folder / "cache.sqlite").unlink()
    find = client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA))
    assert (find.status, find.code) == (409, "group_again")
    (folder / "groups.json").write_text("{")
    assert answers(client, id) == [(409, "group_again")] * 7
    assert client.post_json(f"/v1/albums/{id}/photos", {}).status == 202
