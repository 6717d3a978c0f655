"""Questions over HTTP give what the Python calls give, leave no trace, and survive what is sent."""

import base64
import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from grouping import AlbumIndex, extract_faces, find, represent, verify
from grouping.service.app import create_app
from grouping.service.settings import ServiceSettings
from grouping.service.store.records import NewPhoto, new_id
from tests.helpers.paths import PHOTOS
from tests.helpers.services.serving import Client, client_of, grouped_album, multipart, serving

OBAMA = (PHOTOS / "president_obama_1.jpg").read_bytes()
BIDEN = (PHOTOS / "president_biden.jpg").read_bytes()
TOGETHER = (PHOTOS / "two_presidents.jpg").read_bytes()
ROCKET = (PHOTOS / "rocket.jpg").read_bytes()
IN_ALBUM = (
    *("president_obama_2.jpg", "president_obama_3.jpg", "two_presidents.jpg"),
    *("president_biden.jpg", "astronaut.jpg", "rocket.jpg"),
)
MOST = 1_000_000
QUESTIONS = ("verify", "represent", "extract", "albums/{}/find")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return create_app(ServiceSettings(data=tmp_path_factory.mktemp("data"), question_bytes=MOST))


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def client(app, url):
    return client_of(app, url, "find")


@pytest.fixture(scope="module")
def album(app, url):
    return grouped_album(app, {name: (PHOTOS / name).read_bytes() for name in IN_ALBUM})


def text(data):
    return base64.b64encode(data).decode()


def as_json(value):
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("kind", ["form", "json"])
def test_verify_says_what_python_says(client, kind):
    expected = as_json(verify(OBAMA, TOGETHER).as_dict())
    if kind == "form":
        answer = client.post_photos("/v1/verify", ("a", OBAMA), ("b", TOGETHER))
    else:
        answer = client.post_json("/v1/verify", {"a": text(OBAMA), "b": text(TOGETHER)})
    assert answer.status == 200
    assert answer.json == expected
    assert answer.json["verdict"] == "same"


def test_unsure_and_its_reasons_are_kept(client):
    expected = verify(OBAMA, TOGETHER, false_matches=1e-9)
    answer = client.post_photos(
        "/v1/verify?false_matches=0.000000001", ("a", OBAMA), ("b", TOGETHER)
    )
    assert answer.json == as_json(expected.as_dict())
    with Image.open(PHOTOS / "president_obama_2.jpg") as photo:
        blurred = photo.resize((photo.width // 16, photo.height // 16)).resize(photo.size)
    poor = BytesIO()
    blurred.save(poor, "JPEG", quality=90)
    answer = client.post_photos("/v1/verify", ("a", poor.getvalue()), ("b", OBAMA))
    assert answer.json == as_json(verify(poor.getvalue(), OBAMA).as_dict())
    assert answer.json["verdict"] == "unsure"
    assert "lies between" in answer.json["reasons"][0]


def test_represent_gives_the_vectors_to_the_last_bit(client):
    answer = client.post_photos("/v1/represent", ("photo", TOGETHER))
    assert answer.status == 200
    faces = answer.json["faces"]
    expected = represent(TOGETHER)
    assert faces == as_json([face.as_dict() for face in expected])
    for face, known in zip(faces, expected, strict=True):
        assert np.array_equal(np.array(face["embedding"], np.float32), known.embedding)


def test_extract_gives_faces_and_their_pictures_where_asked(client):
    expected = extract_faces(TOGETHER)
    plain = client.post_photos("/v1/extract", ("photo", TOGETHER)).json["faces"]
    assert [(face.pop("crop"), face.pop("loose_crop")) for face in plain] == [(None, None)] * 2
    assert plain == as_json([face.as_dict() for face in expected])
    drawn = client.post_photos("/v1/extract?crops=true", ("photo", TOGETHER)).json["faces"]
    for face, known in zip(drawn, expected, strict=True):
        for name in ("crop", "loose_crop"):
            with Image.open(BytesIO(base64.b64decode(face[name]))) as image:
                assert np.array_equal(np.asarray(image), getattr(known, name))


def test_no_face_is_an_empty_list_or_a_line(client):
    assert client.post_photos("/v1/represent", ("photo", ROCKET)).json == {"faces": []}
    assert client.post_photos("/v1/extract", ("photo", ROCKET)).json == {"faces": []}
    answer = client.post_photos("/v1/verify", ("a", ROCKET), ("b", OBAMA))
    assert (answer.status, answer.code) == (422, "no_face")


def test_only_represent_gives_vectors(client, album):
    for path, *parts in (
        ("/v1/verify", ("a", OBAMA), ("b", BIDEN)),
        ("/v1/extract?crops=true", ("photo", OBAMA)),
        (f"/v1/albums/{album}/find", ("selfie", OBAMA)),
    ):
        answer = client.post_photos(path, *parts)
        assert answer.status == 200
        assert longest_list(answer.json) < 100
        assert "embedding" not in answer.body.decode()


def longest_list(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = len(value) if isinstance(value, list) else 0
    return max([own, *map(longest_list, inner)])


@pytest.mark.parametrize("selfies", [[OBAMA], [OBAMA, BIDEN], [BIDEN], [ROCKET], [b"no photo"]])
def test_find_says_what_python_says(app, client, album, selfies):
    folder = app.state.context.folders.of(album)
    answer = client.post_photos(f"/v1/albums/{album}/find", *[("selfie", s) for s in selfies])
    assert answer.status == 200
    expected = as_json(find(selfies, folder).as_dict())
    assert expected.pop("album") == str(folder)
    found = answer.json
    assert found.pop("album") == album
    for photo in expected["photos"]:
        assert str(folder) in photo["url"]  # an upload: where it lies is nobody's business
        photo["url"] = None
    assert found == expected
    assert str(folder) not in answer.body.decode()
    as_list = client.post_json(f"/v1/albums/{album}/find", {"selfie": [*map(text, selfies)]})
    assert as_list.json["photos"] == found["photos"]


def test_find_finds_the_right_photos(client, album):
    found = client.post_json(f"/v1/albums/{album}/find", {"selfie": text(OBAMA)}).json
    assert found["found"]
    assert sorted(photo["id"] for photo in found["photos"]) == [
        "president_obama_2.jpg",
        "president_obama_3.jpg",
        "two_presidents.jpg",
    ]


@pytest.mark.parametrize("share", ["0.001", "0.0125", "0.05"])
def test_shares_of_false_matches(app, client, album, share):
    answer = client.post_photos(f"/v1/albums/{album}/find?false_matches={share}", ("selfie", OBAMA))
    expected = find(OBAMA, app.state.context.folders.of(album), false_matches=float(share))
    assert answer.json["needed"] == expected.as_dict()["needed"]


@pytest.mark.parametrize("share", ["0.3", "0", "-1", "1", "nan", "inf", "x", "", "1e-3000"])
def test_shares_that_cannot_be_allowed(client, album, share):
    path = f"/v1/albums/{album}/find?false_matches={share}"
    assert client.post_photos(path, ("selfie", OBAMA)).status == 422


def test_many_callers_get_the_answers_of_one(client, album):
    def ask(selfie):
        answer = client.post_photos(f"/v1/albums/{album}/find", ("selfie", selfie))
        assert answer.status == 200
        return [photo["id"] for photo in answer.json["photos"]]

    alone = [ask(OBAMA), ask(BIDEN)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, [OBAMA, BIDEN] * 6)) == alone * 6


def test_corrections_and_new_results_are_asked_at_once(app, url):
    client = client_of(app, url, "find")
    names = ("president_obama_2.jpg", "president_obama_3.jpg")
    id = grouped_album(app, {name: (PHOTOS / name).read_bytes() for name in names})
    path = f"/v1/albums/{id}/find"
    found = client.post_photos(path, ("selfie", OBAMA)).json
    assert found["person"]["name"] is None
    groups = app.state.context.folders.of(id) / "groups.json"
    document = json.loads(groups.read_text())
    document["groups"][0]["name"] = "Barack"
    groups.write_text(json.dumps(document))
    assert client.post_photos(path, ("selfie", OBAMA)).json["person"]["name"] == "Barack"


def test_an_album_without_results_yet(tmp_path):
    app, id = create_app(ServiceSettings(data=tmp_path, jobs_at_once=0)), new_id()
    new = [NewPhoto("x", url="https://x.invalid/")]
    app.state.context.albums.add("tests", new, id=id, queue_length=9)
    with serving(app) as url:
        client = client_of(app, url, "find")
        answer = client.post_photos(f"/v1/albums/{id}/find", ("selfie", OBAMA))
        assert (answer.status, answer.code) == (409, "not_ready")
        assert str(tmp_path) not in answer.body.decode()


@pytest.mark.parametrize(
    "id", ["A" * 22, "..", "%2e%2e", "..%2f..%2fetc", "A" * 21 + "%0a", "A" * 500, "Ä" * 22, "%00"]
)
def test_albums_that_are_none(client, id):
    path = f"/v1/albums/{quote(id, safe='%')}/find"
    assert client.post_photos(path, ("selfie", OBAMA)).status in (404, 405, 422)


@pytest.mark.parametrize("path", [f"/v1/{name}" for name in QUESTIONS])
def test_who_may_ask(app, url, album, path):
    path = path.format(album)
    answer = Client(url).post_photos(path, ("photo", OBAMA))
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    answer = client_of(app, url, "read", "write").post_photos(path, ("photo", OBAMA))
    assert (answer.status, answer.code) == (403, "forbidden")


def test_a_revoked_key_is_of_no_use_at_once(app, url):
    client = client_of(app, url, "find")
    assert client.post_photos("/v1/extract", ("photo", ROCKET)).status == 200
    newest = app.state.context.keys.keys()[-1]
    app.state.context.keys.revoke_key(newest.id, datetime.now(UTC))
    assert client.post_photos("/v1/extract", ("photo", ROCKET)).status == 401


def forms(boundary=b"b"):
    """Bodies of multipart/form-data that are damaged, or hold something else."""
    part = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    return {
        "empty": b"",
        "no end": part + b"x",
        "no part": b"--b--\r\n",
        "empty photo": part + b"\r\n--b--\r\n",
        "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        "no headers": b"--b\r\n\r\nx\r\n--b--\r\n",
        "other name": part.replace(b"photo", b"../../etc") + b"x\r\n--b--\r\n",
        "unicode": part.replace(b"photo", "фото\u202e".encode()) + b"x\r\n--b--\r\n",
        "not utf-8": part.replace(b"photo", b"\xff\xfe") + b"x\r\n--b--\r\n",
        "twice": (part + b"x\r\n") * 2 + b"--b--\r\n",
        "seventeen": (part + b"x\r\n") * 17 + b"--b--\r\n",
        "header": b"--b\r\n" + b"X: y\r\n" * 10_000 + b"\r\nx\r\n--b--\r\n",
        "long header": b"--b\r\nX: " + b"y" * 500_000 + b"\r\n\r\nx\r\n--b--\r\n",
        "other boundary": part.replace(b"--b", b"--c") + b"x\r\n--c--\r\n",
        "noise": os.urandom(5000),
        "zeros": bytes(5000),
    }


@pytest.mark.parametrize("name", sorted(forms()))
def test_damaged_forms(client, name):
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.ask("POST", "/v1/extract", forms()[name], headers)
    assert answer.status in (400, 422), answer.body
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "b" * 71, 400),
        ('multipart/form-data; boundary="b', 400),
        ("multipart/mixed; boundary=b", 415),
        ("application/x-www-form-urlencoded", 415),
        ("image/jpeg", 415),
        ("text/plain", 415),
        ("", 415),
        ("application/json; charset=utf-16", 400),
    ],
)
def test_kinds_of_bodies(client, kind, status):
    assert client.ask("POST", "/v1/extract", OBAMA, {"Content-Type": kind}).status == status


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        7,
        "photo",
        {"photo": None},
        {"photo": 7},
        {"photo": ""},
        {"photo": []},
        {"photo": {"base64": "aaaa"}},
        {"photo": ["aaaa"]},
        {"photo": "not base64!"},
        {"photo": "YWJ"},
        {"photo": "фото"},
        {"photo": "\ud800"},
        {"photo": text(ROCKET), "other": 1},
        {"photo": text(b"no photo at all")},
        b"",
        b"{",
        b"NaN",
        b'{"photo": NaN}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"photo":' * 10_000,
        b'{"photo": ' + b"9" * 100_000 + b"}",
        b'{"photo": "\\ud800"}',
    ],
)
def test_json_that_is_no_photo(client, value):
    answer = client.post_json("/v1/extract", value)
    assert answer.status in (400, 422), answer.body
    assert "error" in answer.json


def test_too_large(client):
    large = bytes(MOST + 1)
    for answer in (
        client.post_photos("/v1/extract", ("photo", large)),
        client.post_json("/v1/extract", {"photo": text(large)}),
        client.post_photos("/v1/verify", ("a", bytes(2 * MOST)), ("b", bytes(2 * MOST))),
    ):
        assert (answer.status, answer.code) == (413, "too_large")


def test_files_that_are_no_photos_or_traps(client):
    for data in (b"GIF89a", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n" + bytes(100), OBAMA[:500], bytes(99)):
        answer = client.post_photos("/v1/extract", ("photo", data))
        assert (answer.status, answer.code) == (422, "photo_unusable")


def test_nothing_of_a_selfie_is_kept(app, url, client, album, tmp_path, monkeypatch, caplog):
    """No file changes, none is made in the folder of temporary files, no log tells."""
    data = app.state.context.settings.data
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    client.post_photos(f"/v1/albums/{album}/find", ("selfie", OBAMA))

    def files():
        return {
            path: path.read_bytes()
            for path in data.rglob("*")
            if path.is_file() and path.suffix != ".jsonl" and "service.sqlite" not in path.name
        }

    before = files()
    # More than a megabyte, from where on forms are usually written to the disk.
    large = OBAMA + bytes(MOST - len(OBAMA) - 1000)
    for path, name in (
        (f"/v1/albums/{album}/find", "selfie"),
        ("/v1/extract", "photo"),
        ("/v1/represent", "photo"),
    ):
        assert client.post_photos(path, (name, large)).status == 200
        assert client.post_json(path, {name: text(OBAMA)}).status == 200
    assert files() == before
    assert not list(tmp_path.rglob("*"))
    for secret in (text(OBAMA)[100:160], client.key, "me.jpg"):
        assert secret not in caplog.text
        for path in data.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_audit_log_says_who_asked_and_how_much_came_of_it(app, client, album):
    client.post_photos(f"/v1/albums/{album}/find", ("selfie", OBAMA))
    folder = app.state.context.settings.data / "audit"
    for _ in range(100):  # it is written once the answer is on its way
        (*_, last) = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.open()]
        if "photos" in last:
            break
        time.sleep(0.05)
    assert (last["action"], last["status"], last["photos"]) == ("find_in_album", 200, 3)
    assert (last["album"], last["key"]) == (album, key_id(client.key))
    assert set(last) == {"at", "action", "status", "key", "album", "request", "caller", "photos"}


def key_id(key):
    return sha256(key.encode()).hexdigest()[:16]


def test_the_rate_of_a_key_is_limited(tmp_path):
    app = create_app(ServiceSettings(data=tmp_path, requests_a_minute=30))
    with serving(app) as url:
        client, other = client_of(app, url, "find"), client_of(app, url, "find")
        answers = [client.post_json("/v1/extract", {}) for _ in range(10)]
        assert [answer.status for answer in answers] == [422] * 5 + [429] * 5
        assert answers[-1].code == "too_many_requests"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2
        assert other.post_json("/v1/extract", {}).status == 422


def test_no_more_photos_are_held_than_there_are_places(tmp_path):
    settings = ServiceSettings(data=tmp_path, questions_at_once=1, questions_waiting=2)
    app = create_app(settings)
    with serving(app) as url, ThreadPoolExecutor(12) as pool:
        client = client_of(app, url, "find")
        kind, body = multipart(("photo", OBAMA))

        def ask(_):
            return client.ask("POST", "/v1/extract", body, {"Content-Type": kind})

        answers = list(pool.map(ask, range(12)))
        statuses = {answer.status for answer in answers}
        assert statuses == {200, 429}
        refused = next(answer for answer in answers if answer.status == 429)
        assert (refused.code, refused.headers["Retry-After"]) == ("busy", "1")
        assert ask(0).status == 200


def test_one_that_waits_too_long_is_told_so(tmp_path):
    settings = ServiceSettings(data=tmp_path)
    app = create_app(replace(settings, question_seconds=1.0, questions_at_once=1))
    with serving(app) as url:
        client = client_of(app, url, "find")
        assert client.post_photos("/v1/extract", ("photo", ROCKET)).status in (200, 503)
        go = threading.Event()
        app.state.context.guards.pool._threads.submit(go.wait, 20)
        answer = client.post_photos("/v1/extract", ("photo", ROCKET))
        go.set()
        assert (answer.status, answer.code) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "1"


def test_the_document_describes_the_questions(client):
    document = client.get("/openapi.json").json
    for path in ("/v1/verify", "/v1/represent", "/v1/extract", "/v1/albums/{id}/find"):
        post = document["paths"][path]["post"]
        assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
        assert "example" in post["requestBody"]["content"]["application/json"]
        assert {"200", "401", "403", "413", "415", "422", "429", "503"} <= set(post["responses"])


def test_the_index_is_opened_once(app, client, album, monkeypatch):
    opened, usual = [], AlbumIndex.open

    def counted(folder):
        opened.append(folder)
        return usual(folder)

    monkeypatch.setattr(AlbumIndex, "open", counted)
    app.state.context.guards.opened.forget(app.state.context.folders.of(album))
    path = f"/v1/albums/{album}/find"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.post_photos(path, ("selfie", OBAMA)), range(8)))
    assert len(opened) == 1
