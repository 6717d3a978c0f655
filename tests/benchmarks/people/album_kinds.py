"""Albums of many kinds, made from labelled ones: parts, mixtures, few people, relatives, bursts.

Faces are found once (see :mod:`tests.benchmarks.people.bench_people`); what is made here are
choices of photos and changes of vectors, so an album costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from tests.benchmarks.people.varied_albums import VariedAlbum, joined
from tests.helpers.vectors import unit

Maker = Callable[[dict[str, VariedAlbum], np.random.Generator], Iterator[VariedAlbum]]


def random_parts(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """Some photos of one album."""
    for name, album in pool.items():
        for size in (10, 30, 100, 300, 1000):
            if size < len(album.pictures):
                photos = rng.choice(len(album.pictures), size, replace=False)
                yield album.take(photos, f"{size} of {name}")


def mixtures(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """Photos of all albums, as many of each as there are and as are wanted."""
    for size in (30, 100, 300, 1000):
        parts = []
        for album in pool.values():
            count = min(-(-size // len(pool)), len(album.pictures))
            parts.append(album.take(rng.choice(len(album.pictures), count, replace=False), ""))
        yield joined(parts, f"{sum(len(p.pictures) for p in parts)} of all")


def few_people(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """Two to forty people of many photos, and nobody else but who is beside them."""
    for people in (2, 5, 12, 40):
        chosen = _frequent(pool, 5 if people < 40 else 3)
        picked = [chosen[k] for k in rng.choice(len(chosen), people, replace=False)]
        yield _of_people(picked, f"{people} people of many photos")


def many_people(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """Everybody in one photo or two."""
    for people in (30, 100, 250):
        chosen = _frequent(pool, 2)
        parts = []
        for k in rng.choice(len(chosen), min(people, len(chosen)), replace=False):
            album, person = chosen[k]
            photos = rng.permutation(album.photos_of(person))[: rng.integers(1, 3)]
            parts.append(album.take(photos, ""))
        yield joined(parts, f"{people} people of 1 or 2 photos")


def dominant_person(
    pool: dict[str, VariedAlbum], rng: np.random.Generator
) -> Iterator[VariedAlbum]:
    """One person in four of five photos, or in all."""
    for others in (0.0, 0.25):
        for album, person in _frequent(pool, 20):
            own = album.photos_of(person)
            rest = np.setdiff1d(np.arange(len(album.pictures)), own)
            extra = rng.choice(rest, min(int(others * len(own)), len(rest)), replace=False)
            share = "all" if not others else "80 %"
            yield album.take(np.concatenate([own, extra]), f"{person} in {share}")


def siblings(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """People moved towards each other in pairs, until the cosine of their means is so high.

    In an album of 541 strangers the most alike pair has 0.52, two sisters in it 0.28.
    """
    for alike in (0.35, 0.40, 0.45, 0.50, 0.55):
        chosen = _frequent(pool, 5)
        picked = [chosen[k] for k in rng.choice(len(chosen), 12, replace=False)]
        album = _of_people(picked, f"6 pairs of siblings, {alike:.2f} alike")
        vectors = album.faces.embeddings.copy()
        people = [person for _, person in picked]
        for one, other in zip(people[::2], people[1::2], strict=True):
            a, b = album.person == one, album.person == other
            vectors[b] = _moved(vectors[b], vectors[a], alike)
        yield album.with_vectors(vectors, album.name)


def _moved(vectors: np.ndarray, towards: np.ndarray, alike: float) -> np.ndarray:
    """Vectors with as much of the mean of others as makes the cosine of both means so high."""
    direction = unit(towards.mean(axis=0, keepdims=True))
    low, high = 0.0, 3.0
    for _ in range(40):
        share = (low + high) / 2
        mean = unit(vectors + share * direction).mean(axis=0, keepdims=True)
        cosine = float((unit(mean) @ direction.T).item())
        low, high = (share, high) if cosine < alike else (low, share)
    return unit(vectors + high * direction)


def bursts(pool: dict[str, VariedAlbum], rng: np.random.Generator) -> Iterator[VariedAlbum]:
    """A dozen people's photos, each taken six times within a second; a third of them once."""
    chosen = _frequent(pool, 3)
    for frames, likeness in ((6, 0.9), (6, 0.75), (20, 0.85)):
        picked = [chosen[k] for k in rng.choice(len(chosen), 12, replace=False)]
        album = _of_people(picked, "")
        photos = np.arange(len(album.pictures))
        often = np.repeat(photos, np.where(rng.random(len(photos)) < 2 / 3, frames, 1))
        burst = album.take(often, f"bursts of {frames}, {likeness:.2f} alike")
        noise = unit(rng.standard_normal(burst.faces.embeddings.shape))
        # Two frames have the cosine likeness: each has the root of it with the photo.
        vectors = np.sqrt(likeness) * burst.faces.embeddings + np.sqrt(1 - likeness) * noise
        # Each frame is a picture of its own.
        count = len(burst.pictures)
        own = replace(
            burst.pictures,
            contents=[None] * count,
            hashes=[rng.bytes(32) for _ in range(count)],
            rank=np.arange(count),
        )
        yield replace(burst, pictures=own).with_vectors(vectors, burst.name)


def _frequent(pool: dict[str, VariedAlbum], fewest: int) -> list[tuple[VariedAlbum, str]]:
    """People in so many photos, with the album that they are in."""
    return [
        (album, str(person))
        for album in pool.values()
        for person in np.unique(album.person[album.named])
        if len(album.photos_of(person)) >= fewest
    ]


def _of_people(picked: Sequence[tuple[VariedAlbum, str]], name: str) -> VariedAlbum:
    """All photos of these people."""
    parts = []
    for album in {id(album): album for album, _ in picked}.values():
        people = [person for a, person in picked if a is album]
        photos = np.unique(np.concatenate([album.photos_of(person) for person in people]))
        parts.append(album.take(photos, ""))
    return joined(parts, name)


MAKERS: dict[str, Maker] = {
    "parts": random_parts,
    "mixtures": mixtures,
    "few people": few_people,
    "many people": many_people,
    "one person": dominant_person,
    "siblings": siblings,
    "bursts": bursts,
}
