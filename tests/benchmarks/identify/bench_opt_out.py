"""How many photos of people who opted out are found, and at what price for the others.

    python -m tests.benchmarks bench_opt_out ALBUM [--half 0] [--draws 5] [--people 12] [--keep]

``ALBUM`` is a folder of photos with a ``labels.csv`` that names everybody (see
``labelled_albums.py``). In each draw some people with at least three photos opt out, each with one
clear face as reference, whose photo is taken out of the album; ``--keep`` leaves it in. Printed
are, of their other photos, the share left out for sure and the share listed in ``opt_out.csv`` at
all; and for each person the faces of others that were left out, and the lines that somebody has to
look at for nothing. ``--half 0`` or ``1`` draws people of that half only: constants are chosen on
one and reported on the other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grouping.people.copies import picture_of_faces
from grouping.people.group_faces import group_labels
from grouping.people.identify.opt_out import OptOut, opted_out_faces
from grouping.people.rules import GroupingRules
from grouping.similarity.impostors import Impostors
from tests.benchmarks.people.bench_people import Album, load
from tests.benchmarks.people.labelled_albums import NOBODY

FEWEST_PHOTOS = 3
CLEAR = 0.5  # quality of a face that somebody would hand in


@dataclass(frozen=True)
class Draw:
    """What one draw gave.

    Attributes:
        photos: of the people who opted out, their references not counted.
        sure, listed: of these, left out for sure, and listed.
        people: who opted out.
        wrong: faces of others that were left out.
        lines: borderline lines, ``idle`` of them for photos that none of the people is in.
    """

    photos: int
    sure: int
    listed: int
    people: int
    wrong: int
    lines: int
    idle: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("album", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), help="only people of this half")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--people", type=int, default=12, help="who opt out in a draw")
    parser.add_argument("--keep", action="store_true", help="leave the references in the album")
    parser.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        album = load(options.album, options.half, options.cache or Path(folder), options)
    draws = list(drawn(album, options))
    photos, people = (sum(getattr(d, name) for d in draws) for name in ("photos", "people"))
    print(f"{people} people in {len(draws)} draws, {photos} photos of them")
    print(f"left out for sure     {sum(d.sure for d in draws) / photos:.4f}")
    print(f"listed                {sum(d.listed for d in draws) / photos:.4f}")
    print(f"faces of others gone  {sum(d.wrong for d in draws) / people:.2f} a person")
    print(f"lines to look at      {sum(d.lines for d in draws) / people:.1f} a person")
    print(f"of these for nothing  {sum(d.idle for d in draws) / people:.1f} a person")
    return 0


def drawn(album: Album, options: argparse.Namespace) -> Iterator[Draw]:
    """Each draw, from the same seeds in every run."""
    truth, faces = album.truth, album.result.faces
    assert truth is not None
    clear = (truth.row >= 0) & ~np.isin(truth.person, NOBODY)
    clear[clear] = faces.quality[truth.row[clear]] >= CLEAR
    eligible = [
        person
        for person in np.unique(truth.person[clear])
        if len(np.unique(truth.photo[truth.person == person])) >= FEWEST_PHOTOS
    ]
    for seed in range(options.draws):
        rng = np.random.default_rng(seed)
        people = rng.choice(eligible, min(options.people, len(eligible)), replace=False)
        rows = [int(rng.choice(truth.row[clear & (truth.person == person)])) for person in people]
        yield one_draw(album, people, np.array(rows), keep=options.keep)


def one_draw(album: Album, people: np.ndarray, references: np.ndarray, *, keep: bool) -> Draw:
    """Leave people out by one face each, rows ``references`` of the album's faces."""
    truth, result = album.truth, album.result
    assert truth is not None
    faces, own = result.faces, set(result.faces.photo_index[references].tolist())
    gone = [] if keep else list(own)
    rows = np.flatnonzero(~np.isin(faces.photo_index, gone))
    picture = picture_of_faces(faces.photo_index, result.copy_of)[rows]
    rules = GroupingRules(threshold=result.threshold)
    labels = group_labels(faces[rows], rules, picture=picture)
    opt_out = OptOut(np.arange(len(references)), faces.embeddings[references])
    found = opted_out_faces(faces[rows], labels, opt_out, Impostors.of_threshold(rules.threshold))
    theirs = truth.row[np.isin(truth.person, people) & (truth.row >= 0)]
    pairs = np.unique(
        np.stack([np.unique(truth.person, return_inverse=True)[1], truth.photo])[
            :, np.isin(truth.person, people)
        ],
        axis=1,
    )
    photos = np.array([photo for photo in pairs[1].tolist() if photo not in own])
    sure = np.unique(faces.photo_index[rows[found.sure]])
    lines = np.setdiff1d(faces.photo_index[rows[found.borderline]], sure)
    return Draw(
        photos=len(photos),
        sure=int(np.isin(photos, sure).sum()),
        listed=int(np.isin(photos, np.union1d(sure, lines)).sum()),
        people=len(people),
        wrong=len(np.setdiff1d(rows[found.sure], theirs)),
        lines=len(lines),
        idle=len(np.setdiff1d(lines, pairs[1])),
    )


if __name__ == "__main__":
    sys.exit(main())
