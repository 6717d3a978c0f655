"""Photos with faces of which it is known who they are, in parts and together, and their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from grouping.people.copies import Pictures, faces_of_originals, find_copies, picture_of_faces
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.records import FaceSet
from grouping.results.pictures import pictures_of
from tests.benchmarks.people.bench_people import Album
from tests.benchmarks.people.labelled_albums import NAME_AND_NUMBER, NOBODY, clashes
from tests.helpers.vectors import bcubed, unit

MAIN_SHARE = 0.9  # of a person's faces, and of a group's: the person is found whole


@dataclass(frozen=True, eq=False)
class VariedAlbum:
    """Photos with faces of which it is known who they are.

    Attributes:
        name: what it is.
        pictures: the photos, with all faces in the order of the photos.
        person: (n,) str, who each face is; ``other`` and ``unsure``, and "" where nothing is known.
        kind: (n,) str, ``face``, ``blurred`` or ``not_face``.
        threshold: of the network.
        places: where each photo is.
    """

    name: str
    pictures: Pictures
    person: np.ndarray
    kind: np.ndarray
    threshold: float
    places: tuple[str, ...]

    @property
    def faces(self) -> FaceSet:
        return self.pictures.faces

    @property
    def named(self) -> np.ndarray:
        """(n,) bool, whether it is known by name who a face is."""
        return ~np.isin(self.person, (*NOBODY, ""))

    def take(self, photos: Sequence[int] | np.ndarray, name: str) -> VariedAlbum:
        """The album of some photos, in this order."""
        photos = np.asarray(photos, np.int64)
        starts, stops = self.pictures.starts[photos], self.pictures.starts[photos + 1]
        rows = np.concatenate([np.zeros(0, np.int64), *map(np.arange, starts, stops)]).astype(int)
        place = np.repeat(np.arange(len(photos)), stops - starts).astype(np.int32)
        pictures = Pictures(
            [self.pictures.contents[p] for p in photos],
            [self.pictures.hashes[p] for p in photos],
            self.pictures.sizes[photos],
            self.pictures.rank[photos],
            replace(self.faces[rows], photo_index=place),
        )
        places = tuple(self.places[p] for p in photos)
        return replace(
            self,
            name=name,
            pictures=pictures,
            person=self.person[rows],
            kind=self.kind[rows],
            places=places,
        )

    def photos_of(self, person: str) -> np.ndarray:
        """The photos that show a person, ascending."""
        return np.unique(self.faces.photo_index[self.person == person])

    def half(self, wanted: int) -> VariedAlbum:
        """The same photos where only people of one half, 0 or 1, are named."""
        mine = np.array([sum(str(name).encode()) % 2 == wanted for name in self.person], bool)
        return replace(self, person=np.where(self.named & ~mine, "", self.person))

    def with_vectors(self, vectors: np.ndarray, name: str) -> VariedAlbum:
        """The same faces with other vectors."""
        faces = replace(self.faces, embeddings=unit(vectors))
        return replace(self, name=name, pictures=replace(self.pictures, faces=faces))

    def our_labels(self, **rules: object) -> np.ndarray:
        """(n,) int64, the groups that the program makes of the photos, by default settings."""
        copy_of = find_copies(self.pictures)
        settings = GroupingRules(**({"threshold": self.threshold} | rules))  # type: ignore[arg-type]
        picture = picture_of_faces(self.faces.photo_index, copy_of)
        same_as = faces_of_originals(self.pictures, copy_of)
        return group_faces(self.faces, settings, None, picture, same_as).labels


def joined(albums: Sequence[VariedAlbum], name: str) -> VariedAlbum:
    """The photos of all albums as one."""
    firsts = np.cumsum([0, *(len(album.pictures) for album in albums)])
    faces = [
        replace(a.faces, photo_index=(a.faces.photo_index + first).astype(np.int32))
        for a, first in zip(albums, firsts[:-1], strict=True)
    ]
    pictures = Pictures(
        [content for album in albums for content in album.pictures.contents],
        [code for album in albums for code in album.pictures.hashes],
        np.concatenate([album.pictures.sizes for album in albums]),
        np.concatenate([a.pictures.rank + f for a, f in zip(albums, firsts[:-1], strict=True)]),
        FaceSet.concatenate(faces),
    )
    person = np.concatenate([album.person for album in albums])
    kind = np.concatenate([album.kind for album in albums])
    places = tuple(place for album in albums for place in album.places)
    return VariedAlbum(name, pictures, person, kind, albums[0].threshold, places)


def of_labelled(album: Album) -> VariedAlbum:
    """What ``bench_people`` loaded, with a name for each face."""
    result = album.result
    pictures = pictures_of(result.photos, result.outcomes, result.faces)
    person = np.full(len(result.faces), "", dtype=object)
    kind = np.full(len(result.faces), "face", dtype=object)
    if album.truth is None:
        rows, names = faces_by_name(album.names, result.faces)
        person[rows] = names
    else:
        found = album.truth.row >= 0
        person[album.truth.row[found]] = album.truth.person[found]
        kind[album.truth.row[found]] = album.truth.kind[found]
    places = tuple(photo.location for photo in result.photos)
    named = person.astype(str), kind.astype(str)
    return VariedAlbum(album.name, pictures, *named, result.threshold, places)


def faces_by_name(photos: list[str], faces: FaceSet) -> tuple[np.ndarray, np.ndarray]:
    """The face that each file name means: in each photo the one most like those in the others.

    Likeness is the mean over the other photos of that name of the best face there.
    """
    names = np.array([Path(photo).stem.rsplit(NAME_AND_NUMBER, 1)[0] for photo in photos])
    rows, found = [], []
    for photo, name in enumerate(names.tolist()):
        own = np.flatnonzero(faces.photo_index == photo)
        best = [
            (faces.embeddings[own] @ faces.embeddings[faces.photo_index == other].T).max(axis=1)
            for other in np.flatnonzero(names == name)
            if other != photo and (faces.photo_index == other).any()
        ]
        if len(own) and best:
            rows.append(own[np.mean(best, axis=0).argmax()])
            found.append(name)
    return np.array(rows, np.int64), np.array(found)


@dataclass(frozen=True)
class Marks:
    """What a grouping of an album is worth.

    Attributes:
        precision, recall, bcubed: BCubed over the named faces that were found.
        whole: share of the people in two photos or more that are found whole: one group has nine
            tenths of their faces, and nine tenths of its labelled faces are theirs.
        false: groups of which most labelled faces are blurred or no face.
        mixed: groups with faces of two people, named or ``other``.
        clashes: photos in which two named people share a group.
    """

    precision: float
    recall: float
    bcubed: float
    whole: float
    false: int
    mixed: int
    clashes: int


def marks(album: VariedAlbum, labels: np.ndarray) -> Marks:
    """Score labels (n,) of the faces of an album, -1 for none."""
    named = album.named
    inside = labels >= 0
    whole, people = 0, 0
    for person in np.unique(album.person[named]):
        own = album.person == person
        if len(np.unique(album.faces.photo_index[own])) < 2:
            continue
        people += 1
        counts = Counter(labels[own & inside].tolist()).most_common(1)
        if counts:
            group, most = counts[0]
            of_group = (labels == group) & ~np.isin(album.person, ("", "unsure"))
            whole += most >= MAIN_SHARE * own.sum() and most >= MAIN_SHARE * of_group.sum()
    false = mixed = 0
    for group in np.unique(labels[inside]):
        kinds, who = album.kind[labels == group], album.person[labels == group]
        labelled = who != ""
        false += 2 * (kinds[labelled] != "face").sum() > labelled.sum()
        known = who[labelled & (kinds == "face") & (who != "unsure")]
        mixed += len(set(known.tolist())) > 1
    p, r, f = bcubed(album.person[named], labels[named]) if named.any() else (1.0, 1.0, 1.0)
    clash = clashes(album.faces.photo_index[named], album.person[named], labels[named])
    return Marks(p, r, f, whole / people if people else 1.0, int(false), int(mixed), clash)
