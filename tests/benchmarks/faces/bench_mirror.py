"""What the mean with the mirror image's embedding is worth, and for which faces.

    python -m tests.benchmarks bench_mirror ALBUM... [--checkpoint FILE]

An ``ALBUM`` is one of ``bench_people.py``. Its faces are found once and their crops embedded with
and without mirror images. Printed: by how much two photos of one person become more alike, and how
many pairs pass the threshold where both, one or none of the faces has its mirror image; what
decides whether a network is shown mirror images by itself; then for none, all, what the program
does by itself and rules that were tried the share of faces mirrored, and how well the faces are
grouped, for all people and those of both halves. ``agreement`` and ``near threshold`` know what
cannot be known beforehand: the one the mirror images, the other the whole album. Last, for networks
that mirror images are needed for to tell whom they do not recognise: of the faces that all mirror
images show to be nobody's, those still known, by half of the photos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from backbone.runtime.self_check import cosines
from grouping import GroupingConfig, GroupingPipeline, GroupingResult
from grouping.config import EmbeddingSettings
from grouping.faces.embedding.embedder import Embedder, Embeddings, load_embedder
from grouping.faces.embedding.mirror import DOUBTFUL, PAYS_BELOW
from grouping.faces.embedding.recognisability import RawEmbeddings, embed_raw, with_mirror_images
from grouping.faces.photo_analyser import with_embeddings
from grouping.faces.quality import quality_factors
from grouping.faces.search.turned import turned_quality
from grouping.people.copies import faces_of_originals, find_copies, picture_of_faces
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.records import RECOGNITION_SIGNS, FaceSet
from grouping.results.pictures import pictures_of
from grouping.sources.listing import list_sources
from tests.benchmarks.people.bench_people import constant
from tests.benchmarks.people.labelled_albums import (
    NOBODY,
    LabelledFaces,
    photos_by_name,
    read_labels,
    score,
)

GOOD = 0.9  # quality of a face like the portraits
DRAWS, SEED = 100_000, 0
WEAK = 0.5  # of the factor: nobody's face
STILL_WEAK = 0.75
CORE = GroupingRules(threshold=0).core_quality
RAMPS = tuple((low, low + 0.04) for low in (0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.20))
MODULE = "grouping.faces.embedding.recognisability"


@dataclass(frozen=True, eq=False)
class Album:
    """The faces of an album, embedded without mirror images and as mirror images alone.

    Attributes:
        name: of its folder.
        result: of a run that kept its crops.
        truth: the labels, None where file names are all there is.
        crops: (n, 112, 112, 3) uint8 RGB.
        plain: of the crops alone.
        mirror: (n, d) float32, of the mirror images.
        itself: what the program makes of the crops by itself; None where it is none or all.
        embedder: for all faces.
        threshold: at which they are grouped.
    """

    name: str
    result: GroupingResult
    truth: LabelledFaces | None
    crops: np.ndarray
    plain: RawEmbeddings
    mirror: np.ndarray
    itself: Embeddings | None
    embedder: Embedder
    threshold: float

    @cached_property
    def quality(self) -> np.ndarray:
        """(n,) float32, before a face network has its say."""
        return np.concatenate(
            [
                turned_quality(
                    np.prod(quality_factors(one.faces.scores, one.faces.measures), axis=0),
                    one.faces.scores,
                    one.rotation,
                )
                for one in self.result.outcomes
            ]
        ).astype(np.float32)

    @property
    def norm(self) -> np.ndarray:
        return self.plain.norm

    @cached_property
    def agreement(self) -> np.ndarray:
        """(n,) float64, cosine similarity of each crop's embedding with its mirror image's."""
        return cosines(self.plain.sums, self.mirror)

    def mirrored(self, weights: np.ndarray) -> FaceSet:
        """The faces with mirror images that count by weights (n,) in [0, 1]."""
        rows = np.flatnonzero(weights)
        raw = with_mirror_images(
            lambda _: self.mirror[rows],
            self.crops,
            self.plain,
            weights.astype(np.float32),
        )
        vectors = unit_rows(raw.sums)
        signs = self.embedder.recognisability.signs(raw, vectors)
        return self.described(Embeddings(vectors, signs))

    def described(self, given: Embeddings) -> FaceSet:
        return with_embeddings(replace(self.result.faces, quality=self.quality), given)

    def labels(self, faces: FaceSet) -> np.ndarray:
        """(n,) groups of the faces, as the pipeline makes them."""
        pictures = pictures_of(self.result.photos, self.result.outcomes, faces)
        copy_of = find_copies(pictures)
        picture = picture_of_faces(faces.photo_index, copy_of)
        rules = GroupingRules(threshold=self.threshold, measured=self.threshold)
        return group_faces(
            faces, rules, None, picture, faces_of_originals(pictures, copy_of)
        ).labels

    def scores(self, labels: np.ndarray) -> str:
        if self.truth is None:
            names = photo_names(self.result)
            return f"{photos_by_name(names, labels, self.result.faces.photo_index)} photos right"
        parts = [self.truth, self.truth.half(0), self.truth.half(1)]
        found = [score(part, labels) for part in parts]
        if self.truth.among_bystanders:
            whole = found[0]
            return f"{whole.recall:.4f} strangers {whole.strangers} junk {whole.junk}"
        return " / ".join(f"{one.bcubed:.4f}" for one in found) + f" clashes {found[0].clashes}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("albums", type=Path, nargs="+")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    everything = load_embedder(EmbeddingSettings(options.checkpoint, flip=True))
    itself = load_embedder(EmbeddingSettings(options.checkpoint))
    albums = [load(path, everything, itself, options) for path in options.albums]
    print(f"{everything.model['name']}: by itself, mirror images of {itself.mirrored}")
    print_gain(albums)
    print_decision(albums, everything)
    print_rules(albums)
    if everything.recognisability.sign.name == "agreement":
        print_ramps(albums)
    return 0


def load(path: Path, everything: Embedder, itself: Embedder, options: argparse.Namespace) -> Album:
    """Find the faces of an album and embed them in both ways."""
    photos = path / "photos" if (path / "photos").is_dir() else path
    config = GroupingConfig(
        checkpoint=options.checkpoint, workers=options.workers, flip=False, threshold=0.5
    )
    result = GroupingPipeline(config).run(list_sources([photos]), keep_crops=True)
    crops, network = result.crops, everything._runner
    assert crops is not None  # they were to be kept
    threshold = everything.default_threshold
    if threshold is None:
        raise SystemExit("a network of which no threshold is known cannot be measured here")
    file = path / "labels.csv"
    names = photo_names(result)
    return Album(
        path.resolve().name,
        result,
        read_labels(file, names, result.faces) if file.exists() else None,
        crops,
        embed_raw(network, crops, mirrored=False),
        network(crops[:, :, ::-1]),
        itself(crops) if itself.mirrored == DOUBTFUL else None,
        everything,
        threshold,
    )


def photo_names(result: GroupingResult) -> list[str]:
    return [Path(photo.location).name for photo in result.photos]


def unit_rows(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return (rows / norms).astype(np.float32)


def print_gain(albums: list[Album]) -> None:
    """How alike people's photos are to each other, and strangers', with and without."""
    print("\npairs of labelled faces: mean cosine of one person, share at the threshold, and of")
    print("strangers; predicted: by the mean agreement of the faces")
    for album in albums:
        if album.truth is None or album.truth.among_bystanders:
            continue
        named = (album.truth.row >= 0) & ~np.isin(album.truth.person, NOBODY)
        rows, person = album.truth.row[named], album.truth.person[named]
        plain = unit_rows(album.plain.sums)[rows]
        both = unit_rows(album.plain.sums + album.mirror)[rows]
        upper = np.triu(np.ones((len(rows), len(rows)), bool), 1)
        same, other = ((person[:, None] == person) & upper), ((person[:, None] != person) & upper)
        for title, a, b in (
            ("none has it", plain, plain),
            ("one has it", plain, both),
            ("both have it", both, both),
        ):
            similarity = a @ b.T
            print(
                f"{album.name:<10}{title:<14}{similarity[same].mean():.4f} "
                f"{(similarity[same] >= album.threshold).mean():.4f} "
                f"{(similarity[other] >= album.threshold).mean():.2e}"
            )
        gain = float((both @ both.T)[same].mean() / (plain @ plain.T)[same].mean() - 1)
        said = float((1 - album.agreement[rows].mean()) / 2)
        print(f"{album.name:<10}gain {gain:.4f}, predicted {said:.4f}")
        norm, quality = album.plain.norm[rows], album.quality[rows]
        of_pairs = both @ both.T - plain @ plain.T
        for title, values in (("norm", norm), ("quality", quality)):
            order = np.argsort(values, kind="stable")
            means = []
            for part in np.array_split(order, 4):
                inside = np.isin(np.arange(len(rows)), part)
                chosen = same & (inside[:, None] | inside)
                means.append(f"{of_pairs[chosen].mean():.4f}")
            print(f"{album.name:<10}gain by quarter of {title}, lowest first: {' '.join(means)}")


def print_decision(albums: list[Album], embedder: Embedder) -> None:
    """What the portraits say, and what two other good faces would have said."""
    from backbone.runtime.self_check import sample_crops

    portraits = embed_raw(embedder._runner, sample_crops(), mirrored=True).agreement
    print(f"\nagreement of the portraits {portraits.mean():.4f}, mirror images of all faces below")
    print(f"{PAYS_BELOW}; pairs of good faces of which the mean is on the other side:", end=" ")
    random = np.random.default_rng(SEED)
    for album in albums:
        good = album.agreement[album.quality >= GOOD]
        means = random.choice(good, (DRAWS, 2)).mean(axis=1)
        wrong = (means < PAYS_BELOW) != (portraits.mean() < PAYS_BELOW)
        print(f"{album.name} {wrong.mean():.3f}", end=" ")
    print()


def print_rules(albums: list[Album]) -> None:
    """A row for each rule: share of faces mirrored, scores; limits are shares of the first album.

    The faces with the lowest values are mirrored.
    """
    print("\nshare of faces mirrored; BCubed F of all, half 0, half 1, or recall")
    for title, weights in rules(albums[0]):
        cells = []
        for album in albums:
            chosen = weights(album)
            cells.append(f"{(chosen > 0).mean():.2f} {album.scores(labels_of(album, chosen))}")
        print(f"{title:<22}" + "   ".join(cells), flush=True)
    cells = []
    for album in albums:
        if album.itself is None:
            return
        share = (album.embedder.recognisability.doubt(album.plain) > 0).mean()
        labels = album.labels(album.described(album.itself))
        cells.append(f"{share:.2f} {album.scores(labels)}")
    print(f"{'the program itself':<22}" + "   ".join(cells), flush=True)


def labels_of(album: Album, weights: np.ndarray) -> np.ndarray:
    return album.labels(album.mirrored(weights))


def rules(first: Album) -> Iterator[tuple[str, Callable[[Album], np.ndarray]]]:
    """Name of a rule, and which faces of an album it mirrors."""
    yield "none", lambda album: np.zeros(len(album.quality))
    yield "all", lambda album: np.ones(len(album.quality))
    for limit in (0.5, 0.7, 0.9):
        yield f"quality < {limit}", below("quality", limit)
    for share in (0.25, 0.5, 0.65, 0.75):
        limit = float(np.quantile(first.norm, share))
        yield f"norm < {limit:.2f}", below("norm", limit)
    for share in (0.25, 0.5):
        limit = float(np.quantile(first.agreement, share))
        yield f"agreement < {limit:.3f}", below("agreement", limit)
    for width in (0.02, 0.05, 0.1):
        yield f"near threshold {width}", partial(near_threshold, width=width)
    yield "any half", lambda album: np.random.default_rng(SEED).random(len(album.quality)) < 0.5


def below(name: str, limit: float) -> Callable[[Album], np.ndarray]:
    return lambda album: getattr(album, name) < limit


def near_threshold(album: Album, width: float) -> np.ndarray:
    """(n,) bool, faces whose mean similarity to a group, or to a face without, is near it."""
    faces = album.mirrored(np.zeros(len(album.quality)))
    labels, vectors = album.labels(faces), faces.embeddings
    alone = np.flatnonzero(labels < 0)
    groups = np.where(labels < 0, 0, labels)
    groups[alone] = labels.max() + 1 + np.arange(len(alone))
    sizes = np.bincount(groups)
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    totals, counts = vectors @ sums.T, np.tile(sizes.astype(float), (len(vectors), 1))
    own = (np.arange(len(vectors)), groups)
    totals[own] -= 1
    counts[own] -= 1
    means = np.divide(totals, counts, out=np.full_like(totals, -1), where=counts > 0)
    return (np.abs(means - album.threshold) < width).any(axis=1)


def print_ramps(albums: list[Album]) -> None:
    """Where doubt begins: a row for each of ``RAMPS``."""
    print(
        "\nmirror images count from, in full from: share of faces; nobody's faces still known, of"
    )
    print("those also the ones kept from founding a group: photos of half 0, of half 1")
    for low, high in RAMPS:
        with constant(MODULE, "NOT_IN_DOUBT", low), constant(MODULE, "IN_DOUBT", high):
            counts = np.array([still_known(album) for album in albums]).sum(axis=0)
        cells = []
        for half in counts:
            faces, mirrored, weak, known, founders, kept = half
            cells.append(f"{mirrored / faces:.2f} {known}/{weak} {kept}/{founders}")
        print(f"{low:.2f} {high:.2f}  " + "   ".join(cells))


def still_known(album: Album) -> np.ndarray:
    """(2, 6) int, by half of the photos: faces, those mirrored, nobody's, known, founders, kept."""
    weights = album.embedder.recognisability.doubt(album.plain)
    factor = RECOGNITION_SIGNS.index("recognisable")
    full = album.mirrored(np.ones(len(weights))).signs[:, factor]
    part = album.mirrored(weights).signs[:, factor]
    weak = full < WEAK
    founders = (album.quality >= CORE) & (album.quality * full < CORE) & weak
    names = photo_names(album.result)
    half = np.array([sum(names[k].encode()) % 2 for k in album.result.faces.photo_index])
    columns = [
        *(np.ones(len(half), bool), weights > 0, weak, weak & (part < STILL_WEAK)),
        *(founders, founders & (album.quality * part < CORE)),
    ]
    return np.array([[(c & (half == h)).sum() for c in columns] for h in (0, 1)])


if __name__ == "__main__":
    sys.exit(main())
