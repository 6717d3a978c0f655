"""The grouping against other methods on albums of many kinds that nobody tuned for.

    python -m tests.benchmarks bench_varied ALBUM... --cache DIR [--seeds 3] [--half 0] [--ours]

Albums are made of the labelled ones (``album_kinds.py``): parts, mixtures, few people, many, one
person in nearly all photos, siblings, bursts, and photos made worse before faces are found
(``worse_photos.py``; kept in ``DIR``). A line an album comes first: ours, and the best of the
others at whatever parameter is best for this album, which nobody can know. The table has a row a
kind of album; there each method is at the parameter that is best for it over *all* of them.
``--half`` names only people of that half: constants are chosen on one and reported on the other.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import numpy as np

from tests.benchmarks.people.album_kinds import MAKERS
from tests.benchmarks.people.bench_people import in_enough_photos, load
from tests.benchmarks.people.other_methods import METHODS
from tests.benchmarks.people.varied_albums import Marks, VariedAlbum, marks, of_labelled
from tests.benchmarks.people.worse_photos import WAYS, worse_alone_and_mixed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("albums", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path, required=True, help="folder of caches")
    parser.add_argument("--seeds", type=int, default=3, help="albums of each kind")
    parser.add_argument("--half", type=int, choices=(0, 1), help="name only people of this half")
    parser.add_argument("--ours", action="store_true", help="leave the other methods out")
    parser.add_argument("--kinds", nargs="+", help="only these kinds of album")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print("kind, album: BCubed precision, recall, F; whole, false, mixed, clashes; best of others")
    rows: dict[str, list[dict[str, Marks]]] = defaultdict(list)
    for kind, album in albums_of(options):
        scores = scores_of(album, others=not options.ours)
        rows[kind].append(scores)
        print_album(kind, album, scores)
    print_table(rows)
    return 0


def pool_of(options: argparse.Namespace) -> dict[str, VariedAlbum]:
    """The labelled albums, by name."""
    loaded = [load(path, None, options.cache, options) for path in options.albums]
    return {album.name: of_labelled(album) for album in loaded}


def albums_of(options: argparse.Namespace) -> Iterator[tuple[str, VariedAlbum]]:
    """Every album with its kind."""
    pool = pool_of(options)
    for kind, make in MAKERS.items():
        for seed in range(options.seeds if wanted(options, kind) else 0):
            rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
            for album in make(pool, rng):
                yield kind, halved(album, options)
    for way in WAYS:
        if wanted(options, way):
            for album in worse_alone_and_mixed(pool, options, way):
                yield way, halved(album, options)


def wanted(options: argparse.Namespace, kind: str) -> bool:
    return not options.kinds or kind in options.kinds


def halved(album: VariedAlbum, options: argparse.Namespace) -> VariedAlbum:
    return album if options.half is None else album.half(options.half)


def scores_of(album: VariedAlbum, *, others: bool) -> dict[str, Marks]:
    """Marks by method and parameter, ours as ``ours``."""
    scores = {"ours": marks(album, album.our_labels())}
    vectors = album.faces.embeddings
    for name, (method, parameters) in METHODS.items() if others and len(vectors) > 5 else ():
        for parameter in parameters:
            labels = in_enough_photos(method(vectors, parameter), album.faces.photo_index)
            scores[f"{name} {parameter:g}"] = marks(album, labels)
    return scores


def print_album(kind: str, album: VariedAlbum, scores: dict[str, Marks]) -> None:
    rest = {name: found for name, found in scores.items() if name != "ours"}
    best = max(rest, key=lambda name: rest[name].bcubed, default="")
    text = f"{best} {told(rest[best])}" if best else ""
    print(f"{kind:<12} {album.name:<40} {told(scores['ours'])}   {text}", flush=True)


def told(found: Marks) -> str:
    return (
        f"{found.precision:.3f} {found.recall:.3f} {found.bcubed:.4f} {found.whole:.3f} "
        f"{found.false} {found.mixed} {found.clashes}"
    )


def print_table(rows: dict[str, list[dict[str, Marks]]]) -> None:
    """A row a kind, a column a method."""
    every = [scores for of_kind in rows.values() for scores in of_kind]
    names = [name for name in every[0] if all(name in scores for scores in every)]
    chosen = ["ours"]
    for method in METHODS:
        own = [name for name in names if name.startswith(method)]
        if own:
            chosen.append(max(own, key=lambda n: np.mean([s[n].bcubed for s in every])))
    print(f"\nBCubed F, whole; false, mixed, clashes (sums)\n{'':<14}", end="")
    print("".join(f"{name:<38}" for name in (*chosen, "best of others for each")))
    for kind, of_kind in {**rows, "all": every}.items():
        cells = [summed([scores[name] for scores in of_kind]) for name in chosen]
        cells.append(summed([best_of_others(scores) for scores in of_kind]))
        print(f"{kind:<14}" + "".join(f"{cell:<38}" for cell in cells))


def best_of_others(scores: dict[str, Marks]) -> Marks:
    rest = [found for name, found in scores.items() if name != "ours"]
    return max(rest, key=lambda found: found.bcubed, default=scores["ours"])


def summed(found: list[Marks]) -> str:
    table = np.array([astuple(one) for one in found], float)
    f, whole = table[:, 2:4].mean(axis=0)
    return f"{f:.4f} {whole:.3f} " + " ".join(f"{n:.0f}" for n in table[:, 4:].sum(axis=0))


if __name__ == "__main__":
    sys.exit(main())
