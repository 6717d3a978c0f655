"""The service as a process: started, stopped, killed, and two of it on one store."""

import io
import random
import socket
import time

import pytest
from PIL import Image

from grouping import face_recognition
from tests.helpers.command import run, run_here
from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.services.albums import ended, upload
from tests.helpers.services.serve_command import ServeCommand
from tests.helpers.services.serving import Client

FILES = sorted(PHOTOS.glob("*.jpg"))
FAST = ("--lease-seconds", "1")


def variant(path, number):
    """The same photo in other bytes, so that no cache knows it."""
    with Image.open(path) as image:
        encoded = io.BytesIO()
        image.convert("RGB").save(encoded, "JPEG", quality=92, comment=b"%d" % number)
    return path.name, encoded.getvalue()


def sizes(client, id):
    groups = client.get(f"/v1/albums/{id}/groups").json["groups"]
    return sorted(sorted(group["image_ids"]) for group in groups)


def expected(files):
    names = [name for name, _ in files]
    groups, _ = face_recognition([data for _, data in files], min_photos=1, crops=False)
    return sorted(sorted(names[photo] for photo in group["image_ids"]) for group in groups)


def killed_again_and_again(tmp_path, albums, kills, draw, photos=FILES):
    data = tmp_path / "data"
    service = ServeCommand(data, *FAST, "--requests-a-minute", "100000")
    key = service.client.key
    try:
        sent = {}
        for number in range(albums):
            files = [variant(path, number) for path in photos]
            answer = upload(service.client, files, settings={"min_photos": 1})
            assert answer.status == 202, answer.body
            sent[answer.json["id"]] = files
        for _ in range(kills):
            time.sleep(draw.uniform(0.3, 2.5))
            service.kill()
            service = ServeCommand(data, *FAST, "--requests-a-minute", "100000", key=key)
        wanted = expected([variant(path, 0) for path in photos])
        for id in sent:
            album = ended(service.client, id, seconds=240)
            assert (album["state"], album["revision"]) == ("done", 1)
            assert sizes(service.client, id) == wanted
        lines = service.client.get("/metrics").body.decode()
        assert f'grouping_albums{{state="done"}} {albums}.0' in lines
    finally:
        service.kill()
    return data


def runs(data):
    from sqlalchemy import select

    from grouping.service.store.store import Store
    from grouping.service.store.tables import albums

    with Store(f"sqlite:///{data / 'service.sqlite'}").reading() as connection:
        return [row.runs for row in connection.execute(select(albums.c.runs))]


def test_jobs_of_a_killed_service_are_done_once_by_the_next_one(tmp_path):
    data = killed_again_and_again(tmp_path, albums=2, kills=1, draw=random.Random(1))
    assert runs(data) == [1, 1]


@pytest.mark.slow
def test_fifty_albums_and_five_kills(tmp_path):
    data = killed_again_and_again(tmp_path, 50, 5, random.Random(), photos=FILES[2:4])
    assert runs(data) == [1] * 50


def test_a_stop_puts_the_job_back_and_the_next_start_goes_on(tmp_path):
    data = tmp_path / "data"
    files = [variant(path, number) for number in range(3) for path in FILES]
    files = [(f"{place}-{name}", content) for place, (name, content) in enumerate(files)]
    with ServeCommand(data) as service:
        key = service.client.key
        id = upload(service.client, files).json["id"]
        path = f"/v1/albums/{id}"
        until = time.monotonic() + 60
        while service.client.get(path).json["state"] != "running":
            assert time.monotonic() < until
        time.sleep(0.5)
        assert service.stop() == 0
        assert "end put_back" in service.text()
        assert "Traceback" not in service.text()
    with ServeCommand(data, key=key) as service:  # at once: the lease was given back
        album = ended(service.client, id)
        assert (album["state"], album["counts"]["photos"]) == ("done", len(files))
        assert album["counts"]["copies"] == 0 or album["counts"]["people"] >= 2


def test_two_processes_share_the_jobs_of_one_store(tmp_path):
    data = tmp_path / "data"
    with ServeCommand(data, *FAST) as one, ServeCommand(data, *FAST, key=one.client.key) as two:
        ids = []
        for number in range(4):
            client = (one, two)[number % 2].client
            files = [variant(path, number) for path in FILES[:4]]
            ids.append(upload(client, files, settings={"min_photos": 1}).json["id"])
        for number, id in enumerate(ids):
            assert ended((two, one)[number % 2].client, id)["state"] == "done"
        done = [service.text().count("end done") for service in (one, two)]
    assert sum(done) == 4
    assert all(done)
    assert runs(data) == [1] * 4


def test_only_a_named_proxy_is_believed_who_calls(tmp_path):
    def statuses(service):
        client, path = Client(service.client.url), "/v1/albums/" + "a" * 22
        said = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(6)]
        return [client.ask("GET", path, headers=headers).status for headers in said]

    few = ("--refusals-a-minute", "3", "--jobs-at-once", "0")
    with ServeCommand(tmp_path / "a", *few) as service:  # one on this machine is
        assert statuses(service) == [401] * 6
    with ServeCommand(tmp_path / "b", *few, "--proxy", "192.0.2.0/24") as service:
        assert statuses(service) == [401] * 3 + [429] * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], "cannot listen"),
        (["--host", "192.0.2.1"], "cannot listen"),
        (["--keep-days", "-1"], "no number of days"),
        (["--jobs-at-once", "-1"], "jobs_at_once"),
        (["--s3-bucket", "No Bucket"], "name of a bucket"),
        (["--allow-host", "a/b"], "not a host"),
        (["--database", "nonsense"], "no address"),
        (["--proxy", "nginx"], "no address or network"),
        (["--checkpoint", "nowhere.pth"], "there is no file"),
        (["--ca-file", "nowhere.pem"], "there is no file"),
        (["--public-url", "photos.example"], "public_url"),
    ],
)
def test_options_of_no_use_end_in_one_line(tmp_path, options, words):
    process = run_here("serve", "--data", tmp_path / "d", *options)
    assert process.returncode in (1, 2)
    assert words in process.stderr
    assert "Traceback" not in process.stderr


def test_a_start_on_a_port_in_use_makes_no_key_that_nobody_sees(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--data", tmp_path / "data", "--port", port, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "--port" in ended.stderr
    with ServeCommand(tmp_path / "data") as service:  # fails where it shows no key
        assert service.client.get("/v1/albums/" + "a" * 22).status == 404


def test_keys_are_made_listed_and_revoked(tmp_path):
    def keys(*words):
        return run_here("keys", *words, "--data", tmp_path / "d")

    made = keys("create", "phone app", "--scopes", "find")
    text, id, secret = (line.split()[1] for line in made.stdout.splitlines())
    assert text.startswith("fg_")
    assert secret in keys("secret", id).stdout
    assert keys("list").stdout.split()[0] == id
    assert text not in keys("list").stdout
    with ServeCommand(tmp_path / "d", key=text) as service:
        assert "fg_" not in service.text()  # there is a key already
        assert service.client.get("/v1/albums/" + "a" * 22).status == 403
        assert keys("revoke", id).returncode == 0
        assert service.client.get("/v1/albums/" + "a" * 22).status == 401
    assert "revoked" in keys("list").stdout
    assert keys("revoke", "nobody").returncode == 1
    assert keys("create").returncode == 1
    assert keys("create", "x", "--scopes", "all").returncode == 1
