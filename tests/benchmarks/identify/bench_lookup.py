"""Look-ups in a labelled album: how often the right photos come back, and how fast.

    python -m tests.benchmarks bench_lookup ALBUM [--half 0] [--list] [--cache FOLDER]
    python -m tests.benchmarks bench_lookup --speed 100000

``ALBUM`` is a folder of photos with a ``labels.csv`` in it or beside its ``photos/``. Its faces are
found and grouped once. Then every labelled face asks as a selfie, its own photo hidden: the faces
of that photo are in no mean and in no answer. *Right* is the share of faces of people with other
photos who got exactly those, *wrong* of those who got some photo without them; people with a single
photo are *outsiders*, who must get nothing. Labels leave people out: *named* judges by photos
in which the face that was found has a label. In the last row groups that are left with one photo
are none, as they would be in an album without the selfie. ``--half 0`` or ``1`` asks for people of
that half only: constants are chosen on one and reported on the other. ``--list`` names what went
wrong.

``--speed`` makes an album of so many faces that exists as vectors only, and times opening it and
looking up a hundred of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from grouping.execution.face_models import measured_threshold
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.ask import ask
from grouping.lookup.selfies import Selfie
from grouping.people.identify.album_impostors import impostors_of
from grouping.people.identify.look_up import FALSE_MATCHES, GONE, AlbumPeople, look_up
from grouping.records import FaceSet
from tests.benchmarks.people.bench_people import load
from tests.benchmarks.people.labelled_albums import LabelledFaces
from tests.helpers.results.lookup import write_vectors
from tests.helpers.vectors import face_set, hard_vectors

SELFIES = 100
ALLOWED = (0.001, 0.003, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05)
FIXED = (0.38, 0.46)

# Rows of the faces that an album of people answers a vector with.
Answer = Callable[[AlbumPeople, np.ndarray], np.ndarray]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("album", type=Path, nargs="?")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only people of this half")
    parser.add_argument("--list", action="store_true", help="name what went wrong")
    parser.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--speed", type=int, metavar="FACES", help="time look-ups among so many")
    options = parser.parse_args()
    if options.album:
        print_answers(options)
    if options.speed:
        print_speed(options.speed)
    return 0


@dataclass(frozen=True, eq=False)
class Asked:
    """An album and who asks it.

    Attributes:
        people, faces: of the album.
        truth: the labels.
    """

    people: AlbumPeople
    faces: FaceSet
    truth: LabelledFaces

    def answers(self, answer: Answer) -> Iterator[tuple[int, np.ndarray]]:
        """For each label what its face is answered, as rows; none where it was not found."""
        for label, row in enumerate(self.truth.row.tolist()):
            if row < 0:
                yield label, np.zeros(0, np.int64)
                continue
            own = np.flatnonzero(self.faces.photo_index == self.faces.photo_index[row])
            yield label, answer(self.people.without(own), self.people.vectors[row])


def by_rule(allowed: float) -> Answer:
    """Look-ups as the program makes them."""

    def answer(people: AlbumPeople, vector: np.ndarray) -> np.ndarray:
        found = look_up(people, vector, allowed)
        group = people.labels == found.group if found.group >= 0 else np.zeros(0, bool)
        return np.union1d(np.flatnonzero(group), found.alone)

    return answer


def by_rule_dissolved(people: AlbumPeople, vector: np.ndarray) -> np.ndarray:
    """The same where groups of one face are none."""
    size = np.bincount(people.labels[people.labels >= 0], minlength=1)
    single = (people.labels >= 0) & (size[np.maximum(people.labels, 0)] == 1)
    dissolved = replace(people, labels=np.where(single, -1, people.labels))
    return by_rule(FALSE_MATCHES)(dissolved, vector)


def by_mean(threshold: float) -> Answer:
    """The group whose mean is most similar, at a fixed threshold."""

    def answer(people: AlbumPeople, vector: np.ndarray) -> np.ndarray:
        similarity = people.similarity_to_groups(vector)
        best = int(similarity.argmax())
        return np.flatnonzero((people.labels == best) & (similarity[best] >= threshold))

    return answer


def by_face(threshold: float) -> Answer:
    """Every face that is similar enough."""

    def answer(people: AlbumPeople, vector: np.ndarray) -> np.ndarray:
        return np.flatnonzero((people.labels != GONE) & (people.vectors @ vector >= threshold))

    return answer


NOTHING = np.zeros(0, np.int64)
HIDDEN = -2


def print_answers(options: argparse.Namespace) -> None:
    """A row for each rule, ours with several shares of false matches."""
    with tempfile.TemporaryDirectory() as folder:
        album = load(options.album, None, options.cache or Path(folder), options)
    if album.truth is None:
        raise SystemExit(f"{options.album} has no labels.csv")
    faces, labels = album.result.faces, album.result.grouping.labels
    measured = measured_threshold(str(album.result.model["sha256"]))
    impostors, told_by = impostors_of(faces, labels, measured)
    truth = album.truth if options.half is None else album.truth.half(options.half)
    asked = Asked(AlbumPeople.of(faces, labels, impostors), faces, truth)
    judge = Judge(album.truth, truth, faces.photo_index, album.names)
    print(f"{album.result.model['name']}: {len(faces)} faces, {labels.max() + 1} groups; strangers")
    print(f"as {told_by} people tell: mean {impostors.mean:.3f}, spread {impostors.spread:.4f}")
    print(f"{judge.count()}\n\n{'':<24}right   wrong   outsiders  named: right   wrong   outsiders")
    for name, rule in (("any face at", by_face), ("best mean at", by_mean)):
        for threshold in FIXED:
            print(f"{name} {threshold:<10}  " + judge.line(asked.answers(rule(threshold))))
    for allowed in ALLOWED:
        ours = allowed == FALSE_MATCHES
        title = f"look_up, {allowed:g}{' (ours)' if ours else ''}"
        print(f"{title:<24}" + judge.line(asked.answers(by_rule(allowed)), options.list and ours))
    print(f"{'ours, no groups of one':<24}" + judge.line(asked.answers(by_rule_dissolved)))


class Judge:
    """Compares answers with all labels of an album.

    Args:
        every: all labels.
        asking: those that ask.
        photo_of: (n,) the photo of each face.
        names: of the photos.
    """

    def __init__(
        self, every: LabelledFaces, asking: LabelledFaces, photo_of: np.ndarray, names: list[str]
    ) -> None:
        self._asking, self._photo_of, self._names = asking, photo_of, names
        self._photos: dict[str, set[int]] = {}
        for person, photo in zip(every.person.tolist(), every.photo.tolist(), strict=True):
            self._photos.setdefault(person, set()).add(photo)
        self._named = set(every.row[every.row >= 0].tolist())

    def count(self) -> str:
        """How many faces ask."""
        there = sum(len(self._photos[person]) > 1 for person in self._asking.person.tolist())
        return f"{there} faces of people with other photos ask, and {len(self._asking.row) - there}"

    def line(self, answers: Iterator[tuple[int, np.ndarray]], listed: bool = False) -> str:
        """The shares of the docstring, by all photos and by those that have labels."""
        scores: list[list[tuple[bool, bool, bool]]] = [[], []]
        for label, rows in answers:
            person = str(self._asking.person[label])
            wanted = self._photos[person] - {int(self._asking.photo[label])}
            known = [row for row in rows.tolist() if row in self._named]
            for score, chosen in zip(scores, (rows.tolist(), known), strict=True):
                got = set(self._photo_of[chosen].tolist())
                score.append((bool(wanted), got == wanted, bool(got - wanted)))
            if listed and not scores[0][-1][1]:
                self._tell(person, label, set(self._photo_of[rows].tolist()), wanted)
        return "       ".join(self._shares(score) for score in scores)

    def _shares(self, score: list[tuple[bool, bool, bool]]) -> str:
        there = np.array([s[1:] for s in score if s[0]], float).reshape(-1, 2)
        outside = np.array([s[2] for s in score if not s[0]], float)
        return f"{there[:, 0].mean():.4f}  {there[:, 1].mean():.4f}  {outside.mean():.4f}"

    def _tell(self, person: str, label: int, got: set[int], wanted: set[int]) -> None:
        own = self._names[int(self._asking.photo[label])]
        wrong = [self._names[photo] for photo in sorted(got - wanted)]
        print(f"  {person} in {own}: {len(wanted - got)} of {len(wanted)} lacking, wrong {wrong}")


def print_speed(count: int) -> None:
    """Times of an album of so many faces."""
    vectors, person = hard_vectors(count)
    labels = np.where(np.bincount(person)[person] > 1, person, -1)
    labels[labels >= 0] = np.unique(labels[labels >= 0], return_inverse=True)[1]
    faces = face_set(vectors, np.sort(np.arange(count) // 2))
    with tempfile.TemporaryDirectory() as folder:
        place = write_vectors(Path(folder), faces, labels)
        start = time.perf_counter()
        index = AlbumIndex.open(place)
        opened = time.perf_counter()
        print(f"{count} faces, {labels.max() + 1} groups, {(labels < 0).sum()} faces in none")
        print(f"opened in {opened - start:.2f} s")
        chance = np.random.default_rng(0)
        asking = chance.choice(count, SELFIES, replace=False)
        times = []
        for row in asking.tolist():
            before = time.perf_counter()
            ask(index, [Selfie(str(row), vectors[row], 1.0)])
            times.append(time.perf_counter() - before)
        print(
            f"the first look-up, with the album's own false-match rate, {times[0]:.2f} s; others "
            f"{1000 * float(np.median(times[1:])):.1f} ms, at most {1000 * max(times[1:]):.1f}; "
            f"{SELFIES} with the opening {opened - start + sum(times):.2f} s"
        )


if __name__ == "__main__":
    sys.exit(main())
