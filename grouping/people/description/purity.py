"""How pure groups are expected to be, from the places where each would fall apart.

Two people who were joined are two parts that are each alike, so that no face looks wrong among
its neighbours; the place where the group falls apart does. The group's own average-linkage tree has
all such places. At each, the cosine of the means of the two halves, in spreads of the network's
strangers, gives the odds that they are two people; they are higher where there are more people to
be mixed up with.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage

from grouping.records import Float32, Float64, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import Impostors
from grouping.similarity.inner_products import pair_products

# odds of two people = people * exp(ODDS - SLOPE * z). Fitted to one half of the people of an album
# of news photos with the bundled network, in groups made at six thresholds.
ODDS, SLOPE = 13.8, 4.23
# Of a larger group so many faces are looked at, evenly taken along their similarity to its mean.
POOL = 512
STEEPEST = 50.0  # exponents beyond are as good as certain


def expected_purity(groups: GroupSums, impostors: Impostors, people: int) -> Float32:
    """Return (K,) float32 in [0, 1], the share of each group expected to be who most of it is.

    Args:
        groups: K of them, of embeddings of unit length.
        impostors: how alike strangers are.
        people: how many there are to be mixed up with.
    """
    purity = np.ones(len(groups), np.float32)
    pairs = np.flatnonzero(groups.sizes == 2)
    if len(pairs):
        a, b = np.array([groups.members[group] for group in pairs.tolist()], np.int64).T
        cosine = pair_products(groups.vectors, groups.vectors, a, b).astype(np.float64)
        purity[pairs] = 1 - two_people(cosine, impostors, people) / 2
    for group in np.flatnonzero(groups.sizes > 2).tolist():
        vectors = groups.vectors[_pool(groups, group)]
        purity[group] = 1 - _expected_wrong(vectors, impostors, people) / len(vectors)
    return purity


def two_people(cosine: Float64, impostors: Impostors, people: int) -> Float64:
    """Return the probability that two halves of a group are two people.

    Args:
        cosine: (p,) float64, of the means of the halves.
        impostors: how alike strangers are.
        people: how many there are to be mixed up with.

    Returns:
        (p,) float64.
    """
    z = (cosine - impostors.mean) / impostors.spread
    exponent = SLOPE * z - ODDS - np.log(max(people, 1))
    return np.asarray(1 / (1 + np.exp(np.clip(exponent, -STEEPEST, STEEPEST))), np.float64)


def _pool(groups: GroupSums, group: int) -> Int64:
    """Return (p,) int64, the faces of a group that are looked at."""
    members = groups.members[group]
    if len(members) <= POOL:
        return members
    near = groups.vectors[members] @ groups.sums[group]
    order = members[np.argsort(near, kind="stable")]
    return order[np.linspace(0, len(order) - 1, POOL).astype(np.int64)]


def _expected_wrong(vectors: Float32, impostors: Impostors, people: int) -> float:
    """Return how many of (n, d) float32 faces of one group are expected not to be its person.

    From the leaves up: where two halves are one person, both keep what is wrong in them; where
    they are two, the smaller half is wrong as a whole.
    """
    n = len(vectors)
    above = np.triu_indices(n, 1)
    tree = linkage(np.clip(1 - (vectors @ vectors.T)[above], 0, 2), "average")
    halves = tree[:, :2].astype(np.int64)
    apart = two_people(_cosines_of_halves(vectors, halves), impostors, people).tolist()
    size, wrong = [1] * n, [0.0] * n
    for (a, b), p in zip(halves.tolist(), apart, strict=True):
        larger, smaller = (a, b) if size[a] >= size[b] else (b, a)
        wrong.append((1 - p) * (wrong[a] + wrong[b]) + p * (wrong[larger] + size[smaller]))
        size.append(size[a] + size[b])
    return wrong[-1]


def _cosines_of_halves(vectors: Float32, halves: Int64) -> Float64:
    """Return the cosine of the two means at each node of a tree.

    Args:
        vectors: (n, d) float32, the leaves.
        halves: (n - 1, 2) int64, the nodes joined by each: leaves from 0, then nodes in order.

    Returns:
        (n - 1,) float64.
    """
    n = len(vectors)
    sums = np.empty((2 * n - 1, vectors.shape[1]))
    sums[:n] = vectors
    for node, (a, b) in enumerate(halves.tolist(), start=n):
        np.add(sums[a], sums[b], out=sums[node])
    length = np.linalg.norm(sums, axis=1)
    a, b = halves.T
    products = np.einsum("ij,ij->i", sums[a], sums[b])
    return np.asarray(products / np.maximum(length[a] * length[b], 1e-12), np.float64)
