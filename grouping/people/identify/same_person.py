"""Whether two faces are one person: same, different or unsure; and how often strangers match.

Two thresholds come from the distribution of the similarity of strangers. Above the upper one hardly
any pair of strangers is as alike; below the lower one hardly any pair of one person is as unlike.
Between them nobody can tell, and says so.

A photo with several faces gives as many pairs, each a chance for strangers to look alike: the upper
threshold rises with their number, so that a verdict on two group photos is as safe as one on two
portraits. The lower one does not depend on it: how unlike one person looks has nothing to do with
how many others are there.

Measured by ``bench_verify`` on people who had no part in the choice: see docs/measurements.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grouping.similarity.impostors import Impostors

# Chosen on one half of the people of a news album and on photos of two athletes; the other half was
# only reported. Of 412,732 pairs of strangers none is "same" at the first. Of pairs of one person
# 0.2 % (news) and 3.2 % (athletes, faces that are not poor) are "different" at the second; with one
# in a thousand it would be 0.8 % and 12.6 %.
SAME_RATE, DIFFERENT_RATE = 1e-5, 1e-2
# What none of 732,251 pairs of strangers shows may still be as frequent as three in so many (rule
# of three, 95 %). How rare anything rarer is, nobody knows.
RAREST_MEASURED = 4e-6
MEASURED_ON = "730,000 pairs of strangers of Labeled Faces in the Wild (541 people, news photos)"


class Verdict(StrEnum):
    """What is said of a pair of faces."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


@dataclass(frozen=True)
class VerdictRule:
    """When two faces are one person, by the similarity of strangers.

    Attributes:
        impostors: the distribution of the similarity of strangers.
        measured_on: what it was measured on, for people to read.
        same_rate: share of strangers who may be said to be the same, of a whole comparison.
        different_rate: share of strangers who are as alike as the lower threshold.
        rarest: the rarest false match that the measurement could have seen.
    """

    impostors: Impostors
    measured_on: str = MEASURED_ON
    same_rate: float = SAME_RATE
    different_rate: float = DIFFERENT_RATE
    rarest: float = RAREST_MEASURED

    def same_from(self, pairs: int = 1) -> float:
        """Return the similarity from which one of so many pairs compared is one person."""
        return max(self.impostors.similarity(self.same_rate / max(pairs, 1)), self.different_below)

    @property
    def different_below(self) -> float:
        """The similarity below which two faces are two people."""
        return self.impostors.similarity(self.different_rate)

    def verdict(self, similarity: float, pairs: int = 1) -> Verdict:
        """Return what the similarity of two good faces says; ``pairs`` were compared with them."""
        if similarity >= self.same_from(pairs):
            return Verdict.SAME
        return Verdict.DIFFERENT if similarity < self.different_below else Verdict.UNSURE

    def false_match_rate(self, similarity: float) -> float:
        """Return the share of pairs of strangers at least so alike, at least ``rarest``."""
        return max(float(self.impostors.rate(similarity)), self.rarest)
