"""What is known about a photo before it is analysed: from the cache, or by reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grouping.boxes import sides_at_edge, to_squares
from grouping.execution.workers.photo_work import PhotoWork
from grouping.memory.budget import check_file
from grouping.records import Fingerprint, PhotoFaces, UInt8
from grouping.sources.photo import MemoryPhoto, Photo

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.storage.cache import Cache
    from grouping.storage.database.rows import DetectedPhoto

HoldBack = Callable[[PhotoFaces], bool]


@dataclass(frozen=True, eq=False)
class Lookup:
    """What a look-up found: a result, or the work that is left.

    Attributes:
        content: SHA-256 of the photo's bytes; None where it was given as pixels.
        result: what an earlier run found in these bytes.
        work: what is to be done where there is no result.
    """

    content: str | None
    result: PhotoFaces | None = None
    work: PhotoWork | None = None

    @property
    def held_bytes(self) -> int:
        """Memory that the photo takes while it waits to be worked on."""
        if self.work is None or isinstance(self.work.photo, Photo):
            return 0
        return self.work.held_bytes


class KnownResults:
    """Results of earlier runs with the same networks; without a cache nothing is known.

    Any thread may use it.

    Args:
        models: the networks.
        cache: results of earlier runs, or None.
        hold_back: says which results are not to be kept, for now or for good.
    """

    def __init__(
        self, models: FaceModels, cache: Cache | None, hold_back: HoldBack | None = None
    ) -> None:
        self._models = models
        self._cache = cache
        self._hold_back = hold_back

    def lookup(self, photo: Photo, max_bytes: int | None = None) -> Lookup:
        """Find the result of a photo, or read it. An unchanged photo in the cache is not read.

        Args:
            photo: to be looked up.
            max_bytes: of its file, where memory is short.

        Raises:
            PhotoError: it cannot be read.
            MemoryLimitError: its file is larger than that.
        """
        pixels = pixels_of(photo)
        if pixels is not None:
            return Lookup(None, work=PhotoWork(pixels))
        # Taken before reading: a photo that changes meanwhile is read again in the next run.
        fingerprint = photo.fingerprint() if self._cache else None
        unchanged = self._content_of(fingerprint)
        if unchanged and (result := self._result_of(unchanged)) is not None:
            return Lookup(unchanged, result)
        check_file(photo.expected_bytes, max_bytes)
        data = photo.read()
        check_file(len(data), max_bytes)
        content = hashlib.sha256(data).hexdigest()
        return self.lookup_read(PhotoWork(data, fingerprint=fingerprint), content)

    def lookup_place(self, photo: Photo) -> Lookup:
        """Find the result of an unchanged photo; another is left to be read by who works on it."""
        if isinstance(photo, MemoryPhoto):
            return self.lookup(photo)
        fingerprint = photo.fingerprint() if self._cache else None
        unchanged = self._content_of(fingerprint)
        if unchanged and (result := self._result_of(unchanged)) is not None:
            return Lookup(unchanged, result)
        expected = photo.expected_bytes or 0
        return Lookup(None, work=PhotoWork(photo, fingerprint=fingerprint, expected=expected))

    def lookup_read(self, work: PhotoWork, content: str) -> Lookup:
        """Find the result of a photo that was read, here or elsewhere.

        Args:
            work: the photo.
            content: SHA-256 of its bytes, hex.
        """
        self._remember(work.fingerprint, content)
        if (result := self._result_of(content)) is not None:
            return Lookup(content, result)
        return Lookup(content, work=replace(work, known=self._detected(content)))

    def store(self, result: PhotoFaces) -> None:
        """Keep a fresh result for later runs; one without bytes cannot be found again."""
        if self._hold_back is not None and self._hold_back(result):
            return
        if self._cache is not None and result.sha256 is not None:
            self._cache.store(result, self._models.detector_key, self._models.model_key)

    def _content_of(self, fingerprint: Fingerprint | None) -> str | None:
        return None if self._cache is None else self._cache.content_of(fingerprint)

    def _remember(self, fingerprint: Fingerprint | None, content: str) -> None:
        if self._cache is not None:
            self._cache.remember(fingerprint, content)

    def _result_of(self, content: str) -> PhotoFaces | None:
        if self._cache is None:
            return None
        return self._cache.load(content, self._models.detector_key, self._models.model_key)

    def _detected(self, content: str) -> PhotoFaces | None:
        """Faces found by an earlier run, to be embedded by another network."""
        if self._cache is None:
            return None
        known = self._cache.load_detections(content, self._models.detector_key)
        if known is None:
            known = self._cache.load_detections(content, self._models.earlier_detector_key)
            if known is None or not _still_right(known):
                return None
        return known.without_embeddings(content) if len(known.detections) else None


def _still_right(known: DetectedPhoto) -> bool:
    """Whether this version finds the same in a photo as the version before did.

    Photos without a trusted face are looked at from all sides now. Candidates are squares; where
    one hung over the edge of the photo, its landmarks were wrong.
    """
    from grouping.faces.search.turned import has_trusted_face

    squares = to_squares(known.detections.boxes)
    if sides_at_edge(squares, known.width, known.height).any():
        return False
    return has_trusted_face(known.detections)


def pixels_of(photo: Photo) -> UInt8 | None:
    """(h, w, 3) uint8 RGB of a photo that the caller gave as pixels; None where it has bytes.

    Raises:
        DecodeError: a PIL image stands for a file that cannot be decoded.
    """
    if not isinstance(photo, MemoryPhoto):
        return None
    if photo.image is None:
        return photo.array
    from grouping.faces.decoding import upright_pixels

    return upright_pixels(photo.image)
