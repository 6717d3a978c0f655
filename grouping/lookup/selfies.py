"""Photos of the person who is asked for: the one face of each, in memory and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from grouping.execution.face_models import FaceModels
from grouping.execution.outcomes import outcomes_of
from grouping.records import Float32, PhotoFaces
from grouping.results.album import one_line
from grouping.sources.photo import Photo


@dataclass(frozen=True, eq=False)
class Selfie:
    """One photo of the person who is asked for.

    Attributes:
        location: for people to read.
        vector: (d,) float32 of unit length; None where no face can be used.
        quality: of the face, in [0, 1].
        problem: why no face can be used; empty where one can.
        weakness: why the face may be too poor; empty for a good one.
        remark: which of several faces is meant; empty where there is one.
    """

    location: str
    vector: Float32 | None = field(default=None, repr=False)
    quality: float = 0.0
    problem: str = ""
    weakness: str = ""
    remark: str = ""


def selfies_of(photos: Iterable[Photo], models: FaceModels) -> tuple[Selfie, ...]:
    """Look for the face that each photo means; nothing of it is kept in any file.

    Args:
        photos: of one person, or of several who are asked for one by one.
        models: the networks of the album.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    listed = list(photos)
    seen = outcomes_of(models, listed, cache=None)
    return tuple(_selfie(photo.location, faces) for photo, faces in zip(listed, seen, strict=True))


def _selfie(location: str, seen: PhotoFaces) -> Selfie:
    place = one_line(location)
    if seen.failure is not None:
        return Selfie(place, problem=one_line(seen.failure.reason))
    from grouping.faces.flaws import flaws_of
    from grouping.people.identify.only_face import only_face

    meant = only_face(seen.faces)
    if meant.row is None:
        return Selfie(place, problem=meant.problem)
    return Selfie(
        place,
        vector=seen.faces.embeddings[meant.row],
        quality=float(seen.faces.quality[meant.row]),
        weakness=", ".join(*flaws_of(seen.faces[[meant.row]])),
        remark=meant.remark,
    )
