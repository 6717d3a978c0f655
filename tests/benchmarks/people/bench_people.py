"""The grouping against other methods on the same vectors, over albums of any kind at once.

    python -m tests.benchmarks bench_people ALBUM... [--methods ours] [--half 0] [--sweep]

An ``ALBUM`` is a folder of photos with a ``labels.csv`` (see ``labelled_albums.py``) in it or
beside its ``photos/``; without one, ``Ann_3.jpg`` is taken to show Ann. Its faces are found once.
Then every method groups them at each of its parameters, and a row is printed for each, ours last.
``best`` marks the parameter that is best for a method over all albums together. ``--half 0`` or
``1`` scores only people of that half: constants are chosen on one and reported on the other.
``--sweep`` groups with each of our constants at several values. ``--methods ours`` leaves the other
methods out.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from grouping import GroupingConfig, GroupingPipeline, GroupingResult
from grouping.people.copies import picture_of_faces
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.benchmarks.people.labelled_albums import (
    LabelledFaces,
    pairs_of_one_person,
    photos_by_name,
    read_labels,
    real_purity,
    score,
)
from tests.benchmarks.people.other_methods import METHODS

MIN_PHOTOS = 2  # of a group, for every method


@dataclass(frozen=True, eq=False)
class Album:
    """One album's faces and labels.

    Attributes:
        name: of its folder.
        result: of our own run.
        names: base name of each photo.
        truth: the labels, None where file names are all there is.
        result_of: groups the same faces with other settings.
    """

    name: str
    result: GroupingResult
    names: list[str]
    truth: LabelledFaces | None
    result_of: Callable[[GroupingConfig], GroupingResult]

    def line(self, labels: np.ndarray) -> tuple[str, float]:
        """The scores of labels (n,), and one number to compare by."""
        photos = self.result.faces.photo_index
        if self.truth is None:
            right = photos_by_name(self.names, labels, photos)
            return f"{right:3d} of {len(self.names)} photos", right / len(self.names)
        found = score(self.truth, labels)
        if self.truth.among_bystanders:
            text = (
                f"recall {found.recall:.3f} strangers {found.strangers} junk {found.junk} "
                f"pieces {found.pieces}"
            )
            return text, found.recall - 0.01 * (found.strangers + found.junk)
        return f"F {found.bcubed:.4f} clashes {found.clashes}", found.bcubed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("albums", type=Path, nargs="+")
    parser.add_argument("--methods", choices=("all", "ours"), default="all")
    parser.add_argument("--half", type=int, choices=(0, 1), help="only people of this half")
    parser.add_argument("--sweep", action="store_true", help="our constants, one at a time")
    parser.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        albums = [
            load(path, options.half, options.cache or Path(folder), options)
            for path in options.albums
        ]
        print_row("", [(album.name, 0.0) for album in albums])
        others = METHODS if options.methods == "all" else {}
        for name, (method, parameters) in others.items():
            print_method(name, albums, method, parameters)
        print_ours(albums, options)
        print_review(albums)
        if options.sweep:
            print_sweeps(albums, options)
    return 0


def load(path: Path, half: int | None, caches: Path, options: argparse.Namespace) -> Album:
    """Find the faces of an album and read its labels."""
    caches.mkdir(parents=True, exist_ok=True)
    photos = path / "photos" if (path / "photos").is_dir() else path
    place = caches / f"{path.resolve().name}.sqlite"

    def result_of(config: GroupingConfig) -> GroupingResult:
        with Cache.open(place) as cache:
            return GroupingPipeline(config, cache=cache).run(list_sources([photos]))

    result = result_of(our_config(options))
    names = [Path(photo.location).name for photo in result.photos]
    labels = next((p for p in (path / "labels.csv", photos / "labels.csv") if p.exists()), None)
    truth = read_labels(labels, names, result.faces) if labels else None
    if truth is not None and half is not None:
        truth = truth.half(half)
    return Album(path.resolve().name, result, names, truth, result_of)


def our_config(options: argparse.Namespace, **settings: Any) -> GroupingConfig:
    return GroupingConfig(workers=options.workers, checkpoint=options.checkpoint, **settings)


def in_enough_photos(labels: np.ndarray, photo_index: np.ndarray) -> np.ndarray:
    """Labels (n,) with groups of fewer than ``MIN_PHOTOS`` photos taken out, as ours are."""
    pairs = np.unique(np.stack([labels, photo_index])[:, labels >= 0], axis=1)
    photos = np.bincount(pairs[0], minlength=1)
    return np.where(np.append(photos >= MIN_PHOTOS, False)[labels], labels, -1)


def print_method(
    name: str,
    albums: list[Album],
    method: Callable[[np.ndarray, float], np.ndarray],
    parameters: tuple[float, ...],
) -> None:
    """A row for each parameter, the best over all albums marked."""
    rows = []
    for parameter in parameters:
        scores = []
        for album in albums:
            faces = album.result.faces
            labels = in_enough_photos(method(faces.embeddings, parameter), faces.photo_index)
            scores.append(album.line(labels))
        rows.append((f"{name} {parameter:g}", scores))
    best = max(range(len(rows)), key=lambda k: sum(value for _, value in rows[k][1]))
    for number, (title, scores) in enumerate(rows):
        print_row(title + (" best" if number == best else ""), scores)


def print_ours(albums: list[Album], options: argparse.Namespace) -> None:
    """Our grouping: by default, by HDBSCAN, and with a threshold from the album."""
    print_row("ours", [album.line(album.result.grouping.labels) for album in albums])
    for title, settings in (
        ("ours, --cluster hdbscan", {"cluster": "hdbscan"}),
        ("ours, --threshold auto", {"threshold": "auto"}),
    ):
        config = our_config(options, **settings)
        print_row(title, [a.line(a.result_of(config).grouping.labels) for a in albums])


def print_review(albums: list[Album]) -> None:
    """Expected purity against the real one, and merge suggestions against the labels.

    At the default hardly a group is impure, so faces are grouped at lower thresholds too.
    """
    print("\nexpected purity, real purity, rank correlation over groups; suggestions right, wrong,")
    print("and pairs of groups of one person that were not suggested")
    for album in albums:
        if album.truth is None:
            continue
        default = album.result.threshold
        for threshold in (default - 0.12, default - 0.06, default, default + 0.06):
            rules = GroupingRules(threshold=threshold, measured=default)
            faces, copy_of = album.result.faces, album.result.copy_of
            picture = picture_of_faces(faces.photo_index, copy_of)
            grouping = group_faces(faces, rules, picture=picture)
            real = real_purity(album.truth, grouping.labels)
            expected = [float(grouping.purity[group]) for group in real]
            varied = min(len(set(expected)), len(set(real.values()))) > 1
            rank = spearmanr(expected, list(real.values())).statistic if varied else np.nan
            one = pairs_of_one_person(album.truth, grouping.labels)
            said = {tuple(sorted(s.groups)) for s in grouping.merge_suggestions}
            print(
                f"{album.name:<20} threshold {threshold:.2f}: {np.mean(expected):.3f} expected, "
                f"{np.mean(list(real.values())):.3f} real, rank {rank:.2f}, {len(real)} groups; "
                f"{len(said & one)} right, {len(said - one)} wrong, {len(one - said)} missed"
            )


def print_sweeps(albums: list[Album], options: argparse.Namespace) -> None:
    """Each constant of ``SWEEPS`` at each of its values, the others as they are."""
    for module, name, values in SWEEPS:
        for value in values:
            with constant(module, name, value) as usual:
                mark = " (as it is)" if value == usual else ""
                config = our_config(options)
                scores = [a.line(a.result_of(config).grouping.labels) for a in albums]
                print_row(f"{name} {value:g}{mark}", scores)


@contextmanager
def constant(module: str, name: str, value: float) -> Iterator[float]:
    """A module's constant at another value, for as long as the block runs."""
    home = importlib.import_module(module)
    usual = getattr(home, name)
    setattr(home, name, value)
    try:
        yield usual
    finally:
        setattr(home, name, usual)


def print_row(title: str, scores: list[tuple[str, float]]) -> None:
    print(f"{title:<36}" + "".join(f"{text:<46}" for text, _ in scores), flush=True)


# Module, constant, values to group with.
SWEEPS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("grouping.people.refinement.second_look", "FALSE_JOINS", (0.005, 0.01, 0.02, 0.05, 0.1)),
    ("grouping.people.refinement.second_look", "FALSE_FACES", (0.01, 0.02, 0.03, 0.05, 0.1)),
    ("grouping.people.refinement.second_look", "MAX_GAP", (0.24, 0.27, 0.30, 0.33, 0.36, 9.0)),
    ("grouping.people.refinement.second_look", "LEAST_COMPARISONS", (1, 50, 150, 200, 400)),
    ("grouping.people.refinement.second_look", "NOBODY", (3.6, 4.0, 4.5, 5.0, 9.0)),
    ("grouping.people.person_groups", "ONE_PERSON", (0.70, 0.75, 0.80, 0.85, 9.0)),
    ("grouping.people.person_groups", "ONE_PERSON_FACE", (0.75, 0.80, 0.85, 0.90, 9.0)),
    ("grouping.people.same_photo", "SAME_PRINT", (0.90, 0.92, 0.94, 0.96, 9.0)),
)


if __name__ == "__main__":
    sys.exit(main())
