"""A night of event photos, run as an operator runs it: cache, failures, corrections, S3."""

import csv
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from PIL import Image

from tests.helpers import command
from tests.helpers.networks.checkpoints import write_small_checkpoint
from tests.helpers.paths import PHOTOS
from tests.helpers.services.servers import s3_server

OBAMA = "president_obama_1.jpg"
BIDEN = "president_biden.jpg"


def run(*arguments, code=0, **environment):
    """A night of its own: a process."""
    process = command.run(*arguments, env=os.environ | environment)
    assert process.returncode == code, process.stderr
    return process


def run_here(*arguments, code=0):
    """The same, where another process would prove nothing."""
    done = command.run_here(*arguments)
    assert done.returncode == code, done.stderr
    return done


def document(out):
    return json.loads((Path(out) / "groups.json").read_text())


def people(out):
    """Base names of each person's photos."""
    return [{Path(i).name for i in group["image_ids"]} for group in document(out)["groups"]]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """One run over the samples in a folder of their own, with its cache and its groups."""
    base = tmp_path_factory.mktemp("night")
    album = base / "album"
    album.mkdir()
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy2(photo, album)
    run(album, "--out", base / "out", "--no-plots")
    return base


@pytest.fixture
def night(first_run, tmp_path):
    """A copy of the first run to spoil; its photos stay where they were."""
    shutil.copytree(first_run / "out", tmp_path / "out")
    return first_run / "album", tmp_path / "out"


@pytest.fixture(scope="module")
def no_networks(tmp_path_factory):
    """An environment in which neither torch nor Pillow can be imported."""
    folder = tmp_path_factory.mktemp("blocked")
    for name in ("torch", "PIL"):
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name} was imported')")
    return {"PYTHONPATH": str(folder)}


def test_a_second_run_decodes_detects_and_embeds_nothing(night, no_networks):
    album, out = night
    before = document(out)
    run(album, "--out", out, "--no-plots", **no_networks)
    after = document(out)
    assert after["images"] == before["images"]
    assert after["groups"] == before["groups"]
    assert not any(after["changes"].values())


def test_only_new_photos_cost_time_and_people_keep_their_ids(night, tmp_path):
    _, out = night
    album = tmp_path / "album"  # other paths: found again by content
    album.mkdir()
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, album / f"renamed {photo.name}")
    with Image.open(PHOTOS / BIDEN) as biden:
        biden.resize((500, 567)).save(album / "new.jpg")
    before = document(out)
    run_here(album, "--out", out, "--no-plots")
    after = document(out)
    ids = [group["group_id"] for group in before["groups"]]
    assert [group["group_id"] for group in after["groups"]] == ids
    assert after["changes"]["grown"] == [[ids[1], 1]]
    with sqlite3.connect(out / "cache.sqlite") as cache:
        assert cache.execute("SELECT count(*) FROM detections").fetchone() == (8,)


def test_another_network_embeds_again_without_detecting_again(night, tmp_path):
    album, out = night
    with sqlite3.connect(out / "cache.sqlite") as cache:
        boxes = cache.execute("SELECT sha256, boxes FROM detections ORDER BY 1").fetchall()
        cache.execute("UPDATE detections SET width = width")
    checkpoint = write_small_checkpoint(tmp_path / "other.pth")
    run_here(album, "--out", out, "--no-plots", "--checkpoint", checkpoint, "--min-photos", 1)
    assert document(out)["model"]["file"] == "other.pth"
    with sqlite3.connect(out / "cache.sqlite") as cache:
        again = cache.execute("SELECT sha256, boxes FROM detections ORDER BY 1").fetchall()
        models = cache.execute("SELECT count(DISTINCT model) FROM embeddings").fetchone()
    assert again == boxes
    assert models == (2,)


def test_failures_are_listed_and_too_many_exit_with_3(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    shutil.copy(PHOTOS / OBAMA, album)
    (album / "=bad.jpg").write_bytes(b"nothing")
    (album / "cut.jpg").write_bytes((PHOTOS / BIDEN).read_bytes()[:100])
    process = run(album, "--out", tmp_path / "out", "--no-plots", code=3)
    assert "2 of 3 photos failed" in process.stderr
    assert len(document(tmp_path / "out")["images"]) == 3
    with (tmp_path / "out" / "failures.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == ["decode", "decode"]
    assert all(row["reason"] and row["retry_may_help"] == "no" for row in rows)
    run_here(album, "--out", tmp_path / "out", "--no-plots", "--max-failures", 70)


def face_of(out, name):
    image = next(i for i in document(out)["images"] if i["url"].endswith(name))
    return f'{{ photo = "{image["sha256"]}", box = {image["faces"][0]["box"]} }}'


def test_corrections_name_split_and_ignore(night, tmp_path):
    album, out = night
    file = tmp_path / "corrections.toml"
    file.write_text(
        "version = 1\n"
        f'[[person]]\nname = "Barack 오바마"\nfaces = [{face_of(out, OBAMA)}]\n'
        f"[[cannot_link]]\nfaces = [{face_of(out, OBAMA)}, {face_of(out, 'obama_2.jpg')}]\n"
        f"[[ignore]]\nfaces = [{face_of(out, BIDEN)}]\n"
    )
    run_here(album, "--out", out, "--no-plots", "--corrections", file)
    named = [g for g in document(out)["groups"] if g["name"] == "Barack 오바마"]
    assert len(named) == 1
    names = {Path(i).name for i in named[0]["image_ids"]}
    assert OBAMA in names
    assert "president_obama_2.jpg" not in names
    assert all(BIDEN not in photos for photos in people(out))
    run_here(album, "--out", out, "--no-plots")  # the name outlives the corrections
    assert "Barack 오바마" in [group["name"] for group in document(out)["groups"]]


def test_contradicting_corrections_name_both_lines(night, tmp_path):
    album, out = night
    file = tmp_path / "corrections.toml"
    a, b = face_of(out, OBAMA), face_of(out, BIDEN)
    file.write_text(
        f"version = 1\n[[must_link]]\nfaces = [{a}, {b}]\n[[cannot_link]]\nfaces = [{a}, {b}]\n"
    )
    process = run_here(album, "--out", out, "--no-plots", "--corrections", file, code=1)
    assert "2" in process.stderr
    assert "4" in process.stderr


def test_forget_and_erase_remove_the_vectors(night):
    album, out = night
    cache = out / "cache.sqlite"
    with closing(sqlite3.connect(cache)) as connection:
        vectors = dict(connection.execute("SELECT sha256, vectors FROM embeddings"))
    image = next(i for i in document(out)["images"] if i["url"].endswith(OBAMA))
    mine = vectors[image["sha256"]]
    assert mine in cache.read_bytes()
    assert "forgotten" in run_here("--out", out, "--forget", album / OBAMA).stdout
    data = cache.read_bytes()
    assert mine not in data
    assert "erased" in run_here("--out", out, "--erase").stdout
    assert not [path for path in out.iterdir() if path.name.startswith(cache.name)]


def test_report_makes_the_pictures_again_without_detection(night):
    _, out = night
    assert not (out / "index.html").exists()
    run_here("report", out, "--folders", "copy")
    for name in ("index.html", "groups/person_000.jpg", "faces.csv"):
        assert (out / name).stat().st_size > 100
    copied = {p.name for p in (out / "people").rglob("*.jpg")}
    assert copied >= {OBAMA, BIDEN}


def test_a_log_of_json_lines_can_be_followed(night):
    album, out = night
    lines = run(album, "--out", out, "--no-plots", "--log-json").stderr.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "start"
    last = events[-1]
    assert (last["done"], last["failed"]) == (7, 0)
    assert last["faces"] == 7


def test_a_list_file_gives_ids(tmp_path):
    list_file = tmp_path / "list.csv"
    list_file.write_text(f"id,url\nfirst,{PHOTOS / OBAMA}\nsecond,{PHOTOS / BIDEN}\n")
    run_here(list_file, "--out", tmp_path / "out", "--no-plots", "--min-photos", 1)
    assert [i["id"] for i in document(tmp_path / "out")["images"]] == ["first", "second"]


def test_from_bucket_to_bucket(tmp_path, monkeypatch):
    endpoint = s3_server()
    keys = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="night")
    for photo in PHOTOS.glob("*.jpg"):
        client.upload_file(str(photo), "night", f"event/{photo.name}")
    client.put_object(Bucket="night", Key="event/broken.jpg", Body=b"no")
    target = "s3://night/people"
    words = ["s3://night/event", "--out", target, "--s3-endpoint-url", endpoint]
    words += ["--cache", tmp_path / "cache.sqlite"]
    run(*words, **keys)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    run_here(*words)  # it knows the people of the first
    stored = client.list_objects_v2(Bucket="night", Prefix="people/")["Contents"]
    names = {item["Key"].removeprefix("people/") for item in stored}
    assert {"groups.json", "index.html", "tsne.png", "groups/person_000.jpg"} <= names
    assert not any("incomplete" in name or "cache" in name for name in names)
    result = json.loads(client.get_object(Bucket="night", Key="people/groups.json")["Body"].read())
    assert [len(group["image_ids"]) for group in result["groups"]] == [4, 2]
    assert not any(result["changes"].values())
    errors = [image["url"] for image in result["images"] if "error" in image]
    assert errors == ["s3://night/event/broken.jpg"]
