"""Which photos are one picture, of made-up pictures, against the definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grouping.boxes import box_iou
from grouping.errors import InputError
from grouping.people import copies as module
from grouping.people.copies import COPY_BITS, COPY_OVERLAP, COPY_SIMILARITY, Pictures, find_copies
from grouping.records import FaceSet
from tests.helpers.vectors import face_set, unit

SIDES = (1200, 900)


def changed(hashed: bytes, bits: int, rng: np.random.Generator) -> bytes:
    array = np.unpackbits(np.frombuffer(hashed, np.uint8))
    array[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(array).tobytes()


def made_up(rows: list[dict], faces: list[list[tuple[list[float], np.ndarray]]]) -> Pictures:
    """Photos of ``content``, ``hash``, ``size``, ``rank``; their faces as boxes and vectors."""
    place = np.repeat(np.arange(len(faces)), [len(f) for f in faces])
    boxes = np.array([box for photo in faces for box, _ in photo], np.float32).reshape(-1, 4)
    vectors = [vector for photo in faces for _, vector in photo]
    embeddings = unit(np.array(vectors).reshape(len(vectors), -1)) if vectors else np.zeros((0, 8))
    return Pictures(
        [row.get("content") for row in rows],
        [row.get("hash", b"") for row in rows],
        np.array([row.get("size", SIDES) for row in rows], np.int64).reshape(-1, 2),
        np.array([row.get("rank", i) for i, row in enumerate(rows)], np.int64),
        face_set(embeddings, place, boxes=boxes),
    )


def an_album(n: int, seed: int) -> Pictures:
    """Pictures of one or two people, copies of many of them, other frames of some."""
    rng = np.random.default_rng(seed)
    rows, faces = [], []
    for number in range(n):
        known = number > 0 and rng.random() < 0.6
        other = int(rng.integers(0, number)) if known else None
        if other is None:
            hashed, people = rng.bytes(32), rng.integers(1, 3)
            own = [
                (rng.uniform(0, 0.4, 2), rng.uniform(0.2, 0.5), rng.standard_normal(64))
                for _ in range(people)
            ]
        else:
            hashed = changed(rows[other]["hash"], int(rng.choice([0, 6, 14, 20, 22])), rng)
            shift = rng.choice([0, 0.01, 0.2])
            noise = rng.choice([0.1, 3], p=[0.8, 0.2])
            own = [
                (at + shift, side, vector + noise * rng.standard_normal(64))
                for at, side, vector in rows[other]["own"]
            ]
        size = np.array(SIDES) // int(rng.choice([1, 1, 2, 4]))
        rank = int(rng.integers(0, 1 << 60))
        rows.append({"hash": hashed, "own": own, "size": size, "rank": rank})
        scale = np.tile(size, 2)
        faces.append([(np.append(at, at + side) * scale, vector) for at, side, vector in own])
    return made_up(rows, faces)


def by_definition(pictures: Pictures) -> np.ndarray:
    """The first photo, in the order of size and rank, that is no copy and is the same picture."""
    faces, sizes = pictures.faces, pictures.sizes
    order = sorted(range(len(pictures)), key=lambda i: (-sizes[i].prod(), pictures.rank[i]))
    bits = [np.unpackbits(np.frombuffer(h, np.uint8)) for h in pictures.hashes]
    copy_of = np.full(len(pictures), -1)
    for number, photo in enumerate(order):
        for original in order[:number]:
            if copy_of[original] >= 0 or (bits[photo] != bits[original]).sum() > COPY_BITS:
                continue
            mine, theirs = (faces[faces.photo_index == i] for i in (photo, original))
            shares = [
                f.boxes / np.tile(sizes[i], 2) for f, i in ((mine, photo), (theirs, original))
            ]
            place = box_iou(*(s.astype(np.float32) for s in shares)) >= COPY_OVERLAP
            found = place & (mine.embeddings @ theirs.embeddings.T >= COPY_SIMILARITY)
            if found.any(axis=int(len(mine) <= len(theirs))).mean() > 0.5:
                copy_of[photo] = original
                break
    return copy_of


def in_order(pictures: Pictures, order: np.ndarray) -> Pictures:
    """The same photos, each at another place."""
    parts = [pictures.faces[pictures.faces.photo_index == i] for i in order]
    place = np.repeat(np.arange(len(order)), [len(part) for part in parts])
    return Pictures(
        [pictures.contents[i] for i in order],
        [pictures.hashes[i] for i in order],
        pictures.sizes[order],
        pictures.rank[order],
        replace(FaceSet.concatenate(parts), photo_index=place.astype(np.int32)),
    )


@pytest.mark.parametrize(("few", "usual"), [(1, 0), (7, 0), (7, 64), (1, 1000), (256, 64)])
def test_copies_by_their_definition_in_any_order(monkeypatch, few, usual):
    monkeypatch.setattr(module, "FEW", few)
    monkeypatch.setattr(module, "USUAL", usual)
    pictures = an_album(200, seed=few)
    found = find_copies(pictures)
    assert found.tolist() == by_definition(pictures).tolist()
    assert 30 < np.count_nonzero(found >= 0) < 150
    assert (found[found[found >= 0]] == -1).all()  # of originals, not of copies
    order = np.random.default_rng(few).permutation(200)
    again = find_copies(in_order(pictures, order))
    assert np.array_equal(again >= 0, found[order] >= 0)
    assert np.array_equal(order[again[again >= 0]], found[order][again >= 0])


A = unit(np.random.default_rng(0).standard_normal((2, 64)))
BOX = [300.0, 200.0, 500.0, 450.0]
HASH = bytes(range(32))


def pair(first: dict, second: dict, faces: list) -> list[int]:
    return find_copies(made_up([first, second], faces)).tolist()


def test_the_larger_photo_is_the_original():
    half = [v / 2 for v in BOX]
    faces = [[(half, A[0])], [(BOX, A[0])]]
    small = {"hash": HASH, "size": (600, 450)}
    assert pair(small, {"hash": HASH}, faces) == [1, -1]


def test_among_photos_of_one_size_the_lowest_rank_is_the_original():
    faces = [[(BOX, A[0])], [(BOX, A[0])]]
    assert pair({"hash": HASH, "rank": 2}, {"hash": HASH, "rank": 1}, faces) == [1, -1]


def test_a_burst_of_different_frames_is_different_photos():
    aside = [v + 150 * (i % 2 == 0) for i, v in enumerate(BOX)]
    assert pair({"hash": HASH}, {"hash": HASH}, [[(BOX, A[0])], [(aside, A[0])]]) == [-1, -1]


def test_two_people_before_one_background_are_two_photos():
    assert pair({"hash": HASH}, {"hash": HASH}, [[(BOX, A[0])], [(BOX, A[1])]]) == [-1, -1]


def test_a_small_copy_may_have_lost_a_face():
    other = [v + 500 * (i % 2 == 0) for i, v in enumerate(BOX)]
    faces = [[(BOX, A[0]), (other, A[1])], [(BOX, A[0])]]
    assert pair({"hash": HASH}, {"hash": HASH}, faces) == [-1, 0]


def test_other_proportions_are_another_picture():
    faces = [[(BOX, A[0])], [(BOX, A[0])]]
    assert pair({"hash": HASH}, {"hash": HASH, "size": (1200, 800)}, faces) == [-1, -1]


def test_without_a_face_or_a_hash_only_the_bytes_tell():
    assert pair({"hash": HASH}, {"hash": HASH}, [[], []]) == [-1, -1]
    faces = [[(BOX, A[0])], [(BOX, A[0])]]
    assert pair({"hash": b""}, {"hash": b""}, faces) == [-1, -1]
    same = {"content": "c"}
    assert pair(same, same, [[], []]) == [-1, 0]
    assert pair(same, same, faces) == [-1, 0]


def test_photos_that_could_not_be_read_are_no_copies():
    failed = {"content": "c", "size": (0, 0)}
    assert pair(failed, failed, [[], []]) == [-1, -1]


def test_photos_of_the_same_bytes_as_a_copy_are_copies_of_its_original():
    half = [v / 2 for v in BOX]
    small = {"content": "s", "hash": HASH, "size": (600, 450)}
    faces = [[(half, A[0])], [(BOX, A[0])], [(half, A[0])]]
    pictures = made_up([small, {"content": "l", "hash": HASH}, small], faces)
    assert find_copies(pictures).tolist() == [1, -1, 1]


def test_many_copies_of_one_picture_are_compared_with_one():
    """Ten thousand frames of a camera that sees the same person in the same place."""
    rng = np.random.default_rng(0)
    n = 10_000
    hashes = [changed(HASH, int(rng.integers(0, 9)), rng) for _ in range(n)]
    pictures = Pictures(
        [None] * n,
        hashes,
        np.tile(SIDES, (n, 1)),
        np.arange(n),
        face_set(np.repeat(A[:1], n, axis=0), boxes=np.tile(BOX, (n, 1))),
    )
    compared = []
    same = module._Search._same_faces
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            module._Search, "_same_faces", lambda *args: compared.append(args) or same(*args)
        )
        assert find_copies(pictures).tolist() == [-1, *[0] * (n - 1)]
    assert len(compared) < 2 * n


def test_no_photos_have_no_copies():
    assert find_copies(made_up([], [])).shape == (0,)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InputError, match=r"got \[1, 2, 2, 2\]"):
        replace(made_up([{}, {}], [[], []]), contents=[None])


def test_a_thousand_photos_of_one_desk_are_not_looked_at_pair_by_pair(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    looked: list[tuple[int, int]] = []
    same_faces = module._Search._same_faces
    monkeypatch.setattr(
        module._Search,
        "_same_faces",
        lambda self, a, b: looked.append((a, b)) or same_faces(self, a, b),
    )
    rows = [{"hash": bytes(range(32))} for _ in range(1000)]
    box = [400.0, 300.0, 500.0, 420.0]
    faces = [[(box, vector)] for vector in rng.standard_normal((1000, 256))]
    faces[700] = faces[3]
    copy_of = find_copies(made_up(rows, faces))
    assert np.flatnonzero(copy_of >= 0).tolist() == [700]
    assert copy_of[700] == 3
    assert len(looked) < 10
