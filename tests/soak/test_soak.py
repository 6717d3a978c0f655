"""Hours of bad luck in minutes: servers that fail, processes killed, a full disk, a clock set back.

Half of the photos lie in a bucket, half on a web server; results go into a folder, and in every
second round into a bucket. Of all requests one in ten fails, each in a way of
``tests.helpers.soaking.FAULTS``. The run, its workers and its disk are disturbed at random until
the run has got through. What it gives then is what an undisturbed run gave, and nothing is left.
"""

import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.services.servers import FaultyServer, forwards, s3_server, sends
from tests.helpers.soaking import (
    Disk,
    Weather,
    children,
    date_ahead,
    kill,
    running_in_session,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

# What the interpreter says of a Ctrl-C when the program is over and it waits for its threads.
AT_EXIT = "Exception ignored in: <module 'threading'"
SEED = int(os.environ.get("SOAK_SEED", "0"))
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))  # from an empty folder to the results
SHARE = 0.1  # of the requests, that fail
MOST_PIXELS, MOST_NUMBERS = 1e-2, 1e-4  # that boxes and numbers of vectors may differ by
LAST_DIGITS = 0.02  # of what groups.json rounds: pixels to 0.01, sharpness to 0.1
COPIES = 6  # of each sample, toned: 42 photos
MOST_STARTS = 60  # of a round, before it counts as never getting through
DISTURBANCES = ("kill workers", "kill the run", "SIGTERM", "Ctrl-C", "disk full", "clock back")
FINE = {0: "done", 1: "known error", 3: "photos failed", 130: "interrupted", -9: "killed"}
# Before and after the program proper the interpreter does what signals do by themselves.
FINE |= {-signal.SIGINT: "interrupted", -signal.SIGTERM: "interrupted"}


@pytest.fixture(scope="module")
def photos():
    """Bytes of photos by name: the samples, each in shades that are no copies of each other."""
    made = {}
    for path in sorted(PHOTOS.glob("*.jpg")):
        for number in range(COPIES):
            with Image.open(path) as photo:
                photo.thumbnail((640, 640))
                shade = ImageEnhance.Brightness(photo).enhance(0.8 + 0.08 * number)
                made[f"{path.stem} {number}.jpg"] = jpeg(shade.rotate(number - 2))
    return made


def jpeg(image):
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def soak(tmp_path, photos, client, bucket):
    """All that a run needs, in good weather."""
    weather, disk = Weather(SEED), Disk(tmp_path / "disk", 64)
    try:
        with FaultyServer() as web, FaultyServer() as store:
            store.otherwise = weather.over(forwards(s3_server()))
            yield Soak(tmp_path, photos, client, bucket, weather, disk, web, store)
    finally:
        disk.close()


class Folder:
    """Results in a folder."""

    def __init__(self, folder):
        self.place, self.cache = folder, folder / "cache.sqlite"

    def fetched(self):
        """A folder with all that is there."""
        return self.place

    @property
    def files(self):
        return self.place.rglob("*")


class Prefix:
    """Results in the bucket, a cache and temporary files on the disk."""

    def __init__(self, soak, name):
        self.place, self.cache = f"s3://{soak.bucket}/{name}", soak.disk.folder / f"{name}.sqlite"
        self.soak, self.name = soak, name

    def fetched(self):
        """A new folder with all that is there, and the cache."""
        folder = Path(tempfile.mkdtemp(dir=self.soak.folder))
        for found in self.listed(f"{self.name}/"):
            path = folder / found["Key"].removeprefix(f"{self.name}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            self.soak.client.download_file(self.soak.bucket, found["Key"], str(path))
        if self.cache.exists():
            shutil.copy(self.cache, folder / "cache.sqlite")
        return folder

    def listed(self, prefix=""):
        pages = self.soak.client.get_paginator("list_objects_v2")
        pages = pages.paginate(Bucket=self.soak.bucket, Prefix=prefix)
        return [found for page in pages for found in page.get("Contents", [])]

    @property
    def files(self):
        return [*self.cache.parent.glob(f"{self.name}.sqlite*"), *self.soak.temporary.rglob("*")]


class Soak:
    def __init__(self, folder, photos, client, bucket, weather, disk, web, store):
        self.folder, self.weather, self.disk = folder, weather, disk
        self.chance = random.Random(SEED)
        self.ends, self.done, self.said = Counter(), Counter(), Counter()
        lines = []
        for number, (name, data) in enumerate(photos.items()):
            if number % 2:
                client.put_object(Bucket=bucket, Key=f"album/{name}", Body=data)
            else:
                path = f"/{number}.jpg"
                web.answers[path] = weather.over(sends(data))
                lines.append(web.url(path))
        (folder / "list.txt").write_text("\n".join(lines))
        self.temporary = disk.folder / "tmp"
        self.temporary.mkdir()
        self.client, self.bucket = client, bucket
        self.sources = [f"s3://{bucket}/album", folder / "list.txt"]
        self.options = ["--s3-endpoint-url", store.url("").rstrip("/"), "--allow-host", "127.0.0.1"]
        self.options += ["--workers", "2", "--max-failures", "100", "--folders", "copy", "--zip"]

    def begin(self, out):
        """Start a run whose results go to ``out``, or from there into the bucket."""
        command = [sys.executable, ROOT / "run_grouping.py", *self.sources, "--out", out.place]
        command += ["--cache", out.cache]
        return subprocess.Popen(
            [*map(str, command), *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    def end(self, process):
        """Wait for a run, which ends in one of the ways it may; whether it got all done."""
        said, errors = process.communicate(timeout=300)
        assert process.returncode in FINE, errors[-3000:]
        assert "Traceback" not in errors.partition(AT_EXIT)[0], errors[-3000:]
        self.ends[FINE[process.returncode]] += 1
        if process.returncode == 1:
            self.said[errors.rstrip().rpartition("\n")[2]] += 1
        give_up = time.monotonic() + 30
        while running_in_session(process.pid) and time.monotonic() < give_up:
            time.sleep(0.1)
        assert not running_in_session(process.pid), "a worker outlived its run"
        # A note: a photo could not be read a second time, for its folder.
        return process.returncode == 0 and "\nnote " not in said

    def disturb(self, process, out):
        """One disturbance at a random moment of a run."""
        what = self.chance.choice(DISTURBANCES)
        time.sleep(self.chance.uniform(0.2, 9))
        if process.poll() is not None:
            return
        self.done[what] += 1
        match what:
            case "kill workers":
                for _ in range(3):
                    if workers := children(process.pid):
                        self.done["workers killed"] += kill(self.chance.choice(workers))
                    time.sleep(1)
            case "kill the run":
                kill(process.pid)
            case "SIGTERM":
                kill(process.pid, signal.SIGTERM)
            case "Ctrl-C":
                os.killpg(process.pid, signal.SIGINT)
            case "disk full":
                with self.disk.full(process.pid):
                    time.sleep(3)
            case "clock back":
                date_ahead(out.files)
                kill(process.pid)


def document(out):
    """What ``groups.json`` says, but for the time, ids, and pictures drawn from the last bits."""
    found = json.loads((out / "groups.json").read_bytes())
    for group in found["groups"]:
        del group["group_id"]
    return {key: found[key] for key in found if key not in ("created", "changes", "plots")}


def rows(out, contents, columns, table):
    """What the cache holds of these photos, a list a photo."""
    query = f"SELECT sha256, {columns} FROM {table} ORDER BY 1, 2"
    with closing(sqlite3.connect(out / "cache.sqlite")) as cache:
        return [row[1:] for row in cache.execute(query) if row[0] in contents]


def furthest(out, calm, contents, columns, table):
    """By how much numbers of the two caches differ at most, for each column."""
    found, right = (
        [np.frombuffer(b"".join(blobs), "<f4") for blobs in zip(*rows_of, strict=True)]
        for rows_of in (rows(place, contents, columns, table) for place in (out, calm))
    )
    return [float(np.abs(a - b).max()) for a, b in zip(found, right, strict=True)]


def files(out):
    """Names of all files of a result, and the bytes of those that are photos."""
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    copied = [p.read_bytes() for p in paths if p.is_relative_to(out / "people")]
    names = [str(path.relative_to(out)) for path in paths]
    # Pictures of faces are named by photo and box. A box may be rounded otherwise, and a portrait
    # of who stood for the person in an earlier run is kept: of each photo there is some picture.
    return {n.partition("-")[0] if n.startswith("thumbs/") else n for n in names}, copied


def assert_equal_results(out, calm):
    """Equal but for the last bits of numbers, which depend on what else was in a batch.

    Returns:
        By how much boxes and landmarks (pixels) and numbers of vectors differ at most.
    """
    right = document(calm)
    contents = {image["sha256"] for image in right["images"]}
    plain = "detector, width, height, warnings, failure, rotation, picture_hash"
    assert rows(out, contents, plain, "detections") == rows(calm, contents, plain, "detections")
    pixels = max(furthest(out, calm, contents, "boxes, landmarks", "detections"))
    (numbers,) = furthest(out, calm, contents, "vectors", "embeddings")
    assert (pixels <= MOST_PIXELS, numbers <= MOST_NUMBERS) == (True, True), (pixels, numbers)
    names, photos = files(out)
    assert names ^ files(calm)[0] == set()
    assert photos == files(calm)[1]
    assert list(unlike(document(out), right)) == []
    return pixels, numbers


def unlike(found, right, place=""):
    """Yield where two JSON values differ by more than the last digits of fractions."""
    if isinstance(found, float) and isinstance(right, float):
        if abs(found - right) > LAST_DIGITS * max(1.0, abs(right) / 100):
            yield f"{place}: {found} in place of {right}"
    elif type(found) is not type(right) or not isinstance(right, dict | list):
        if found != right:
            yield f"{place}: {found!r:.200} in place of {right!r:.200}"
    elif len(found) != len(right) or (isinstance(right, dict) and found.keys() != right.keys()):
        yield f"{place}: {found!r:.200} in place of {right!r:.200}"
    else:
        for key in right if isinstance(right, dict) else range(len(right)):
            yield from unlike(found[key], right[key], f"{place}/{key}")


def test_bad_luck_changes_nothing(soak, capsys):
    calm = [Folder(soak.folder / "calm"), Prefix(soak, "calm")]
    for place in calm:
        assert soak.end(soak.begin(place))
    right = [place.fetched() for place in calm]
    assert not [image for image in document(right[0])["images"] if "error" in image]
    soak.weather.requests, soak.weather.share = 0, SHARE
    starts, differences = [], []
    for number in range(ROUNDS):
        name = f"out{number}"
        out = Prefix(soak, name) if number % 2 else Folder(soak.disk.folder / name)
        starts.append(until_through(soak, out))
        soak.weather.share = 0  # what could not be read a second time, for pictures, is made now
        assert soak.end(soak.begin(out))
        soak.weather.share = SHARE
        found = out.fetched()
        differences.append(assert_equal_results(found, right[number % 2]))
        assert not [left for left in found.iterdir() if "damaged" in left.name]
    assert_nothing_is_left(soak)
    with capsys.disabled():
        print(f"\nseed {SEED}: {ROUNDS} rounds, {starts} starts, which ended {dict(soak.ends)}")
        print(f"{soak.weather.requests} requests, {sum(soak.weather.faults.values())} failed:")
        print(", ".join(f"{count} {name}" for name, count in soak.weather.faults.most_common()))
        print(f"known errors: {dict(soak.said)}")
        print(f"disturbed: {dict(soak.done)}; disk of its own: {soak.disk.mounted}; differences: 0")
        pixels, numbers = np.max(differences, axis=0)
        print(f"boxes within {pixels:.1e} pixels, numbers of vectors within {numbers:.1e}")


def assert_nothing_is_left(soak):
    """No temporary file on the disk; in the bucket photos and results, whole ones, nothing else."""
    assert list(soak.temporary.iterdir()) == []
    places = {"album", "calm", *(f"out{number}" for number in range(1, ROUNDS, 2))}
    keys = [found["Key"] for found in Prefix(soak, "").listed()]
    assert {key.partition("/")[0] for key in keys} == places
    assert not [key for key in keys if ".incomplete-" in key]
    assert not soak.client.list_multipart_uploads(Bucket=soak.bucket).get("Uploads")


def until_through(soak, out):
    """Start and disturb runs until one gets through with every photo; count them."""
    for start in range(1, MOST_STARTS + 1):
        process = soak.begin(out)
        soak.disturb(process, out)
        if soak.end(process) and not any("error" in i for i in document(out.fetched())["images"]):
            return start
    raise AssertionError(f"{MOST_STARTS} starts, and no run got through")
