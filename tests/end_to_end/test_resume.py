"""Runs that are killed and begun again, with the real networks and the real cache file."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from PIL import Image, ImageEnhance

from grouping.storage.cache import Cache
from tests.helpers.paths import PHOTOS, ROOT

RUN = """
import json, sys
from grouping.storage.cache import Cache
from grouping.config import GroupingConfig
from grouping.pipeline import GroupingPipeline
from grouping.sources.listing import list_sources
with Cache.open(sys.argv[2]) as cache:
    pipeline = GroupingPipeline(GroupingConfig(workers=int(sys.argv[3])), cache=cache)
    result = pipeline.run(
        list_sources([sys.argv[1]]), on_photo=lambda *_: print("photo", flush=True)
    )
print(json.dumps([
    [photo.location for photo in result.photos],
    result.faces.boxes.tolist(),
    result.faces.embeddings.tolist(),
    result.grouping.labels.tolist(),
]))
"""


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Twenty-four photos: the samples, each also a little darker and brighter in steps."""
    folder = tmp_path_factory.mktemp("album")
    samples = sorted(PHOTOS.glob("*.jpg"))[:6]
    for number in range(24):
        with Image.open(samples[number % 6]) as photo:
            photo.thumbnail((640, 640))
            ImageEnhance.Brightness(photo).enhance(0.8 + 0.02 * number).save(
                folder / f"{number:02}.jpg"
            )
    return folder


def begin(album, cache, workers=0):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(album), str(cache), str(workers)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(run):
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 0
    return json.loads(output.splitlines()[-1])


def rows(cache):
    """Each photo's row number: one that is computed and stored again gets a new number."""
    Cache.open(cache).close()  # a run killed early may not have made it
    with sqlite3.connect(cache) as connection:
        return dict(connection.execute("SELECT sha256, rowid FROM detections"))


def kill_after(run, photos, seconds):
    """Kill -9 once so many photos are done and some time has passed."""
    for _ in range(photos):
        run.stdout.readline()
    killer = threading.Timer(seconds, run.send_signal, [signal.SIGKILL])
    killer.start()
    run.communicate()
    killer.cancel()


def check_kills(album, folder, kills, workers):
    undisturbed = finish(begin(album, folder / "whole.sqlite", workers))
    cache = folder / "killed.sqlite"
    known: dict[str, int] = {}
    for photos, seconds in kills:
        run = begin(album, cache, workers)
        kill_after(run, photos, seconds)
        kept = rows(cache)
        assert known.items() <= kept.items()  # nothing was lost, nothing was done twice
        known = kept
    assert known
    assert finish(begin(album, cache, workers)) == undisturbed
    assert known.items() <= rows(cache).items()
    assert len(rows(cache)) == 24


def test_a_killed_run_goes_on_where_it_was(album, tmp_path):
    check_kills(album, tmp_path, [(5, 0.05)], workers=0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_twenty_kills(album, tmp_path, workers):
    chance = random.Random(workers)
    kills = [(min(number, 20), chance.uniform(0, 0.3)) for number in range(20)]
    check_kills(album, tmp_path, kills, workers)
