"""How alike strangers are: false-match rates of a network, and which joins are sure enough.

Measured with two trained networks on 541 people of an album of news photos: in units of its own
spread the similarity of two strangers has the same tail for both, normal up to one in a hundred
and exponential beyond, for people who look alike are not as rare as a normal distribution says.
The cosine of a face to the mean of a stranger's faces, brought to unit length, and that of two such
means have the same distribution as that of two faces, within a factor of two in the rate. So one
number of a network, the threshold of its average linkage, tells all others.

References:
    Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57, 1995.
    A. Rényi, On the theory of order statistics, Acta Math. Hung. 4, 1953 (gaps between the
    largest of many exponential variables).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Float64, Int64

# The tail: one in a hundred at KNEE spreads, and a tenth of that for each further DECADE of them.
# Fitted to one half of the people with the bundled network (one in a thousand at 3.60, in ten
# thousand at 4.46); the other half has 3.63 and 4.42, another network 3.34 to 3.55 and 4.15 to
# 4.58.
KNEE_RATE, KNEE, DECADE = 1e-2, 2.55, 0.93
# The mean similarity of strangers, of both networks within 0.003.
MEAN = 0.007
# The threshold of average linkage that is best, in spreads above that mean: 4.0 and 3.9.
THRESHOLD_SPREADS = 3.95
# Few groups make so few comparisons that a similarity would do which look-alikes reach: there are
# other albums. So no fewer count than 18 groups make.
LEAST_COMPARISONS = 150
RIVALS = 5  # the next most similar that a lead is measured against
# Where a threshold at or below the mean is asked for, everybody is alike enough.
LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Impostors:
    """The distribution of the cosine similarity of strangers.

    Attributes:
        mean: of the similarity of two people.
        spread: its standard deviation, as the quartiles tell it.
    """

    mean: float
    spread: float

    @classmethod
    def of_threshold(cls, threshold: float) -> Impostors:
        """Return what a network's threshold of average linkage says of its strangers."""
        return cls(MEAN, max((threshold - MEAN) / THRESHOLD_SPREADS, LEAST_SPREAD))

    @property
    def threshold(self) -> float:
        """The threshold of average linkage that goes with this distribution."""
        return self.mean + THRESHOLD_SPREADS * self.spread

    def rate(self, similarity: npt.ArrayLike) -> Float64:
        """Return the share of strangers who are at least so similar; of any shape, float64."""
        from scipy.special import erfc

        z = (np.asarray(similarity, np.float64) - self.mean) / self.spread
        normal = np.maximum(erfc(z / math.sqrt(2)) / 2, KNEE_RATE)
        tail = KNEE_RATE * 10 ** (-np.maximum(z - KNEE, 0) / DECADE)
        return np.asarray(np.where(z < KNEE, normal, tail), np.float64)

    def similarity(self, rate: float) -> float:
        """Return the similarity that a share ``rate`` of strangers reaches, at least the mean."""
        if rate < KNEE_RATE:
            return self.mean + self.spread * (KNEE + DECADE * math.log10(KNEE_RATE / rate))
        z = NormalDist().inv_cdf(1 - min(rate, 0.5))
        return self.mean + self.spread * min(z, KNEE)

    def false_finds(
        self, similarity: Float32, rivals: Float32, seekers: int, sought: int
    ) -> Float64:
        """Return, for each who is found, how many false finds are expected that are as sure.

        Of n comparisons of strangers ``n * rate(similarity)`` are at least so similar, and the most
        similar of many leads the next ones by so much for ``seekers * lead_rate`` of those who look
        for their like; the worse of both counts.

        Args:
            similarity: (n,) float32, of the most similar of those sought to each.
            rivals: (n, k) float32, of the next ones; minus infinity where there are no more.
            seekers: how many look for their like, found or not.
            sought: how many each of them was compared with.

        Returns:
            (n,) float64.
        """
        comparisons = max(seekers * sought, LEAST_COMPARISONS)
        by_lead = seekers * self.lead_rate(similarity, rivals)
        return np.maximum(comparisons * self.rate(similarity), by_lead)

    def lead_rate(self, similarity: Float32, rivals: Float32) -> Float64:
        """Return how often the most similar of many strangers leads the next ones by so much.

        Among the largest of many values with an exponential tail the gap between the i-th and
        the next is exponential with mean ``beta / i``, independent of the others. So the excess of
        the largest over the mean of the next k is a sum of k exponentials with means
        ``beta (k + 1 - i) / (k i)``, and its tail ``constant * exp(-excess / beta)``.

        Args:
            similarity: (n,) float32, of the most similar.
            rivals: (n, k) float32, of the next ones; minus infinity where there are no more.

        Returns:
            (n,) float64; 0 where there is no rival.
        """
        there = np.isfinite(rivals)
        count = there.sum(axis=1)
        excess = similarity - np.where(there, rivals, 0).sum(axis=1) / np.maximum(count, 1)
        constant = np.array([_tail_constant(k) for k in range(rivals.shape[1] + 1)])[count]
        rate = np.minimum(1, constant * np.exp(-excess.astype(np.float64) / self._beta))
        return np.where(count > 0, rate, 0.0)

    def lead_needed(self, rate: float, rivals: int) -> float:
        """Return the lead over the mean of so many rivals that :meth:`lead_rate` gives a rate.

        Args:
            rate: in (0, 1].
            rivals: how many, at least one.
        """
        return self._beta * math.log(_tail_constant(rivals) / rate)

    @property
    def _beta(self) -> float:
        """The mean excess of similarities in the tail."""
        return self.spread * DECADE / math.log(10)


def _tail_constant(k: int) -> float:
    """Return the constant of :meth:`Impostors.lead_rate` for ``k`` rivals."""
    return math.prod(1 / (1 - (k + 1 - i) / (k * i)) for i in range(2, k + 1))


def surest(expected: Float64, made: int, false_share: float) -> Int64:
    """Return which joins to make so that only a share of them is expected to be wrong.

    The joins are taken from the surest down, as far as at the last one the false joins expected
    are at most ``false_share`` of all that are made then (Benjamini and Hochberg).

    Args:
        expected: (n,) float64, for each join the false ones expected that are as sure or surer.
        made: joins made before.
        false_share: of the joins made.

    Returns:
        (k,) int64, joins, the surest first.
    """
    order = np.argsort(expected, kind="stable")
    allowed = false_share * (made + np.arange(1, len(order) + 1))
    good = np.flatnonzero(expected[order] <= allowed)
    return order[: good[-1] + 1] if len(good) else order[:0]
