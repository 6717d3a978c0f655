"""Photos for runs on a cluster, and what makes two runs the same."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import fields

import numpy as np

from grouping.records import FaceSet
from grouping.sources.photo import LocalPhoto
from tests.helpers.execution.ray_cluster import SlowPhoto
from tests.helpers.paths import PHOTOS

FILES = sorted(PHOTOS.glob("*.jpg"))


@contextmanager
def one_thread():
    """As a worker has: the last bits of a number depend on how many share a sum."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def local_photos():
    return [LocalPhoto.at(path) for path in FILES]


def assert_same(found, expected):
    """To the byte: every number of every face, every photo, every group."""
    assert len(found.photos) == len(expected.photos)
    for column in fields(FaceSet):
        a, b = (getattr(result.faces, column.name) for result in (found, expected))
        assert a.tobytes() == b.tobytes(), column.name
    for a, b in zip(found.outcomes, expected.outcomes, strict=True):
        assert (a.width, a.height, a.sha256, a.failure) == (b.width, b.height, b.sha256, b.failure)
        assert (a.rotation, a.picture_hash, a.warnings) == (b.rotation, b.picture_hash, b.warnings)
    assert np.array_equal(found.grouping.labels, expected.grouping.labels)
    assert np.array_equal(found.copy_of, expected.copy_of)


def slow_copies(tmp_path, count=24):
    """Photos of different bytes that take half a second to read."""
    photos = []
    for number in range(count):
        path = tmp_path / f"{number:02}.jpg"
        path.write_bytes(FILES[number % len(FILES)].read_bytes() + b"%d" % number)
        photos.append(SlowPhoto(str(path), str(path), path, trace=tmp_path / "trace"))
    return photos


def plain(photos):
    return [LocalPhoto.at(photo.path) for photo in photos]


def once(act):
    """Called for each photo; acts once, when five are done."""
    done = []

    def on_photo(photo, outcome):
        done.append(photo)
        if len(done) == 5:
            act()

    return on_photo


def same_documents(*folders):
    documents = [json.loads((folder / "groups.json").read_text()) for folder in folders]
    for document in documents:
        document.pop("created")
    return all(document == documents[0] for document in documents)
