"""The types that flow between the stages, validated where they are made.

Identity travels in ``photo_index``, never in a file name or in the order of a list.
Boxes are ``xyxy`` in pixels of the upright, full-size photo, origin at its top left corner;
landmarks are (x, y) in the same frame: image-left eye, image-right eye, nose tip, image-left
and image-right mouth corner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grouping.errors import InputError, MemoryLimitError, PhotoError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]

UNIT_LENGTH_TOLERANCE = 1e-3

# Zero-width non-joiner and joiner: Persian and Indic names and emoji families need them.
JOINERS = "\u200c\u200d"

QUALITY_MEASURES = ("size", "sharpness", "yaw", "pitch", "roll", "alignment_error", "visible")
# What the face network itself tells of a crop, see :mod:`grouping.faces.embedding.recognisability`:
# length of its raw embedding, cosine with the mirror image's, the two as a factor of the quality,
# and cosines with what the network makes of pictures without a face.
RECOGNITION_SIGNS = (
    *("norm", "agreement", "recognisable"),
    *("like_grey", "like_noise", "like_blurred", "like_coarse", "like_corner"),
)
FIRST_LIKENESS = RECOGNITION_SIGNS.index("like_grey")  # from here on: likeness to no face


def _check(name: str, value: npt.NDArray[Any], shape: tuple[int | None, ...], dtype: Any) -> None:
    """Raise InputError unless ``value`` has this shape (None: any length) and dtype."""
    fits = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits or value.dtype != np.dtype(dtype):
        wanted = "(" + ", ".join("d" if s is None else str(s) for s in shape) + ")"
        raise InputError(
            f"{name} must be {np.dtype(dtype).name} of shape {wanted}, "
            f"got {value.dtype} of shape {value.shape}"
        )


@dataclass(frozen=True, eq=False)
class Detections:
    """Faces found in one photo.

    Attributes:
        boxes: (n, 4) float32 xyxy.
        scores: (n,) float32 in [0, 1].
        landmarks: (n, 5, 2) float32.

    Raises:
        InputError: a column has another shape or dtype.
    """

    boxes: Float32
    scores: Float32
    landmarks: Float32

    def __post_init__(self) -> None:
        n = len(self.boxes)
        _check("boxes", self.boxes, (n, 4), np.float32)
        _check("scores", self.scores, (n,), np.float32)
        _check("landmarks", self.landmarks, (n, 5, 2), np.float32)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Detections:
        """Slice every column with one index (mask, slice or integer array)."""
        return Detections(self.boxes[index], self.scores[index], self.landmarks[index])

    @classmethod
    def empty(cls) -> Detections:
        """No face."""
        return cls(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
        )


def unknown_signs(n: int) -> Float32:
    """(n, 8) float32, the signs of faces of which a network has not told: nothing against them."""
    signs = np.full((n, len(RECOGNITION_SIGNS)), -1, np.float32)
    signs[:, : RECOGNITION_SIGNS.index("recognisable") + 1] = 1
    return signs


@dataclass(frozen=True, eq=False)
class FaceSet:
    """All faces of a run as columns; row ``i`` of each column is face ``i``.

    Attributes:
        photo_index: (n,) int32, the photo each face is in.
        boxes: (n, 4) float32 xyxy.
        scores: (n,) float32, the detector's.
        landmarks: (n, 5, 2) float32.
        quality: (n,) float32 in [0, 1], see :mod:`grouping.faces.quality`.
        measures: (n, 7) float32, columns ``QUALITY_MEASURES``.
        embeddings: (n, d) float32, rows of unit length.
        signs: (n, 8) float32, columns ``RECOGNITION_SIGNS``.

    Raises:
        InputError: a column has another shape or dtype, or an embedding is not of unit length.
    """

    photo_index: Int32
    boxes: Float32
    scores: Float32
    landmarks: Float32
    quality: Float32
    measures: Float32
    embeddings: Float32
    signs: Float32

    def __post_init__(self) -> None:
        n = len(self.photo_index)
        _check("photo_index", self.photo_index, (n,), np.int32)
        _check("boxes", self.boxes, (n, 4), np.float32)
        _check("scores", self.scores, (n,), np.float32)
        _check("landmarks", self.landmarks, (n, 5, 2), np.float32)
        _check("quality", self.quality, (n,), np.float32)
        _check("measures", self.measures, (n, len(QUALITY_MEASURES)), np.float32)
        _check("embeddings", self.embeddings, (n, None), np.float32)
        _check("signs", self.signs, (n, len(RECOGNITION_SIGNS)), np.float32)
        norms = np.sqrt(np.einsum("ij,ij->i", self.embeddings, self.embeddings))
        if n and not np.all(np.abs(norms - 1) <= UNIT_LENGTH_TOLERANCE):
            raise InputError(
                "embeddings must be rows of unit length, "
                f"got norms from {norms.min():.4g} to {norms.max():.4g}"
            )

    def __len__(self) -> int:
        return len(self.photo_index)

    def __getitem__(self, index: Any) -> FaceSet:
        """Slice every column with one index (mask, slice or integer array)."""
        return FaceSet(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def empty(cls, dimension: int = 512) -> FaceSet:
        """No face; ``dimension`` is the length of an embedding."""
        return cls(
            photo_index=np.zeros(0, np.int32),
            boxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            landmarks=np.zeros((0, 5, 2), np.float32),
            quality=np.zeros(0, np.float32),
            measures=np.zeros((0, len(QUALITY_MEASURES)), np.float32),
            embeddings=np.zeros((0, dimension), np.float32),
            signs=unknown_signs(0),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[FaceSet]) -> FaceSet:
        """The rows of all parts, in order; empty parts are dropped."""
        full = [p for p in parts if len(p)]
        if not full:
            return parts[0] if parts else cls.empty()
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in full]) for f in fields(cls)}
        )


@dataclass(frozen=True, eq=False)
class FaceAttributes:
    """What faces seem to be, see :mod:`grouping.faces.attributes`; NaN where it is not known.

    Attributes:
        age: (n,) float32, years.
        male: (n,) float32 in [0, 1]: what the network says, not how often it is right.

    Raises:
        InputError: a column has another shape or dtype.
    """

    age: Float32
    male: Float32

    def __post_init__(self) -> None:
        n = len(self.age)
        _check("age", self.age, (n,), np.float32)
        _check("male", self.male, (n,), np.float32)

    def __len__(self) -> int:
        return len(self.age)

    def __getitem__(self, index: Any) -> FaceAttributes:
        """Slice both columns with one index (mask, slice or integer array)."""
        return FaceAttributes(self.age[index], self.male[index])

    @classmethod
    def unknown(cls, n: int) -> FaceAttributes:
        """Of n faces nothing is known."""
        return cls(np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32))


Progress = Callable[[str, int, int], None]  # a stage, how many are done, how many there are
# Stages after the photos that progress is told of, and whose time is told beforehand.
GROUPING, AGES, MAP = "grouping", "age and gender", "map of faces"
THUMBNAILS, SHEETS = "thumbnails", "contact sheets"


class Fingerprint(NamedTuple):
    """Tells, without reading a photo, whether it changed since it was last seen.

    Attributes:
        key: where the photo is, the same in every run.
        version: changes with the content (size and time of a file, the ETag of an S3 object);
            None where only reading can tell.
    """

    key: str
    version: str | None


class FaceReference(NamedTuple):
    """One face by the content of its photo and its place there, the same in every run.

    Attributes:
        photo: SHA-256 of the photo's bytes, lower-case hex.
        box: x1, y1, x2, y2 in pixels of the upright photo.
    """

    photo: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Failure:
    """Why one photo could not be used.

    Attributes:
        stage: ``"fetch"``, ``"decode"`` or ``"process"``.
        reason: one line.
        retryable: whether trying again may help.
        short_of_memory: whether it may be used where more memory is allowed for it.
    """

    stage: str
    reason: str
    retryable: bool = False
    short_of_memory: bool = False

    @classmethod
    def of(cls, error: PhotoError) -> Failure:
        """What a result says of an error."""
        short = isinstance(error, MemoryLimitError)
        return cls(error.stage, str(error), error.retryable, short)


@dataclass(frozen=True, eq=False)
class SmallPictures:
    """What a report shows of a photo, each the bytes of a JPEG file.

    Attributes:
        preview: the photo, upright.
        crops: the aligned crop of each of its faces.
    """

    preview: bytes
    crops: tuple[bytes, ...]


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """What one photo gave.

    Attributes:
        width, height: pixels of the upright photo; 0 where it could not be read.
        faces: its faces, ``photo_index`` 0 throughout until the photo's place is known.
        crops: (n, 112, 112, 3) uint8 RGB, or None once dropped.
        sha256: hex digest of the photo's bytes, None where they were never read.
        rotation: degrees, 0, 90, 180 or 270, by which the upright photo has to be turned clockwise
            to show its faces upright: not 0 where it lies on a side.
        picture_hash: 32 bytes of :func:`grouping.faces.pictures.picture_hash.picture_hash`; empty
            where it is not known.
        warnings: one-line remarks (a truncated file that was used as far as it goes).
        failure: set where the photo could not be used; there are no faces then.
        drawn: rows of ``faces`` that no detector found: a person drew a box, or another program
            wrote one. They come after all others.
        pictures: for a report, where they were asked for and until they are written.
    """

    width: int = 0
    height: int = 0
    faces: FaceSet = field(default_factory=FaceSet.empty)
    crops: UInt8 | None = None
    sha256: str | None = None
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    rotation: int = 0
    picture_hash: bytes = b""
    drawn: tuple[int, ...] = ()
    pictures: SmallPictures | None = None
