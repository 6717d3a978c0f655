"""The quality of the whole program on a labelled album, from files to people.

    python -m tests.benchmarks bench_album PHOTOS LABELS.csv
    python -m tests.benchmarks bench_album PHOTOS               # people by file name

``LABELS.csv`` has the columns photo, person, face_x, face_y, face_w, face_h (pixels of the
upright photo). A labelled face is found where a box of the program overlaps it (IoU >= 0.2), each
box serving one label. Faces that are not labelled take part in the grouping
and are not scored; labelled faces that were not found count as alone. Printed: share found,
BCubed and pairwise F over a range of thresholds, whether any photo has two people in one group,
whether shuffled photos give the same groups, and who keeps their id when a tenth of the photos
is added.

Without labels, ``Ann_3.jpg`` is taken to show Ann, perhaps among others. Printed, over a range of
thresholds: how many photos hold a face of the group that most photos of their person share, and
how many different groups those are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from grouping import GroupingConfig, GroupingPipeline, GroupingResult
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.results.document import build_document
from grouping.results.person_ids import assign_ids
from grouping.similarity.group_sums import group_members
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.benchmarks.people.labelled_albums import LabelledFaces, clashes, read_labels
from tests.helpers.vectors import bcubed, pairwise

THRESHOLDS = (0.34, 0.36, 0.37, 0.38, 0.39, 0.40, 0.42)
WIDE_RANGE = (0.26, 0.30, 0.34, 0.38, 0.42, 0.46)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--cache", type=Path, help="kept for the next run")
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Cache.open(options.cache or Path(folder) / "cache.sqlite") as cache,
    ):
        pipeline = GroupingPipeline(GroupingConfig(workers=options.workers), cache=cache)
        result = pipeline.run(list_sources([options.photos]))
        if options.labels is None:
            print_names(result)
            return 0
        names = [Path(photo.location).name for photo in result.photos]
        print_scores(result, read_labels(options.labels, names, result.faces))
        print_shuffles(pipeline, result, options.shuffles)
        print_identities(pipeline, result, options.trials)
    return 0


def print_scores(result: GroupingResult, labels: LabelledFaces) -> None:
    people, truth = np.unique(labels.person, return_inverse=True)
    print(f"{len(truth)} labelled faces of {len(people)} people, {len(result.faces)} found")
    print(f"found {np.mean(labels.row >= 0):.4f} of the labelled faces")
    print("threshold   BCubed P      R      F   pairwise P      R      F   photos with a clash")
    for threshold in sorted({*THRESHOLDS, result.threshold}):
        grouping = group_faces(result.faces, GroupingRules(threshold=threshold))
        groups = labels.groups(grouping.labels)
        b, p = bcubed(truth, groups), pairwise(truth, groups)
        clash = clashes(labels.photo, labels.person, groups)
        mark = "default" if threshold == result.threshold else ""
        print(
            f"     {threshold:.2f}     {b[0]:.4f} {b[1]:.4f} {b[2]:.4f}"
            f"       {p[0]:.4f} {p[1]:.4f} {p[2]:.4f}   {clash}  {mark}"
        )


def print_names(result: GroupingResult) -> None:
    """For photos of which the file name says who is on them."""
    names = np.array([Path(p.location).stem.rsplit("_", 1)[0] for p in result.photos])
    people = sorted(set(names))
    print(f"{len(result.faces)} faces in {len(names)} photos of {len(people)} people by name")
    for threshold in sorted({*WIDE_RANGE, result.threshold}):
        labels = group_faces(result.faces, GroupingRules(threshold=threshold)).labels
        in_groups = [set(result.faces.photo_index[m].tolist()) for m in group_members(labels)]
        right, chosen = 0, set()
        for person in people:
            own = set(np.flatnonzero(names == person).tolist())
            best = max(range(len(in_groups)), key=lambda k: len(in_groups[k] & own))
            right += len(in_groups[best] & own)
            chosen.add(best)
        mark = "  default" if threshold == result.threshold else ""
        print(
            f"threshold {threshold:.2f}: {right} of {len(names)} photos with their person, "
            f"{len(chosen)} different groups of {len(in_groups)}{mark}"
        )


def print_shuffles(pipeline: GroupingPipeline, result: GroupingResult, count: int) -> None:
    want = partition(result)
    chance = np.random.default_rng(0)
    equal = 0
    for _ in range(count):
        order = chance.permutation(len(result.photos))
        again = pipeline.run([result.photos[i] for i in order])
        equal += partition(again) == want
    print(f"shuffled photos: {equal} of {count} runs give the same groups")


def partition(result: GroupingResult) -> list[set[tuple[str, bytes]]]:
    """The faces of each group, by photo and box."""
    groups: list[set[tuple[str, bytes]]] = [set() for _ in range(len(result.grouping))]
    for row in np.flatnonzero(result.grouping.labels >= 0):
        photo = result.photos[result.faces.photo_index[row]].location
        groups[result.grouping.labels[row]].add((photo, result.faces.boxes[row].tobytes()))
    return groups


def print_identities(pipeline: GroupingPipeline, result: GroupingResult, trials: int) -> None:
    """Run without a random tenth of the photos, then with all of them."""
    chance = np.random.default_rng(1)
    for _ in range(trials):
        kept = np.sort(chance.permutation(len(result.photos))[: round(0.9 * len(result.photos))])
        before = build_document(pipeline.run([result.photos[i] for i in kept]))
        after = build_document(result, before)
        people = {group["group_id"] for group in before["groups"]}
        still = people & {group["group_id"] for group in after["groups"]}
        changes = assign_ids(before, after["images"], len(after["groups"])).changes
        print(
            f"a tenth added: {len(still) / len(people):.4f} of {len(people)} people keep their id; "
            f"{changes.summary()}"
        )


if __name__ == "__main__":
    sys.exit(main())
