"""What a look-up answers: a person and his photos, or nobody and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grouping.people.identify.album_impostors import Rate


@dataclass(frozen=True)
class FoundPerson:
    """A person of the album.

    Attributes:
        group_idx: the number of the group.
        group_id: its id, the same in the next run.
        name: as given, None without one.
        similarity: cosine of the face asked for to the mean of the group.
    """

    group_idx: int
    group_id: str
    name: str | None
    similarity: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "group_idx": self.group_idx,
            "group_id": self.group_id,
            "name": self.name,
            "similarity": round(self.similarity, 4),
        }


@dataclass(frozen=True)
class FoundPhoto:
    """A photo in which the person is.

    Attributes:
        photo: its place among the album's images.
        id, url: as the album has them.
        face_idx: the face of the person.
        box: of that face, xyxy in pixels of the upright photo.
        similarity: cosine of that face to the one asked for; None where the cache has no vector of
            it any more.
        in_group: whether the face is in the person's group; else it matches on its own.
    """

    photo: int
    id: Any
    url: str | None
    face_idx: int
    box: tuple[float, float, float, float]
    similarity: float | None
    in_group: bool

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        similarity = None if self.similarity is None else round(self.similarity, 4)
        return {
            "id": self.id,
            "url": self.url,
            "face_idx": self.face_idx,
            "box": list(self.box),
            "similarity": similarity,
            "in_group": self.in_group,
        }


@dataclass(frozen=True)
class FalseMatches:
    """How often strangers are taken for one person here.

    Attributes:
        allowed: the share of look-ups of people who are not in the album that may name somebody,
            in each of the two steps.
        look_ups: how often that happened when people of the album asked with themselves taken out.
        pairs: how many pairs of faces of one photo are as similar as ``similarity``.
        similarity: of the match, or that which it lacked.
        told_by: of how many people of the album the similarity of strangers is; 0 where it is the
            network's alone.
    """

    allowed: float
    look_ups: Rate
    pairs: Rate
    similarity: float
    told_by: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "allowed": self.allowed,
            "look_ups": _rate(self.look_ups),
            "pairs": _rate(self.pairs),
            "similarity": round(self.similarity, 4),
            "told_by": self.told_by,
        }


@dataclass(frozen=True)
class LookUp:
    """The answer of one album.

    Attributes:
        album: folder of its results.
        selfies: the photos handed in.
        person: who it is; None for nobody, or where only faces outside of groups match.
        photos: those he is in, the most similar first; empty for nobody.
        reason: why it is nobody, in one line; empty where somebody was found.
        similarity: the largest, to a group or else to a face outside of groups; None where nothing
            was compared.
        needed: the similarity that this had to have.
        remarks: what else is to be known, a line each.
        false_matches: how often strangers are taken for one person here; None where nothing was
            compared.
    """

    album: str
    selfies: tuple[str, ...]
    person: FoundPerson | None
    photos: tuple[FoundPhoto, ...]
    reason: str
    similarity: float | None
    needed: float | None
    remarks: tuple[str, ...]
    false_matches: FalseMatches | None

    @property
    def found(self) -> bool:
        """Whether there is a photo of the person."""
        return bool(self.photos)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; vectors are in none of them."""
        return {
            "album": self.album,
            "selfies": list(self.selfies),
            "found": self.found,
            "person": None if self.person is None else self.person.as_dict(),
            "photos": [photo.as_dict() for photo in self.photos],
            "reason": self.reason,
            "similarity": None if self.similarity is None else round(self.similarity, 4),
            "needed": None if self.needed is None else round(self.needed, 4),
            "remarks": list(self.remarks),
            "false_matches": None if self.false_matches is None else self.false_matches.as_dict(),
        }


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "count": rate.count,
        "of": rate.of,
        "share": round(rate.share, 6),
        "low": round(rate.low, 6),
        "high": round(rate.high, 6),
    }
