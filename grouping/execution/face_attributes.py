"""Age and gender of all faces of a run: from crops kept, the cache, or photos read once more.

A run that takes all from its cache has no crops, and one that analyses photos drops them. So each
photo whose answers are not in the cache is read and decoded again, its faces are cut where they
were found, to the bit as the run did, and the answers are kept for the next run.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from grouping.errors import FetchError, Interrupted, PhotoError
from grouping.execution.known_results import pixels_of
from grouping.faces.time_limit import TimeLimit, photo_threads
from grouping.records import AGES, FaceAttributes, PhotoFaces, Progress, UInt8
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.faces.attributes.attribute_networks import AttributeNetworks
    from grouping.storage.cache import Cache

MOST_THREADS = 4  # and so decoded photos in memory; decoding leaves Python to other threads


@dataclass(frozen=True, eq=False)
class AttributesOfRun:
    """What all faces of a run seem to be.

    Attributes:
        faces: of n faces, in the order of the photos and of the faces in each.
        networks: which said so, for people to read.
        problems: a line for each photo whose faces were not looked at.
    """

    faces: FaceAttributes
    networks: Mapping[str, str]
    problems: tuple[str, ...] = ()


class AttributeReader:
    """Answers of the attribute networks for faces that are found already; any thread may use it.

    Args:
        networks: asked where nothing is known.
        models: those that found the faces.
        cache: asked first, and told what is new.
    """

    def __init__(
        self, networks: AttributeNetworks, models: FaceModels, cache: Cache | None = None
    ) -> None:
        self._networks = networks
        self._models = models
        self._cache = cache

    @property
    def networks(self) -> Mapping[str, str]:
        """Which networks answer, for people to read."""
        return self._networks.info

    def known(self, outcome: PhotoFaces) -> FaceAttributes | None:
        """Answers that need no photo; None where one has to be read."""
        count = len(outcome.faces)
        if not count:
            return FaceAttributes.unknown(0)
        if outcome.crops is not None:
            return self._networks(outcome.crops)
        if self._cache is None or outcome.sha256 is None or outcome.drawn:
            return None  # which faces were drawn the cache cannot tell
        key = self._networks.key
        stored = self._cache.load_attributes(outcome.sha256, self._models.detector_key, key)
        return stored if stored is not None and len(stored) == count else None

    def from_photo(self, photo: Photo, outcome: PhotoFaces) -> FaceAttributes:
        """Answers for the faces of a photo, which is read; they are kept where its faces are.

        Raises:
            PhotoError: the photo cannot be had any more, or has changed.
        """
        from grouping.faces.scales import cut_crops, decoded_to_search

        content = _content_of(photo, outcome)
        with TimeLimit().running():
            image = decoded_to_search(content, self._models.detection)
            answers = self._networks(cut_crops(content, image, outcome.faces.landmarks))
        if not outcome.drawn:
            self._keep(outcome.sha256, answers)
        return answers

    def _keep(self, content: str | None, answers: FaceAttributes) -> None:
        """Store answers beside the faces that they are of: photos of somebody who opted out have
        none in the cache.
        """
        detector = self._models.detector_key
        if self._cache is None or content is None:
            return
        if self._cache.load_detections(content, detector) is not None:
            self._cache.store_attributes(content, detector, self._networks.key, answers)


def attributes_of_run(
    reader: AttributeReader,
    photos: Sequence[Photo],
    outcomes: Sequence[PhotoFaces],
    *,
    stop: threading.Event | None = None,
    on_stage: Progress | None = None,
) -> AttributesOfRun:
    """Return what all faces seem to be; photos of the same bytes are read once.

    Args:
        reader: gives the answers.
        photos: those of the run.
        outcomes: what each gave.
        stop: set it to end early.
        on_stage: called as photos that have to be read are done.

    Raises:
        Interrupted: ``stop`` was set.
    """
    answers = [reader.known(outcome) for outcome in outcomes]
    unread = [place for place, answer in enumerate(answers) if answer is None]
    first = {outcomes[place].sha256 or place: place for place in reversed(unread)}
    read = dict(_read(reader, photos, outcomes, sorted(first.values()), stop, on_stage))
    problems = []
    for place in unread:
        found = read[first[outcomes[place].sha256 or place]]
        if isinstance(found, PhotoError):
            problems.append(f"no age and gender in {photos[place].location}: {found}")
            found = FaceAttributes.unknown(len(outcomes[place].faces))
        answers[place] = found
    joined = _joined([answer for answer in answers if answer is not None])
    return AttributesOfRun(joined, reader.networks, tuple(problems))


def _read(
    reader: AttributeReader,
    photos: Sequence[Photo],
    outcomes: Sequence[PhotoFaces],
    places: Sequence[int],
    stop: threading.Event | None,
    on_stage: Progress | None,
) -> list[tuple[int, FaceAttributes | PhotoError]]:
    """The answers, or what stood in their way, of the photos at some places; a few at a time."""
    results = []
    with photo_threads(MOST_THREADS) as threads:
        tried = threads.map(partial(_try, reader, photos, outcomes), places)
        for done, (place, result) in enumerate(zip(places, tried, strict=True), 1):
            results.append((place, result))
            if on_stage is not None:
                on_stage(AGES, done, len(places))
            if stop is not None and stop.is_set():
                raise Interrupted
    return results


def _try(
    reader: AttributeReader, photos: Sequence[Photo], outcomes: Sequence[PhotoFaces], place: int
) -> FaceAttributes | PhotoError:
    try:
        return reader.from_photo(photos[place], outcomes[place])
    except PhotoError as error:
        return error


def _content_of(photo: Photo, outcome: PhotoFaces) -> bytes | UInt8:
    """The bytes or pixels of a photo that is still what it was when its faces were found.

    Raises:
        PhotoError: it cannot be had, or has changed.
    """
    pixels = pixels_of(photo)
    if pixels is not None:
        return pixels
    data = photo.read()
    if hashlib.sha256(data).hexdigest() != outcome.sha256:
        raise FetchError("the photo has changed since its faces were found")
    return data


def _joined(parts: Sequence[FaceAttributes]) -> FaceAttributes:
    if not parts:
        return FaceAttributes.unknown(0)
    return FaceAttributes(
        np.concatenate([part.age for part in parts]), np.concatenate([part.male for part in parts])
    )
