"""Labelled photos: reading the labels, finding the faces they mean, and scoring a grouping.

Two kinds of ``labels.csv`` are read. One names everybody of many people (photo, person, face_x,
face_y, face_w, face_h); it is scored by BCubed. The other names a few people among bystanders
(photo, x1, y1, x2, y2, person, kind; person may be ``other`` or ``unsure``, kind is ``face``,
``blurred`` or ``not_face``); it is scored by what somebody sees who opens the page.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grouping.boxes import box_iou
from grouping.records import FaceSet
from tests.helpers.vectors import bcubed

NOBODY = ("other", "unsure")
LEAST_OVERLAP = 0.2  # intersection over union of a label and the face that it means
FEWEST_FACES = 5  # of a person who is scored among bystanders
# A file without labels.csv whose names say who is on it: ``Ann_3.jpg``.
NAME_AND_NUMBER = "_"


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """The labels of an album, and which found face each means.

    Attributes:
        person: (l,) names; ``other`` and ``unsure`` are nobody in particular.
        kind: (l,) ``face``, ``blurred`` or ``not_face``.
        photo: (l,) int, the photo of each.
        row: (l,) int, the row of the face found, -1 where it was missed.
        among_bystanders: only some of the people are named.
    """

    person: np.ndarray
    kind: np.ndarray
    photo: np.ndarray
    row: np.ndarray
    among_bystanders: bool

    def groups(self, labels: np.ndarray) -> np.ndarray:
        """(l,) the group of each label, -1 for none; ``labels`` (n,) are those of the faces."""
        return np.where(self.row >= 0, np.append(labels, -1)[self.row], -1)

    def half(self, wanted: int) -> LabelledFaces:
        """Only the people of one half, 0 or 1, told apart by their names' letters."""
        mine = np.array([sum(name.encode()) % 2 == wanted for name in self.person], bool)
        return LabelledFaces(
            self.person[mine],
            self.kind[mine],
            self.photo[mine],
            self.row[mine],
            self.among_bystanders,
        )


def read_labels(path: Path, photos: list[str], faces: FaceSet) -> LabelledFaces:
    """The labels of a file.

    Args:
        path: ``labels.csv``.
        photos: base name of each photo, in the order of ``faces.photo_index``.
        faces: all faces found.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    place = {name: number for number, name in enumerate(photos)}
    rows = [row for row in rows if row["photo"] in place]
    photo = np.array([place[row["photo"]] for row in rows])
    boxes = np.array([_box(row) for row in rows], np.float32).reshape(-1, 4)
    return LabelledFaces(
        np.array([row["person"] for row in rows]),
        np.array([row.get("kind", "face") for row in rows]),
        photo,
        _matched(photo, boxes, faces),
        "kind" in (rows[0] if rows else {}),
    )


def _box(row: dict[str, str]) -> list[float]:
    if "x1" in row:
        return [float(row[key]) for key in ("x1", "y1", "x2", "y2")]
    x, y, w, h = (float(row[f"face_{key}"]) for key in "xywh")
    return [x, y, x + w, y + h]


def _matched(photo: np.ndarray, boxes: np.ndarray, faces: FaceSet) -> np.ndarray:
    """(l,) the row of the face that each label means, the largest overlaps first."""
    row = np.full(len(photo), -1)
    for number in np.unique(photo):
        wanted, own = np.flatnonzero(photo == number), np.flatnonzero(faces.photo_index == number)
        share = box_iou(boxes[wanted], faces.boxes[own])
        while share.size and share.max() >= LEAST_OVERLAP:
            i, j = np.unravel_index(share.argmax(), share.shape)
            row[wanted[i]] = own[j]
            share[i], share[:, j] = 0, 0
    return row


@dataclass(frozen=True)
class Score:
    """What a grouping is worth.

    Attributes:
        bcubed: F over the named faces; faces without a group are alone.
        clashes: photos in which two named people share a group.
        recall: mean over the people of the share of their faces that their main group has.
        strangers: faces of others in the main groups.
        junk: groups of which most labelled members are blurred or no face.
        pieces: groups of two or more faces of one person, over all people, beyond the main one.
    """

    bcubed: float
    clashes: int
    recall: float
    strangers: int
    junk: int
    pieces: int


def score(truth: LabelledFaces, labels: np.ndarray) -> Score:
    """Score labels (n,) of all faces found, -1 for none."""
    groups = truth.groups(labels)
    named = ~np.isin(truth.person, NOBODY)
    recalls, strangers, pieces = [], 0, 0
    for person in np.unique(truth.person[named]):
        own = groups[truth.person == person]
        if truth.among_bystanders and len(own) < FEWEST_FACES:
            continue
        counts = Counter(own[own >= 0].tolist()).most_common()
        recalls.append(counts[0][1] / len(own) if counts else 0.0)
        pieces += sum(count >= 2 for _, count in counts[1:])
        if counts:
            inside = groups == counts[0][0]
            strangers += int((inside & ~np.isin(truth.person, (person, "unsure"))).sum())
    return Score(
        bcubed(truth.person[named], groups[named])[2] if named.any() else 0.0,
        clashes(truth.photo[named], truth.person[named], groups[named]),
        float(np.mean(recalls)) if recalls else 0.0,
        strangers,
        _junk(truth.kind, groups),
        pieces,
    )


def clashes(photo: np.ndarray, person: np.ndarray, groups: np.ndarray) -> int:
    """Return in how many photos two people share a group, from three columns of labels."""
    seen: dict[tuple[int, int], set[str]] = {}
    for key in zip(photo.tolist(), groups.tolist(), person.tolist(), strict=True):
        if key[1] >= 0:
            seen.setdefault(key[:2], set()).add(key[2])
    return len({where[0] for where, who in seen.items() if len(who) > 1})


def _junk(kind: np.ndarray, groups: np.ndarray) -> int:
    bad = Counter(groups[(groups >= 0) & (kind != "face")].tolist())
    all_of = Counter(groups[groups >= 0].tolist())
    return sum(2 * count > all_of[group] for group, count in bad.items())


def real_purity(truth: LabelledFaces, labels: np.ndarray) -> dict[int, float]:
    """The share of its labelled faces that are who most of them are, by group.

    Groups of which fewer than two faces are named, or most are nobody in particular, are left out.
    """
    groups = truth.groups(labels)
    found = {}
    for group in np.unique(groups[groups >= 0]).tolist():
        inside = (groups == group) & (truth.person != "unsure")
        (person, most), *_ = Counter(truth.person[inside].tolist()).most_common(1) or [("other", 0)]
        if person not in NOBODY and inside.sum() >= 2:
            found[group] = most / int(inside.sum())
    return found


def pairs_of_one_person(truth: LabelledFaces, labels: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of groups of which most labelled faces are the same named person."""
    groups = truth.groups(labels)
    of_person: dict[str, list[int]] = {}
    for group in np.unique(groups[groups >= 0]).tolist():
        (person, _), *_ = Counter(truth.person[groups == group].tolist()).most_common(1)
        if person not in NOBODY:
            of_person.setdefault(person, []).append(group)
    return {(a, b) for own in of_person.values() for a in own for b in own if a < b}


def photos_by_name(photos: list[str], labels: np.ndarray, photo_index: np.ndarray) -> int:
    """Photos that hold the group which most photos of the person in their name share."""
    names = np.array([Path(name).stem.rsplit(NAME_AND_NUMBER, 1)[0] for name in photos])
    inside = labels >= 0
    pairs = set(zip(photo_index[inside].tolist(), labels[inside].tolist(), strict=True))
    right = 0
    for name in np.unique(names):
        own = set(np.flatnonzero(names == name).tolist())
        counts = Counter(group for photo, group in pairs if photo in own)
        right += max(counts.values(), default=0)
    return right
