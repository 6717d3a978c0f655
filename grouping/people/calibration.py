"""A similarity threshold from the album itself, without labels.

Nearly all pairs of different groups of a first grouping are strangers, so the quartiles of the
similarity of their means are those of strangers; the few pairs that are one person after all do
not move them. (Faces of one photo are strangers too, and a worse sample: bystanders of one event
in one light are more alike.) People count and not pairs: one with everybody else is no more than
one opinion on how alike people are. What is found is drawn towards what was known before::

    share  = people^2 / (people^2 + prior^2)
    spread = share * album + (1 - share) * known

A network whose threshold was measured keeps it unless the album says clearly something else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.people.group_faces import group_labels
from grouping.people.rules import CORE_QUALITY, GroupingRules
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import LEAST_SPREAD, MEAN, THRESHOLD_SPREADS, Impostors

log = logging.getLogger(__name__)

# The spread between n people is off by about DOUBT / n of itself (drawn from an album: 14 % at 12,
# 9 % at 20, 6 % at 30, 4 % at 50, with two networks), that of a network that is not known by 17 %,
# that of a known one by 3 %, for albums differ. So what was known counts as so many people.
DOUBT = 1.8
UNKNOWN_PEOPLE, KNOWN_PEOPLE = 10, 60
FEWEST_PEOPLE = 3  # below, quartiles mean nothing
MOST_PEOPLE = 2000  # bounds the table of similarities
# Between the two networks measured, 0.094 and 0.075.
USUAL_SPREAD = 0.085
# An album's threshold this near to that of the network is the network's: on 30 albums and parts of
# albums it was 0.370 to 0.393 where 0.38 is best.
TELLING = 0.02
# Only two prints of one picture are more alike. A network of few numbers a face, or an album whose
# few people are each in two pieces, would say more than any two faces reach.
HIGHEST = 0.90
QUARTILES_TO_SIGMA = NormalDist().inv_cdf(0.75) - NormalDist().inv_cdf(0.25)


@dataclass(frozen=True)
class Calibration:
    """Where a threshold comes from.

    Attributes:
        threshold: cosine similarity to group by.
        default: the network's own; None where it has not been measured.
        album: the album's, drawn towards what was known; None where it has too few people.
        people: groups and single good faces that it is from.
        reason: why it is the one or the other, in one line.
    """

    threshold: float
    default: float | None
    album: float | None
    people: int
    reason: str


def calibrate_threshold(
    faces: FaceSet,
    default: float | None,
    constraints: Constraints | None = None,
    picture: Int64 | None = None,
    same_as: Int64 | None = None,
) -> Calibration:
    """Set a threshold from how alike the people of an album are; says so in the log.

    Args:
        faces: all faces of a run.
        default: the network's default threshold, None where it has not been measured.
        constraints, picture, same_as: see :func:`grouping.people.group_faces.group_faces`.
    """

    def grouped(threshold: float) -> Int64:
        rules = GroupingRules(threshold=threshold, min_photos=1)
        return group_labels(faces, rules, constraints, picture, same_as)

    found = _calibration(faces, default, grouped)
    log.info("threshold %.3f: %s", found.threshold, found.reason)
    return found


def _calibration(
    faces: FaceSet, default: float | None, grouped: Callable[[float], Int64]
) -> Calibration:
    """See :func:`calibrate_threshold`; ``grouped`` gives (n,) labels at a threshold."""
    unknown = default is None
    prior = Impostors(MEAN, USUAL_SPREAD) if default is None else Impostors.of_threshold(default)
    impostors, people = prior, 0
    for _ in range(2 if unknown else 1):  # the second time with the threshold of the first
        rows = people_of(faces, grouped(impostors.threshold))
        people = len(rows)
        impostors = album_impostors(rows, prior, UNKNOWN_PEOPLE if unknown else KNOWN_PEOPLE)
    if people < FEWEST_PEOPLE:
        reason = f"the album has only {people} people to tell by"
        return Calibration(prior.threshold, default, None, people, reason)
    album = impostors.threshold
    if default is None:
        reason = f"from {people} people of this album, for the network has not been measured"
        return Calibration(album, None, album, people, reason)
    doubt = 2 * DOUBT / people * THRESHOLD_SPREADS * impostors.spread
    if abs(album - default) > max(TELLING, doubt):
        reason = f"{people} people of this album say so, the network's own is {default:.3f}"
        return Calibration(album, default, album, people, reason)
    reason = f"the network's own; {people} people of this album say {album:.3f}, nothing else"
    return Calibration(default, default, album, people, reason)


def people_of(faces: FaceSet, labels: Int64) -> Float32:
    """Return (p, d) float32 of unit length: a row for each group, and one for each good face alone.

    Args:
        faces: n of them.
        labels: (n,) int64 from 0, -1 for none.
    """
    groups = GroupSums(faces.embeddings, labels)
    several = groups.directions()[groups.sizes > 1]
    alone = (np.append(groups.sizes, 0)[labels] <= 1) & (faces.quality >= CORE_QUALITY)
    return np.concatenate([several, faces.embeddings[alone]])


def album_impostors(people: Float32, prior: Impostors, weight: float) -> Impostors:
    """Return how alike strangers are in an album, drawn towards what was known before.

    Args:
        people: (p, d) float32, rows of unit length, one a person.
        prior: what was known.
        weight: as good as so many people.
    """
    if len(people) < FEWEST_PEOPLE:
        return prior
    if len(people) > MOST_PEOPLE:  # those first by content, not by the order of the faces
        people = people[np.argsort(content_rank(people), kind="stable")[:MOST_PEOPLE]]
    similarity = (people @ people.T)[np.triu_indices(len(people), 1)]
    low, median, high = np.quantile(similarity, (0.25, 0.5, 0.75))
    share = len(people) ** 2 / (len(people) ** 2 + weight**2)
    spread = (high - low) / QUARTILES_TO_SIGMA
    mean = float(share * median + (1 - share) * prior.mean)
    most = max((HIGHEST - mean) / THRESHOLD_SPREADS, LEAST_SPREAD)
    return Impostors(mean, min(float(share * spread + (1 - share) * prior.spread), most))
