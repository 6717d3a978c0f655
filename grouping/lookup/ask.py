"""An album is asked who somebody is, by one or more photos of him."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grouping.errors import ConfigError
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.answers import FalseMatches, FoundPerson, FoundPhoto, LookUp
from grouping.lookup.selfies import Selfie
from grouping.people.identify.look_up import FALSE_MATCHES, Match, look_up
from grouping.records import Float32
from grouping.results.album import Face
from grouping.storage.locations import printable

# A photo less like the person than one in a hundred strangers is does not show him.
UNLIKE = 0.01
LEAST_WEIGHT = 0.05  # what a selfie counts at least, however poor
# With less, not even one face twice would do; with more, everybody would.
LEAST_ALLOWED, MOST_ALLOWED = 1e-9, 0.5


def ask(
    index: AlbumIndex, selfies: Sequence[Selfie], false_matches: float = FALSE_MATCHES
) -> LookUp:
    """Find out who of an album somebody is, and in which photos.

    Args:
        index: the album.
        selfies: of one person, seen with the networks of the album.
        false_matches: the share of look-ups of people who are not in the album that may name
            somebody.

    Raises:
        ConfigError: ``false_matches`` is out of its range.
    """
    check_allowed(false_matches)
    usable = [selfie for selfie in selfies if selfie.vector is not None]
    remarks = [f"{s.location}: {s.remark}" for s in usable if s.remark]
    reason = _unusable(selfies)
    if reason or not len(index):
        return _nobody(index, selfies, reason or "the album has no faces", remarks)
    chosen = _of_one_person(index, usable, false_matches)
    remarks += chosen.remarks
    remarks += [f"{s.location}: left out, {s.problem}" for s in selfies if s.problem]
    remarks += _missing(index)
    if chosen.reason:
        return _nobody(index, selfies, chosen.reason, remarks)
    vector = _mean(chosen.selfies)
    match = look_up(index.people, vector, false_matches)
    return _answer(index, selfies, chosen.selfies, vector, match, remarks, false_matches)


def check_allowed(false_matches: float) -> None:
    """Raise ConfigError unless a share of false matches is one that can be allowed."""
    if isinstance(false_matches, bool) or not isinstance(false_matches, int | float):
        raise ConfigError(f"the share of false matches must be a number, got {false_matches!r}")
    if not LEAST_ALLOWED <= false_matches <= MOST_ALLOWED:
        raise ConfigError(
            f"the share of false matches must be between {LEAST_ALLOWED:g} and {MOST_ALLOWED:g}, "
            f"got {false_matches:g}"
        )


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The selfies that show one person, or why that is not to be said."""

    selfies: Sequence[Selfie]
    remarks: list[str]
    reason: str = ""


def _of_one_person(index: AlbumIndex, usable: Sequence[Selfie], allowed: float) -> _Chosen:
    """Each selfie is looked up by itself first; what they say must go together."""
    if len(usable) == 1:
        return _Chosen(usable, [])
    single = [look_up(index.people, _mean([selfie]), allowed) for selfie in usable]
    named = {match.group: s.location for match, s in zip(single, usable, strict=True)}
    named.pop(-1, None)
    if len(named) > 1:
        said = [f"{place} is {index.album.person(group)}" for group, place in named.items()]
        return _Chosen(usable, [], f"the selfies show different people: {', '.join(said)}")
    unlike = index.people.impostors.similarity(UNLIKE)
    if not named:
        return _Chosen(usable, list(_unlike_pairs(usable, unlike)))
    (group,) = named
    alike = [float(index.people.directions[group] @ _mean([s])) for s in usable]
    remarks = [
        f"{s.location}: left out, it does not show {index.album.person(group)} ({how:.2f})"
        for s, how in zip(usable, alike, strict=True)
        if how < unlike
    ]
    return _Chosen([s for s, how in zip(usable, alike, strict=True) if how >= unlike], remarks)


def _unlike_pairs(selfies: Sequence[Selfie], unlike: float) -> Iterator[str]:
    """A line for each selfie that is unlike the first."""
    first, *others = selfies
    for other in others:
        how = float(_mean([first]) @ _mean([other]))
        if how < unlike:
            yield f"{first.location} and {other.location} may be two people ({how:.2f} alike)"


def _mean(selfies: Sequence[Selfie]) -> Float32:
    """Return (d,) float32 of unit length, better photos counting more."""
    vectors = [
        max(selfie.quality, LEAST_WEIGHT) * selfie.vector
        for selfie in selfies
        if selfie.vector is not None
    ]
    total = np.sum(vectors, axis=0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    mean = total / length if length > 0 else vectors[0]
    return np.asarray(mean, np.float32)


def _answer(
    index: AlbumIndex,
    selfies: Sequence[Selfie],
    used: Sequence[Selfie],
    vector: Float32,
    match: Match,
    remarks: list[str],
    allowed: float,
) -> LookUp:
    similarity, needed = match.similarity, match.needed
    if match.group < 0 and match.alone_best - match.alone_needed > similarity - needed:
        similarity, needed = match.alone_best, match.alone_needed
    if math.isinf(similarity):  # all faces of the album are copies that were left out
        return _nobody(index, selfies, "the album has no faces to compare with", remarks)
    photos = _photos(index, vector, match)
    remarks = remarks + [
        f"{index.album.person(other)} is alike too ({_to(index, vector, other):.2f}): "
        "the same person in two groups, or somebody who looks like him"
        for other in match.also[:3].tolist()
    ]
    return LookUp(
        album=printable(index.folder),
        selfies=tuple(selfie.location for selfie in selfies),
        person=_person(index, match),
        photos=photos,
        reason="" if photos else _why_nobody(used, similarity, needed),
        similarity=similarity,
        needed=needed,
        remarks=tuple(remarks),
        false_matches=FalseMatches(
            allowed,
            index.look_ups_of_strangers(allowed),
            index.strangers.rate(max(similarity, needed)),
            max(similarity, needed),
            index.told_by,
        ),
    )


def _person(index: AlbumIndex, match: Match) -> FoundPerson | None:
    if match.group < 0:
        return None
    group = index.album.groups[match.group]
    return FoundPerson(
        match.group, str(group["group_id"]), group.get("name") or None, match.similarity
    )


def _photos(index: AlbumIndex, vector: Float32, match: Match) -> tuple[FoundPhoto, ...]:
    """Each photo once, by the face that is most alike."""
    members = index.album.faces_of(match.group) if match.group >= 0 else []
    found = [_photo(index, face, _similarity(index, vector, face.idx), True) for face in members]
    forbidden = _kept_apart(index, match.group)
    for row, how in zip(match.alone.tolist(), match.alone_similarity.tolist(), strict=True):
        if row not in forbidden:
            found.append(_photo(index, index.album.faces[int(index.face_idx[row])], how, False))
    found.sort(key=lambda p: (not p.in_group, -(p.similarity or -1.0), p.photo))
    first: dict[int, FoundPhoto] = {}
    for photo in found:
        first.setdefault(photo.photo, photo)
    return tuple(sorted(first.values(), key=lambda p: (-(p.similarity or -1.0), p.photo)))


def _kept_apart(index: AlbumIndex, group: int) -> set[int]:
    """Rows that a person said are somebody else than a face of the group."""
    if group < 0 or not len(index.told.apart):
        return set()
    pairs = index.told.apart[(index.labels[index.told.apart] == group).any(axis=1)]
    return set(pairs.ravel().tolist())


def _photo(index: AlbumIndex, face: Face, similarity: float | None, in_group: bool) -> FoundPhoto:
    image = index.album.images[face.photo]
    url = image.get("url")
    return FoundPhoto(face.photo, image["id"], url, face.idx, face.box, similarity, in_group)


def _similarity(index: AlbumIndex, vector: Float32, face_idx: int) -> float | None:
    row = index.row_of.get(face_idx)
    return None if row is None else float(index.faces.embeddings[row] @ vector)


def _to(index: AlbumIndex, vector: Float32, group: int) -> float:
    return float(index.people.directions[group] @ vector)


def _why_nobody(used: Sequence[Selfie], similarity: float, needed: float) -> str:
    alike = f"nobody alike enough: {similarity:.2f} of {needed:.2f}"
    weak = {selfie.weakness for selfie in used}
    return alike if "" in weak else f"{' and '.join(sorted(weak))}; {alike}"


def _unusable(selfies: Sequence[Selfie]) -> str:
    """Why no selfie can be used; empty where one can."""
    if any(selfie.vector is not None for selfie in selfies):
        return ""
    if len(selfies) == 1:
        return selfies[0].problem
    return "; ".join(f"{selfie.location}: {selfie.problem}" for selfie in selfies) or "no selfie"


def _missing(index: AlbumIndex) -> list[str]:
    """What is said of faces whose vectors are gone."""
    count = len(index.without_vectors)
    if not count:
        return []
    faces = [index.album.faces[idx] for idx in index.without_vectors.tolist()]
    alone = sum(face.group < 0 for face in faces)
    beside = sum(bool(index.album.images[face.photo].get("opted_out")) for face in faces)
    whys = (
        f"{beside} beside somebody who opted out" if beside else "",
        f"{count - beside} as after forget" if beside < count else "",
    )
    return [
        f"the cache has no vector of {count} {'face' if count == 1 else 'faces'} of the album ("
        f"{', '.join(filter(None, whys))}); {alone} of them, in no group, cannot be found"
    ]


def _nobody(
    index: AlbumIndex, selfies: Sequence[Selfie], reason: str, remarks: Sequence[str]
) -> LookUp:
    return LookUp(
        album=printable(index.folder),
        selfies=tuple(selfie.location for selfie in selfies),
        person=None,
        photos=(),
        reason=reason,
        similarity=None,
        needed=None,
        remarks=tuple(remarks),
        false_matches=None,
    )
