"""Everything a run found, before it is put into the client's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grouping.config import GroupingConfig
from grouping.records import FaceSet, Int64, PhotoFaces, UInt8
from grouping.sources.file_kinds import LeftOut
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.corrections.apply import AppliedCorrections
    from grouping.execution.face_attributes import AttributesOfRun
    from grouping.faces.embedding.embedder import ModelInfo
    from grouping.people.calibration import Calibration
    from grouping.people.description.ages import PersonAttributes
    from grouping.people.description.described_groups import Grouping
    from grouping.references.known_people import KnownPeople
    from grouping.results.opted_out import OptedOut


@dataclass(frozen=True, eq=False)
class GroupingResult:
    """Everything a run found.

    Attributes:
        photos: in the order given.
        outcomes: what each photo gave; their faces are rows of ``faces``.
        faces: the faces of all photos, in the order of the photos.
        crops: (n, 112, 112, 3) uint8 RGB, or None where they were not kept.
        grouping: who is who.
        copy_of: (p,) int64, the photo that each photo is a copy of, -1 for none; see
            :func:`grouping.people.copies.find_copies`.
        model: which network made the embeddings.
        threshold: the cosine similarity used.
        config: the settings.
        calibration: where the threshold comes from, if it was calibrated on this album.
        corrections: what a person corrected, found again among these faces.
        known: people known beforehand; ``grouping.person`` says which groups they are.
        attributes: what faces seem to be; None where nobody asked.
        people_attributes: what each person seems to be, by group; empty where nobody asked.
        left_out: files found beside the photos that are none.
        opted_out: who opted out, where anybody was asked for.
    """

    photos: tuple[Photo, ...]
    outcomes: tuple[PhotoFaces, ...]
    faces: FaceSet
    crops: UInt8 | None
    grouping: Grouping
    copy_of: Int64
    model: ModelInfo
    threshold: float
    config: GroupingConfig
    calibration: Calibration | None = None
    corrections: AppliedCorrections | None = None
    known: KnownPeople | None = None
    attributes: AttributesOfRun | None = None
    people_attributes: tuple[PersonAttributes, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    opted_out: OptedOut | None = None
