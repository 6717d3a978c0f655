"""What is answered to questions about faces, in the words of the Python calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

# Of each share an album is measured once, which takes seconds where it is large: so there are few.
FIND_SHARES = (0.0001, 0.001, 0.005, 0.0125, 0.05)
FIND_SHARE = 0.0125

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
Share = Annotated[float, Field(ge=0, le=1)]


def _listed(share: float) -> float:
    if share not in FIND_SHARES:
        raise ValueError(f"must be one of {', '.join(f'{known:g}' for known in FIND_SHARES)}")
    return share


FindShare = Annotated[
    float, AfterValidator(_listed), Field(json_schema_extra={"enum": [*FIND_SHARES]})
]
SameShare = Annotated[float, Field(ge=1e-9, le=0.5, allow_inf_nan=False)]


class Pose(BaseModel):
    """How a head is turned, in degrees; null where it cannot be told."""

    yaw: float | None
    pitch: float | None
    roll: float | None


class SeenFace(BaseModel):
    """A face of a photo that was sent.

    Boxes and landmarks are in pixels of the upright photo.
    """

    box: Box = Field(description="x1, y1, x2, y2")
    landmarks: list[list[float]] = Field(description="eyes, nose tip, mouth corners")
    score: float = Field(description="of the detector, 0 to 1")
    quality: float = Field(description="how far the face can be trusted, 0 to 1")
    pose: Pose
    size: float | None = Field(description="side of the box, pixels")
    sharpness: float | None
    visible: float | None = Field(description="share of the face within the photo")
    recognisable: float | None = Field(description="what the network makes of it, 0 to 1")
    flaws: list[str] = Field(description="why it is too poor to say who it is; empty if it is not")
    rotation: int = Field(description="degrees clockwise that turn the photo upright")


class ComparedPhoto(BaseModel):
    """One of two photos that were compared."""

    photo: str
    sha256: str
    faces: list[SeenFace]


class ComparedFaces(BaseModel):
    """A face of the first photo and one of the second."""

    a: int = Field(description="number of the face in the first photo")
    b: int
    similarity: float = Field(description="cosine")
    verdict: Literal["same", "different", "unsure"]
    reasons: list[str]
    false_match_rate: float | None


class VerifyAnswer(BaseModel):
    """Whether somebody of the one photo is in the other."""

    verdict: Literal["same", "different", "unsure"] = Field(
        description="same: some pair of faces is one person; different: no pair is; unsure: "
        "nobody can tell, and `reasons` say why"
    )
    reasons: list[str]
    similarity: float = Field(description="cosine of the pair that decided")
    same_from: float | None = Field(description="similarity from which faces are one person")
    different_below: float | None
    false_match_rate: float | None = Field(description="share of pairs of strangers so alike")
    measured_on: str | None = Field(description="what the thresholds and the rate come from")
    album_rate: None = None
    network: str
    pair: ComparedFaces
    pairs: list[ComparedFaces]
    a: ComparedPhoto
    b: ComparedPhoto


class EmbeddedFace(SeenFace):
    """A face and its vector: the one answer of the service that has any."""

    photo_sha256: str
    network: str
    network_sha256: str
    network_key: str = Field(description="vectors can be compared where it is equal")
    embedding: list[float] = Field(description="unit length; inner products are cosines")


class RepresentAnswer(BaseModel):
    """The faces of a photo, with vectors; an empty list where there is none."""

    faces: list[EmbeddedFace]


class ExtractedFace(SeenFace):
    """A face with pictures of it."""

    crop: str | None = Field(
        None, description="PNG of 112 x 112 pixels as the network gets it, base64; if asked for"
    )
    loose_crop: str | None = Field(None, description="PNG with hair and chin, base64; if asked for")


class ExtractAnswer(BaseModel):
    """The faces of a photo; an empty list where there is none."""

    faces: list[ExtractedFace]


class FoundPersonAnswer(BaseModel):
    """A person of the album."""

    group_idx: int
    group_id: str
    name: str | None
    similarity: float


class FoundPhotoAnswer(BaseModel):
    """A photo in which the person is."""

    id: Any = Field(description="as the album was given it")
    url: str | None = Field(description="its address; null for an upload")
    face_idx: int
    box: Box
    similarity: float | None
    in_group: bool = Field(description="whether the face is in the person's group")


class CountedRate(BaseModel):
    """A share that was counted, and where it lies with 95 % confidence."""

    count: int
    of: int
    share: float
    low: float
    high: float


class FalseMatchesAnswer(BaseModel):
    """How often strangers are taken for one person in this album."""

    allowed: float
    look_ups: CountedRate
    pairs: CountedRate
    similarity: float
    told_by: int


class FindAnswer(BaseModel):
    """In which photos of an album somebody is; nobody, and why, is an answer too."""

    album: str = Field(description="its id")
    selfies: list[str]
    found: bool
    person: FoundPersonAnswer | None
    photos: list[FoundPhotoAnswer]
    reason: str = Field(description="why it is nobody; empty where somebody was found")
    similarity: float | None
    needed: float | None
    remarks: list[str]
    false_matches: FalseMatchesAnswer | None
