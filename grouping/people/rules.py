"""The rules by which faces are people, and the qualities that they speak of."""

from __future__ import annotations

from dataclasses import dataclass

from grouping.clustering.clusterers import CLUSTERERS
from grouping.errors import InputError

# Faces of lower quality make no groups and are only attached to them: they are blurred, tiny
# or seen from behind, and resemble each other more than the people they belong to.
CORE_QUALITY = 0.5
# Faces of lower quality are not attached to a single face, unless the network recognises them: the
# two would be a person whom nobody can recognise.
PAIR_QUALITY = 0.2


@dataclass(frozen=True, kw_only=True)
class GroupingRules:
    """When faces are one person, and which people are kept.

    Attributes:
        threshold: smallest average cosine similarity of two clusters that are merged.
        method: ``"agglomerative"`` (average linkage) or ``"hdbscan"``.
        min_photos: a group needs faces in this many different pictures.
        one_face_per_photo: two faces of one photo never share a group.
        allow_same_face: unless they are one face seen twice.
        core_quality: faces of lower quality make no groups and are only attached to them.
        measured: the threshold that is right for the network, where ``threshold`` is another:
            purity and merge suggestions are judged by it. None where it is the same.

    Raises:
        InputError: an unknown method.
    """

    threshold: float
    method: str = "agglomerative"
    min_photos: int = 2
    one_face_per_photo: bool = True
    allow_same_face: bool = True
    core_quality: float = CORE_QUALITY
    measured: float | None = None

    def __post_init__(self) -> None:
        if self.method not in CLUSTERERS:
            known = ", ".join(CLUSTERERS)
            raise InputError(f"method must be one of {known}, got {self.method!r}")
