"""What callers send and are answered, with bounds and examples."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from grouping.api.albums.corrections import JOINERS

MOST_PHOTOS = 100_000  # of one request, whatever the service allows
LONGEST_URL = 8192

AlbumState = Literal["queued", "running", "done", "failed"]
AlbumId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]


def _https(url: str) -> str:
    if not url.lower().startswith("https://"):
        raise ValueError("must be an https:// address")
    return url


def _s3(url: str) -> str:
    if not url.startswith("s3://") or len(url) < 6:
        raise ValueError("must be s3://bucket/prefix")
    return url


def _place(url: str) -> str:
    if not url.lower().startswith(("https://", "s3://")):
        raise ValueError("must be an https:// or s3:// address")
    return url


def is_shown(sign: str) -> bool:
    """Whether a sign may stand in a name: printable, or joining others, as in Persian and emoji."""
    return sign.isprintable() or sign in JOINERS


def _printable(text: str) -> str:
    if not all(map(is_shown, text)) or not text.strip(f" {JOINERS}"):
        raise ValueError("must be printable characters on one line")
    return text


HttpsUrl = Annotated[str, Field(max_length=LONGEST_URL), AfterValidator(_https)]
S3Url = Annotated[str, Field(max_length=2048), AfterValidator(_s3)]
PhotoUrl = Annotated[str, Field(max_length=LONGEST_URL), AfterValidator(_place)]
PhotoId = (
    Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_printable)]
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
)
Cursor = Annotated[str | None, Query(max_length=200, description="of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most")]


class Sent(BaseModel):
    """What callers send: unknown keys are an error."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    """Why a request has no result."""

    code: str = Field(examples=["not_found"])
    message: str = Field(examples=["there is no such album; it may have been erased"])
    request_id: str = Field(examples=["5f2c9d01a7b3c4d8"])


class ErrorAnswer(BaseModel):
    """The form of every error."""

    error: ErrorDetail


class PhotoEntry(Sent):
    """A photo at an address."""

    id: PhotoId = Field(examples=["IMG_0042"])
    url: PhotoUrl = Field(
        description="https://, or s3:// in a bucket that the service names",
        examples=["https://example.org/IMG_0042.jpg"],
    )


class AlbumSettings(Sent):
    """What callers may choose; what they leave out is as on the command line."""

    threshold: Annotated[float, Field(ge=-1, le=1)] | Literal["auto"] | None = Field(
        default=None, description="cosine similarity at which faces are one person"
    )
    min_photos: int = Field(default=2, ge=1, le=1_000_000, description="of pictures")
    min_face: float | None = Field(default=None, ge=8, le=10_000, description="pixels")
    min_score: float = Field(default=0.9, ge=0, le=1)
    one_face_per_photo: bool = True
    allow_same_face: bool = True
    crowds: bool = True
    cluster: Literal["agglomerative", "hdbscan"] = "agglomerative"


class Webhook(Sent):
    """Who is told of the end of each job."""

    url: HttpsUrl = Field(examples=["https://example.org/albums"])


class NewAlbum(Sent):
    """Photos to group."""

    photos: list[PhotoEntry] = Field(default_factory=list, max_length=MOST_PHOTOS)
    prefix: S3Url | None = Field(default=None, examples=["s3://wedding/day-1/"])
    settings: AlbumSettings = Field(default_factory=AlbumSettings)
    webhook: Webhook | None = None


class MorePhotos(Sent):
    """Photos to add."""

    photos: list[PhotoEntry] = Field(default_factory=list, max_length=MOST_PHOTOS)
    prefix: S3Url | None = None


class Progress(BaseModel):
    """How far a job is; ``total`` is not known beforehand for a prefix in S3."""

    done: int = 0
    total: int = 0
    faces: int = 0
    failed: int = 0


class AlbumAnswer(BaseModel):
    """An album and its job."""

    id: AlbumId = Field(examples=["kT0mC9h4Qm2r7Yp1Zs8vXA"])
    state: AlbumState
    created: datetime
    changed: datetime
    progress: Progress
    counts: dict[str, int] = Field(examples=[{"photos": 120, "failed": 1, "people": 9}])
    failures: dict[str, int] = Field(examples=[{"the server answered 404": 1}])
    settings: dict[str, Any]
    revision: int = Field(description="counts the results; 0 before the first")
    error: str | None = None


class AlbumSummary(BaseModel):
    """An album in the list of all."""

    id: AlbumId
    state: AlbumState
    created: datetime
    counts: dict[str, int] = Field(description="of the results; empty before the first")


class AlbumsPage(BaseModel):
    """Some albums, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "albums": [
                    {
                        "id": "kT0mC9h4Qm2r7Yp1Zs8vXA",
                        "state": "done",
                        "created": "2026-11-27T09:37:26.250000Z",
                        "counts": {"photos": 120, "failed": 1, "people": 9},
                    }
                ],
                "next_cursor": None,
            }
        }
    )

    albums: list[AlbumSummary]
    next_cursor: str | None = Field(description="for the next page; null on the last one")


class GroupAnswer(BaseModel):
    """One person."""

    group_id: str = Field(description="stays the same when the album is grouped again")
    name: str | None
    image_ids: list[str | int] = Field(description="photos, each once")
    faces: int
    representative_face_idx: int
    cohesion: float = Field(description="average similarity of the faces")
    purity: float = Field(description="expected share of right faces")
    portrait: str = Field(description="where the portrait is, image/jpeg")


class GroupsPage(BaseModel):
    """Some people, the largest first."""

    groups: list[GroupAnswer]
    next_cursor: str | None = Field(description="for the next page; null on the last one")


class FaceAnswer(BaseModel):
    """One face."""

    face_idx: int = Field(description="its number in this result; another one in the next")
    image_id: str | int
    box: list[float] = Field(description="x1, y1, x2, y2 in pixels of the upright photo")
    score: float
    quality: float
    group_id: str | None
    similarity: float | None = Field(description="cosine to the mean of its group")
    drawn: bool = False


class PersonAnswer(GroupAnswer):
    """One person with all faces, the most typical first."""

    all_faces: list[FaceAnswer]


class ImageAnswer(BaseModel):
    """One photo."""

    id: str | int
    url: str | None = Field(description="without its query; null for uploads")
    width: int
    height: int
    rotation: int = Field(description="degrees clockwise by which it has to be turned")
    copy_of: str | int | None
    group_ids: list[str]
    faces: list[FaceAnswer]
    error: str | None = Field(description="why it could not be used")
    warnings: list[str]


class ImagesPage(BaseModel):
    """Some photos, in the order of the album."""

    images: list[ImageAnswer]
    next_cursor: str | None


GroupId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Faces = Annotated[list[Annotated[int, Field(ge=0, strict=True)]], Field(max_length=1000)]
PersonName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class NameChange(Sent):
    """What somebody is called."""

    group_id: GroupId
    name: PersonName = Field(examples=["Grandma"])


class PeopleChanges(Sent):
    """What a person knows better; it holds from the next grouping on, and in all later ones."""

    names: list[NameChange] = Field(default_factory=list, max_length=1000)
    merges: list[Annotated[list[GroupId], Field(min_length=2, max_length=100)]] = Field(
        default_factory=list, max_length=1000, description="people who are one"
    )
    splits: list[Annotated[Faces, Field(min_length=1)]] = Field(
        default_factory=list,
        max_length=1000,
        description="faces of one person who is not the one they were grouped with",
    )
    not_this_person: Faces = Field(
        default_factory=list, description="faces that are not the person they were grouped with"
    )
    ignored: Faces = Field(default_factory=list, description="faces to leave out of every group")
    revision: int | None = Field(
        default=None,
        ge=0,
        description="of the album, as it was read; needed where faces are named by number",
    )
