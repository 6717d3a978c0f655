"""A cache of any content: what it holds is right or counts as absent; nobody's run ends there."""

import json
import logging
import sqlite3
from dataclasses import replace
from hashlib import sha256

import numpy as np
from hypothesis import strategies as st

from grouping.errors import CacheError
from grouping.faces.quality import quality_factors
from grouping.records import QUALITY_MEASURES, FaceSet, Failure, Fingerprint, PhotoFaces
from grouping.storage.cache import Cache
from grouping.storage.database.reader import read_faces
from grouping.storage.database.rows import (
    DETECTION_COLUMNS,
    EMBEDDING_COLUMNS,
    checksum,
    detection_checksum,
)
from tests.helpers.fuzzing import TEXTS, Case, assert_one_line, damaged, fuzz, short_and_long
from tests.helpers.results.cache import assert_same, digest, result_for

DETECTOR, MODEL, WHERE = "mtcnn", "small", "WHERE sha256 = ?"
NOBODY = replace(result_for("nobody"), faces=FaceSet.empty(1))
FAILED = PhotoFaces(
    faces=FaceSet.empty(1), sha256=digest("failed"), failure=Failure("decode", "damaged")
)
PHOTOS = {"a": result_for("a"), "nobody": NOBODY, "failed": FAILED}
DETECTION, EMBEDDING = DETECTION_COLUMNS.split(", "), EMBEDDING_COLUMNS.split(", ")
WHOLE = (0, -1, 1, 90, 45, 2**31, 2**63 - 1, -(2**63))
values = st.one_of(
    st.none(),
    st.sampled_from(WHOLE),
    st.floats(allow_nan=False),
    st.sampled_from([text for text in TEXTS if "\ud800" not in text]),
    st.sampled_from(["[]", "{}", "[1]", '["x"]', "null", '"text"', '{"stage": 1}', "[" * 9999]),
    st.builds(lambda numbers: np.array(numbers, "<f4").tobytes(), st.lists(st.floats(width=32))),
    st.binary(max_size=40),
)


def filled(path):
    with Cache.open(path) as cache:
        for result in PHOTOS.values():
            cache.store(result, DETECTOR, MODEL)
            cache.remember(Fingerprint(f"/{result.sha256}", "1"), result.sha256)
    return path


def put(path, photo, table, column, value):
    """Write a value into a row, with the checksum that makes the row look right."""
    sha = PHOTOS[photo].sha256
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {table} SET {column} = ? {WHERE}", (value, sha))
        if table == "detections":
            row = connection.execute(f"SELECT {DETECTION_COLUMNS} FROM detections {WHERE}", (sha,))
            right = detection_checksum(sha, DETECTOR, row.fetchone())
        else:
            row = connection.execute(f"SELECT {EMBEDDING_COLUMNS} FROM embeddings {WHERE}", (sha,))
            right = checksum(sha, DETECTOR, MODEL, *row.fetchone())
        connection.execute(f"UPDATE {table} SET checksum = ? {WHERE}", (right, sha))
    connection.close()


def check_loaded(cache, name):
    """A result that the rest of the program can use, or None."""
    sha = PHOTOS[name].sha256
    cache.load_detections(sha, DETECTOR)
    result = cache.load(sha, DETECTOR, MODEL)
    if result is None:
        return "absent"
    faces = result.faces
    assert type(result.width) is type(result.height) is int
    assert min(result.width, result.height) >= (1 if len(faces) else 0)
    assert result.rotation in (0, 90, 180, 270)
    assert type(result.picture_hash) is bytes
    assert len(result.picture_hash) in (0, 32)
    assert all(type(warning) is str for warning in result.warnings)
    error = QUALITY_MEASURES.index("alignment_error")
    assert (faces.measures[:, error] >= 0).all()  # infinite where landmarks are implausible
    faces.measures[:, error] = 0
    assert all(np.isfinite(column).all() for column in vars(faces).values())
    assert np.isfinite(quality_factors(faces.scores, faces.measures)).all()
    assert (faces.boxes[:, :2] < faces.boxes[:, 2:]).all()
    assert not (result.failure and len(faces))
    json.dumps([result.warnings, result.width, vars(result.failure) if result.failure else None])
    return "loaded"


@short_and_long
def test_rows_of_any_values_count_as_absent_or_can_be_used(cases, tmp_path):
    path = filled(tmp_path / "cache.sqlite")
    columns = [("detections", c) for c in DETECTION] + [("embeddings", c) for c in EMBEDDING]

    def check(photo, place, value):
        with Cache.open(path) as cache:
            cache.store(PHOTOS[photo], DETECTOR, MODEL)
            try:
                put(path, photo, *place, value)
            except sqlite3.IntegrityError:
                return "impossible"
            return check_loaded(cache, photo)

    drawn = {"photo": st.sampled_from([*PHOTOS]), "place": st.sampled_from(columns)}
    fuzz(cases, check, "absent", "loaded", **drawn, value=values)


@short_and_long
def test_whoever_only_asks_gets_faces_or_one_line(cases, tmp_path):
    """The same rows, read by :func:`read_faces`, which moves nothing aside."""
    path = filled(tmp_path / "cache.sqlite")
    columns = [("detections", c) for c in DETECTION] + [("embeddings", c) for c in EMBEDDING]

    def check(place, value):
        with Cache.open(path) as cache:
            cache.store(PHOTOS["a"], DETECTOR, MODEL)
        try:
            put(path, "a", *place, value)
        except sqlite3.IntegrityError:
            return "impossible"
        try:
            found = read_faces(path, [PHOTOS["a"].sha256], DETECTOR, MODEL)
        except CacheError as error:
            assert_one_line(error)
            return "refused"
        assert found.counts.sum() == len(found.faces)
        assert np.isfinite(found.faces.embeddings).all()
        return "faces" if len(found.faces) else "absent"

    fuzz(cases, check, "refused", "faces", place=st.sampled_from(columns), value=values)


@short_and_long
def test_blobs_that_are_damaged_and_look_right(cases, tmp_path):
    """Numbers of faces: a few bits turned, with the right checksum of the wrong bytes."""
    path = filled(tmp_path / "cache.sqlite")
    rows = {c: ("detections", c) for c in ("boxes", "scores", "landmarks", "quality", "measures")}
    rows |= {"vectors": ("embeddings", "vectors"), "signs": ("embeddings", "signs")}
    faces = PHOTOS["a"].faces
    blobs = {c: getattr(faces, "embeddings" if c == "vectors" else c).tobytes() for c in rows}

    def check(drawn):
        column, blob = drawn[0], drawn[1].value
        with Cache.open(path) as cache:
            cache.store(PHOTOS["a"], DETECTOR, MODEL)
            put(path, "a", *rows[column], blob)
            return check_loaded(cache, "a")

    drawn = st.sampled_from([*rows]).flatmap(
        lambda column: st.tuples(st.just(column), damaged([blobs[column]]))
    )
    fuzz(cases, check, "absent", "loaded", drawn=drawn)


@short_and_long
def test_files_that_are_damaged_anywhere(cases, tmp_path, caplog):
    """The file itself: refused, moved aside, or its rows are the right ones or absent."""
    caplog.set_level(logging.ERROR)  # each is moved aside with a warning
    whole = filled(tmp_path / "whole.sqlite")
    with sqlite3.connect(whole) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    data = whole.read_bytes()
    folder = tmp_path / "one"
    path = folder / "cache.sqlite"

    def check(file):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        path.write_bytes(file)
        try:
            with Cache.open(path) as cache:
                found = [cache.load(r.sha256, DETECTOR, MODEL) for r in PHOTOS.values()]
                for photo, known in zip(PHOTOS.values(), found, strict=True):
                    if known is not None:
                        assert_same(known, photo)
                cache.content_of(Fingerprint(f"/{FAILED.sha256}", "1"))
                cache.store(PHOTOS["a"], DETECTOR, MODEL)
        except CacheError as error:
            assert_one_line(error)
            return "refused"
        return "all" if None not in found else "absent"

    spots = st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=4)
    anywhere = st.tuples(spots, st.integers(1, 255)).map(lambda drawn: turned(data, *drawn))
    file = st.one_of(damaged([data]), anywhere)
    fuzz(cases, check, "all", "absent", file=file)


def turned(data, places, bits):
    changed = bytearray(data)
    for place in places:
        changed[place] ^= bits
    return Case(bytes(changed), [f"{places} turned by {bits}"])


def test_the_cache_that_is_damaged_here_is_right(tmp_path):
    with Cache.open(filled(tmp_path / "cache.sqlite")) as cache:
        for name, result in PHOTOS.items():
            assert check_loaded(cache, name) == "loaded"
            assert_same(cache.load(result.sha256, DETECTOR, MODEL), result)
    assert sha256(b"a").hexdigest() == PHOTOS["a"].sha256
