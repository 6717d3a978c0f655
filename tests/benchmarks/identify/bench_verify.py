"""How often ``verify`` is right, wrong and unsure, on all pairs of labelled faces.

    python -m tests.benchmarks bench_verify ALBUM... [--cache FOLDER] [--checkpoint FILE]

An ``ALBUM`` is as for ``bench_people``, with labels. Its people are told apart into two halves by
the letters of their names: constants are chosen on half 0 and reported on half 1. For each half it
prints which share of pairs of strangers is at least as alike as the false-match rate says, which
share of pairs of one person is below, what verdicts the rule gives, and how alike pairs of one
person are by the quality of the poorer face.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from grouping.api.photos.verify import rule_of
from grouping.execution.face_models import shared_models
from grouping.faces.flaws import flaws_of
from grouping.people.identify.same_person import Verdict, VerdictRule
from tests.benchmarks.people.bench_people import load, our_config
from tests.benchmarks.people.labelled_albums import NOBODY, LabelledFaces

RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
QUALITIES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.01)


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of the named faces of an album.

    Attributes:
        people, faces: how many there are.
        similarity: (p,) float32.
        same: (p,) bool, one person.
        poor: (p,) bool, one of the two is too poor.
        quality: (p,) float32, of the poorer one.
    """

    people: int
    faces: int
    similarity: np.ndarray
    same: np.ndarray
    poor: np.ndarray
    quality: np.ndarray


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("albums", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    config = our_config(options)
    rule = rule_of(shared_models(config), config)
    if rule is None:
        parser.error("nobody has measured this network")
    with tempfile.TemporaryDirectory() as folder:
        for path in options.albums:
            for half in (0, 1):
                album = load(path, half, options.cache or Path(folder), options)
                if album.truth is None:
                    parser.error(f"{path} has no labels.csv")
                report(f"{album.name}, half {half}", pairs_of(album), rule)
    return 0


def pairs_of(album) -> Pairs:
    truth: LabelledFaces = album.truth
    good = (truth.row >= 0) & ~np.isin(truth.person, NOBODY) & (truth.kind == "face")
    faces, person = album.result.faces[truth.row[good]], truth.person[good]
    i, j = np.triu_indices(len(faces), 1)
    poor = np.array([bool(flaws) for flaws in flaws_of(faces)], bool)
    return Pairs(
        len(np.unique(person)),
        len(faces),
        (faces.embeddings @ faces.embeddings.T)[i, j],
        person[i] == person[j],
        poor[i] | poor[j],
        np.minimum(faces.quality[i], faces.quality[j]),
    )


def report(name: str, pairs: Pairs, rule: VerdictRule) -> None:
    strangers, own = pairs.similarity[~pairs.same], pairs.similarity[pairs.same]
    print(
        f"\n{name}: {pairs.faces} faces of {pairs.people} people, "
        f"{len(own)} pairs of one person, {len(strangers)} of strangers"
    )
    print("  false-match rate  similarity  strangers as alike  one person less alike")
    for rate in RATES:
        at = rule.impostors.similarity(rate)
        print(
            f"  {rate:16.0e}  {at:10.3f}  {share(strangers >= at):18.2e}  {share(own < at):20.2%}"
        )
    verdicts = np.array([rule.verdict(value).value for value in pairs.similarity.tolist()])
    verdicts[pairs.poor] = Verdict.UNSURE.value
    print("  verdict        one person    strangers    (too poor)")
    for verdict in Verdict:
        said = verdicts == verdict.value
        print(
            f"  {verdict.value:12}  {share(said[pairs.same]):10.3%}  "
            f"{share(said[~pairs.same]):11.5%}"
            + (f"  {share(pairs.poor):11.2%}" if verdict == Verdict.UNSURE else "")
        )
    print("  quality of the poorer face: pairs of one person, below 'different' (with 1 in 1,000)")
    for low, high in pairwise(QUALITIES):
        inside = pairs.same & (pairs.quality >= low) & (pairs.quality < high)
        below = pairs.similarity[inside] < rule.different_below
        stricter = pairs.similarity[inside] < rule.impostors.similarity(1e-3)
        print(
            f"  {low:.1f} to {high:.1f}: {inside.sum():5d}  {share(below):6.1%}"
            f"  ({share(stricter):.1%})"
        )


def share(mask: np.ndarray) -> float:
    return float(mask.mean()) if len(mask) else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
