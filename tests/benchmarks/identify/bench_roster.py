"""People known beforehand in a labelled album: how many get their name, and who gets another.

    python -m tests.benchmarks bench_roster ALBUM [--half 0] [--cache FOLDER] [--list]
    python -m tests.benchmarks bench_roster --speed

``ALBUM`` is a folder of photos with a ``labels.csv`` in it or beside its ``photos/``. In each of
three draws two thirds of the people of at least three photos are on the list, each with one face of
theirs, which is taken out of the album; half of the people of two photos are on it too, and none of
their photos is in the album: they are *absent*. A name is *right* on a group most of whose labelled
faces are that person, else *wrong*; who is on no group and not absent is *missed*. *Wrong faces*
are those of others in the groups that have a name. Groups without a labelled face are not judged.
The rows before ours name the groups of a run that knows nobody, one to one, by the cosine to their
means. ``--half 0`` or ``1`` takes people of that half only: constants
are chosen on one and reported on the other.

``--speed`` names a thousand people among ten thousand groups that exist as vectors only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grouping.people.group_faces import group_faces, group_labels
from grouping.people.identify.known_people import KnownFaces, settle_names
from grouping.people.rules import GroupingRules
from grouping.records import FaceSet
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import Impostors
from tests.benchmarks.people.bench_people import load
from tests.benchmarks.people.labelled_albums import NOBODY, LabelledFaces
from tests.helpers.vectors import face_set, hard_vectors

DRAWS = 3
ON_THE_LIST = 2 / 3
FEWEST_FACES = 3
FIXED = (0.38, 0.42, 0.46)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("album", type=Path, nargs="?")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only people of this half")
    parser.add_argument("--list", action="store_true", help="name who is missed or wrong")
    parser.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--speed", action="store_true", help="time a thousand names")
    options = parser.parse_args()
    if options.album:
        print_names(options)
    if options.speed:
        print_speed()
    return 0


@dataclass(frozen=True, eq=False)
class Draw:
    """An album without the faces that are references.

    Attributes:
        names: of the people on the list.
        faces: of the album.
        known: a reference for each name.
        person: (n,) the name of each face of the album, empty where nobody knows.
        absent: how many of the names, the last ones, are not in the album.
    """

    names: np.ndarray
    faces: FaceSet
    known: KnownFaces
    person: np.ndarray
    absent: int


def draw(faces: FaceSet, truth: LabelledFaces, seed: int) -> Draw:
    """Take some people's references out of an album."""
    rng = np.random.default_rng(seed)
    person = np.full(len(faces), "", dtype=object)
    there = truth.row >= 0
    person[truth.row[there]] = truth.person[there]
    people, count = np.unique(person[person != ""].astype(str), return_counts=True)
    several = people[(count >= FEWEST_FACES) & ~np.isin(people, NOBODY)]
    names = np.sort(rng.permutation(several)[: round(ON_THE_LIST * len(several))])
    few = people[(count == FEWEST_FACES - 1) & ~np.isin(people, NOBODY)]
    absent = np.sort(rng.permutation(few)[: len(few) // 2])
    listed = np.concatenate([names, absent])
    taken = np.array([rng.choice(np.flatnonzero(person == name)) for name in listed])
    gone = np.concatenate([taken, np.flatnonzero(np.isin(person.astype(str), absent))])
    left = np.setdiff1d(np.arange(len(faces)), gone)
    known = KnownFaces(np.arange(len(listed)), faces[taken], np.full(len(left), -1))
    return Draw(listed, faces[left], known, person[left], len(absent))


def print_names(options: argparse.Namespace) -> None:
    """Print a row for each way and draw."""
    with tempfile.TemporaryDirectory() as folder:
        album = load(options.album, options.half, options.cache or Path(folder), options)
    assert album.truth is not None
    threshold = album.result.threshold
    print(f"{'':24} people absent  right  wrong missed  wrong faces")
    for seed in range(DRAWS):
        drawn = draw(album.result.faces, album.truth, seed)
        rules = GroupingRules(threshold=threshold)
        plain = group_labels(drawn.faces, rules)
        for fixed in FIXED:
            named = by_mean(drawn, plain, fixed)
            print_row(f"by mean, {fixed:.2f}, draw {seed}", drawn, plain, named)
        grouping = group_faces(drawn.faces, rules, known=drawn.known)
        print_row(f"ours, draw {seed}", drawn, grouping.labels, grouping.person, options.list)


def by_mean(drawn: Draw, labels: np.ndarray, threshold: float) -> np.ndarray:
    """(K,) the name of each group: one to one, greedily by the cosine of its mean."""
    groups = GroupSums(drawn.faces.embeddings, labels).directions()
    table = drawn.known.faces.embeddings @ groups.T
    named = np.full(len(groups), -1)
    while table.max(initial=-1) >= threshold:
        name, group = np.unravel_index(table.argmax(), table.shape)
        named[group] = name
        table[name], table[:, group] = -1, -1
    return named


def print_row(
    text: str, drawn: Draw, labels: np.ndarray, named: np.ndarray, listed: bool = False
) -> None:
    """Score who got which group."""
    right: list[tuple[str, str]] = []
    wrong: list[tuple[str, str]] = []
    strangers = 0
    for group, name in enumerate(named.tolist()):
        if name < 0 or not (drawn.person[labels == group] != "").any():
            continue  # labels leave people out: nobody can tell who that is
        inside = drawn.person[(labels == group) & (drawn.person != "")]
        who, counts = np.unique(inside.astype(str), return_counts=True)
        strangers += int((inside != drawn.names[name]).sum())
        most = who[counts.argmax()] if len(who) else ""
        (right if most == drawn.names[name] else wrong).append((drawn.names[name], most))
    there = drawn.names[: len(drawn.names) - drawn.absent]
    missed = sorted(set(there) - {name for name, _ in [*right, *wrong]})
    print(
        f"{text:24} {len(there):6d} {drawn.absent:6d} {len(right):6d} {len(wrong):6d} "
        f"{len(missed):6d} {strangers:12d}"
    )
    if listed:
        print("  missed", *missed, "\n  wrong", *wrong)


def print_speed() -> None:
    """Name a thousand people among the means of ten thousand groups."""
    vectors, people = hard_vectors(40_000, seed=0, largest=20)
    _, first, count = np.unique(people, return_index=True, return_counts=True)
    first = first[count > 1][:1000]
    album = np.setdiff1d(np.arange(len(vectors)), first)
    faces, references = face_set(vectors[album]), face_set(vectors[first])
    known = KnownFaces(people[first], references, np.full(len(faces), -1))
    whole = FaceSet.concatenate([faces, references])
    labels = np.append(people[album], np.full(1000, -1))
    started = time.perf_counter()
    _, person = settle_names(whole, labels, known, Impostors.of_threshold(0.38))
    seconds = time.perf_counter() - started
    right = sum(who == label for label, who in enumerate(person.tolist()) if who >= 0)
    print(f"1,000 names, {labels.max() + 1:,} groups: {seconds:.2f} s, {right} right")


if __name__ == "__main__":
    sys.exit(main())
