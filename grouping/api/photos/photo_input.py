"""One photo that a caller hands over: fetched once, analysed as a grouping run would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grouping.config import GroupingConfig
from grouping.errors import DecodeError, FetchError, PhotoError
from grouping.execution.face_models import FaceModels, shared_models
from grouping.execution.outcomes import outcomes_of
from grouping.faces.time_limit import seconds_a_photo
from grouping.records import Failure, PhotoFaces, UInt8
from grouping.results.album import one_line
from grouping.sources.entries import SourceOptions, photo_from
from grouping.sources.photo import MemoryPhoto, Photo

OF_STAGE = {"fetch": FetchError, "decode": DecodeError}


@dataclass(frozen=True, eq=False)
class SeenPhoto:
    """A photo and what was found in it.

    Attributes:
        location: for people to read, on one line.
        content: the bytes of its file, or (h, w, 3) uint8 RGB where it was given as pixels.
        outcome: its faces with their aligned crops.
        models: the networks that found them.
    """

    location: str
    content: bytes | UInt8
    outcome: PhotoFaces
    models: FaceModels


def see_photo(
    photo: Any,
    *,
    name: str = "photo",
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
) -> SeenPhoto:
    """Fetch a photo and find its faces, to the bit as a grouping run over it alone does.

    Args:
        photo: a ``pathlib.Path``, the bytes of an image file, a PIL image, an (h, w, 3) uint8 RGB
            array; an ``http(s)://`` or ``s3://`` address as a string or as the ``"url"`` of a
            dictionary; a :class:`grouping.sources.photo.Photo`.
        name: of the argument, for messages.
        config: settings; the defaults where None.
        allow_local: let strings name ``file://`` addresses and local paths.
        options: limits of the fetching.

    Raises:
        InputError: ``photo`` is something else.
        FetchError: its bytes cannot be had.
        DecodeError: they are not a usable image.
        ModelError: a checkpoint or device cannot be used.
    """
    if not isinstance(photo, Photo):
        photo = photo_from(photo, name=name, allow_local=allow_local, options=options)
    models = shared_models(config or GroupingConfig())
    try:
        held = _in_memory(photo)
    except PhotoError as error:
        raise _named(photo, Failure.of(error)) from error
    with seconds_a_photo((config or GroupingConfig()).photo_seconds):
        (outcome,) = outcomes_of(models, [held], keep_crops=True)
    if outcome.failure is not None:
        raise _named(photo, outcome.failure)
    content = held.data if held.data is not None else held.array
    assert content is not None  # one of the two is all that _in_memory leaves
    return SeenPhoto(one_line(photo.location), content, outcome, models)


def _in_memory(photo: Photo) -> MemoryPhoto:
    """The photo as bytes or as an array, whatever it was given as.

    Raises:
        PhotoError: it cannot be read.
    """
    if not isinstance(photo, MemoryPhoto):
        return MemoryPhoto(photo.id, photo.location, data=photo.read())
    if photo.image is None:
        return photo
    from grouping.faces.decoding import upright_pixels

    return MemoryPhoto(photo.id, photo.location, array=upright_pixels(photo.image))


def _named(photo: Photo, failure: Failure) -> PhotoError:
    """The error for a photo that cannot be used; says which one."""
    kind = OF_STAGE.get(failure.stage, PhotoError)
    return kind(f"{photo.location}: {failure.reason}", retryable=failure.retryable)
