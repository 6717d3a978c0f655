"""PhotoAnalyser: decode, detect, align, judge and embed a few photos at once.

Photos pass in small chunks, so that the networks work on batches; at most one chunk of decoded
photos is in memory, and at most one photo at full size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grouping.boxes import SAME_FACE_COVER, box_iou
from grouping.config import DetectionSettings
from grouping.errors import PhotoError, PhotoTimeError
from grouping.faces.decoding import (
    DecodedPhoto,
)
from grouping.faces.embedding.embedder import Embedder, Embeddings
from grouping.faces.pictures.picture_hash import picture_hash
from grouping.faces.pictures.small_pictures import small_pictures
from grouping.faces.quality import face_quality
from grouping.faces.scales import (
    PhotoInput,
    cascade_of,
    cut_crops,
    decoded_to_search,
    larger,
)
from grouping.faces.search.detection import Detector
from grouping.faces.search.look_again import look_again
from grouping.faces.search.tiles import is_crowd, search_tiles
from grouping.faces.search.turned import Found, turned, turned_back, turned_quality
from grouping.faces.time_limit import TimeLimit, check_time
from grouping.records import (
    RECOGNITION_SIGNS,
    Detections,
    FaceSet,
    Failure,
    Float32,
    PhotoFaces,
    UInt8,
    unknown_signs,
)
from grouping.stage_clock import stage

EMBEDDED_AT_ONCE = 256  # faces; the time is looked at in between


class PhotoAnalyser:
    """Photos in, faces out; made once in a process, used by any thread."""

    def __init__(
        self, detector: Detector, embedder: Embedder, settings: DetectionSettings | None = None
    ) -> None:
        self.detector = detector
        self.embedder = embedder
        self.settings = settings or DetectionSettings()

    def __call__(self, photos: Sequence[PhotoInput], pictures: bool = False) -> list[PhotoFaces]:
        """Analyse photos, each the bytes of a file or (h, w, 3) uint8 RGB pixels.

        With ``pictures``, small ones are made for a report while the photos are decoded.
        One result a photo, in order; a photo that cannot be used has its failure set, one that
        takes too long (:func:`grouping.faces.time_limit.seconds_a_photo`) as well.

        On a CPU each goes through the networks by itself: the last bits of a number depend on what
        else is in its pass, and results are to be the same whoever works on what with whom. It
        costs nothing to speak of but with very small photos. A GPU needs large passes.
        """
        if len(photos) > 1 and self.detector.networks.device.type == "cpu":
            return [self([photo], pictures)[0] for photo in photos]
        limits = [TimeLimit() for _ in photos]
        together = limits[0] if len(limits) == 1 else TimeLimit()
        try:
            return self._analysed(photos, limits, together, pictures)
        except PhotoTimeError as error:
            if len(photos) == 1:
                return [PhotoFaces(sha256=digest(photos[0]), failure=Failure.of(error))]
        return [self([photo], pictures)[0] for photo in photos]  # one of them was too slow: which?

    def _analysed(
        self,
        photos: Sequence[PhotoInput],
        limits: Sequence[TimeLimit],
        together: TimeLimit,
        pictures: bool,
    ) -> list[PhotoFaces]:
        """See :meth:`__call__`.

        Args:
            photos: those to analyse.
            limits: of each of them.
            together: of what is done with all of them at once.
            pictures: whether small ones are made.

        Raises:
            PhotoTimeError: that took too long.
        """
        decoded = [self._decode(*of) for of in zip(photos, limits, strict=True)]
        good = [d for d in decoded if isinstance(d, DecodedPhoto)]
        with together.running(), stage("search"):
            settings = [cascade_of(d, self.settings) for d in good]
            seen = iter(self.detector([d.image for d in good], settings))
        results = []
        for photo, image, limit in zip(photos, decoded, limits, strict=True):
            if isinstance(image, Failure):
                results.append(PhotoFaces(sha256=digest(photo), failure=image))
                continue
            here = next(seen)
            try:
                with limit.running(), stage("judge"):
                    described = self._described(photo, image, self._found(image, here))
                    results.append(_pictured(described, image) if pictures else described)
            except PhotoError as error:  # too slow; or a larger image than the reduced is damaged
                results.append(PhotoFaces(sha256=digest(photo), failure=Failure.of(error)))
        with together.running(), stage("embed"):
            return self._embedded(results)

    def embed_again(
        self, photo: PhotoInput, known: PhotoFaces, pictures: bool = False
    ) -> PhotoFaces:
        """The faces of an earlier run, judged anew and embedded by this analyser's network.

        Nothing is detected: all else is as if the photo were analysed afresh.
        """
        faces = Detections(known.faces.boxes, known.faces.scores, known.faces.landmarks)
        try:
            with TimeLimit().running():
                image = decoded_to_search(photo, self.settings)
                judged = self._judged(photo, image, Found(faces, known.rotation))
                if pictures:
                    judged = _pictured(judged, image)
                return self._embedded([replace(judged, warnings=known.warnings)])[0]
        except PhotoError as error:
            return replace(known, faces=FaceSet.empty(), failure=Failure.of(error))

    def _decode(self, photo: PhotoInput, limit: TimeLimit) -> DecodedPhoto | Failure:
        try:
            with limit.running(), stage("decode"):
                return decoded_to_search(photo, self.settings)
        except PhotoError as error:
            return Failure.of(error)

    def _found(self, image: DecodedPhoto, seen: Detections) -> Found:
        """Faces good enough, in full-size pixels, of all that was seen in the image searched."""
        settings, least = cascade_of(image, self.settings), self.settings.min_score
        found = look_again(self.detector, image.image, settings, seen, least)
        faces = found.faces[found.faces.scores >= least]
        return Found(scaled(faces, 1 / image.scale), found.rotation)

    def _described(self, photo: PhotoInput, image: DecodedPhoto, found: Found) -> PhotoFaces:
        """Faces in full-size pixels, as :meth:`_judged` gives them."""
        if self.settings.crowds and is_crowd(found.faces, image):
            found = Found(self._with_tiles(photo, image, found), found.rotation)
        return self._judged(photo, image, found)

    def _judged(self, photo: PhotoInput, image: DecodedPhoto, found: Found) -> PhotoFaces:
        """Faces in full-size pixels with crops and quality, embeddings still missing."""
        faces = found.faces
        crops = cut_crops(photo, image, faces.landmarks)
        quality = face_quality(faces, crops, (image.width, image.height))
        columns = FaceSet(
            np.zeros(len(faces), np.int32),
            faces.boxes,
            faces.scores,
            faces.landmarks,
            turned_quality(quality.quality, faces.scores, found.rotation),
            quality.measures,
            _placeholder(len(faces)),
            unknown_signs(len(faces)),
        )
        return PhotoFaces(
            image.width,
            image.height,
            columns,
            crops,
            digest(photo),
            image.warnings,
            rotation=found.rotation,
            picture_hash=picture_hash(image.image),
        )

    def _with_tiles(self, photo: PhotoInput, image: DecodedPhoto, found: Found) -> Detections:
        """The faces found and those of a crowd's second pass, from the side that is up."""
        whole = image if image.scale == 1 else larger(photo, image, 1)
        upright = turned(whole.image, found.rotation)
        extra = search_tiles(self.detector, upright, self.settings.min_score)
        extra = turned_back(extra, found.rotation, whole.image.size)
        if whole.scale < 1:  # of more than 89 megapixels, no more than those are decoded
            extra = scaled(extra, 1 / whole.scale)
        cover = box_iou(extra.boxes, found.faces.boxes, of_smaller=True).max(1, initial=0)
        return concatenated(found.faces, extra[cover < SAME_FACE_COVER])

    def _embedded(self, results: list[PhotoFaces]) -> list[PhotoFaces]:
        """Embed the crops of all photos in one pass; those without stay as they are."""
        crops = [r.crops for r in results if r.crops is not None]
        if not crops:
            return results
        given = self._embed(np.concatenate(crops))
        start, done = 0, []
        for result in results:
            n = 0 if result.crops is None else len(result.crops)
            faces = with_embeddings(result.faces, given[start : start + n]) if n else result.faces
            start += n
            done.append(replace(result, faces=faces))
        return done

    def _embed(self, crops: UInt8) -> Embeddings:
        """Embed (n, 112, 112, 3) uint8 crops; those of a crowd one part after the other."""
        parts = []
        for start in range(0, max(1, len(crops)), EMBEDDED_AT_ONCE):
            check_time()
            parts.append(self.embedder(crops[start : start + EMBEDDED_AT_ONCE]))
        if len(parts) == 1:
            return parts[0]
        vectors = np.concatenate([part.vectors for part in parts])
        return Embeddings(vectors, np.concatenate([part.signs for part in parts]))


def _pictured(result: PhotoFaces, image: DecodedPhoto) -> PhotoFaces:
    """What a photo gave, with small pictures of it and of its faces."""
    assert result.crops is not None
    return replace(result, pictures=small_pictures(image.image, result.crops))


def with_embeddings(faces: FaceSet, given: Embeddings) -> FaceSet:
    """Judged faces with what a face network gives for them; it has its say in the quality."""
    factor = given.signs[:, RECOGNITION_SIGNS.index("recognisable")]
    return replace(
        faces, embeddings=given.vectors, signs=given.signs, quality=faces.quality * factor
    )


def digest(photo: PhotoInput) -> str:
    """SHA-256 of the file's bytes, or of the pixels and their shape."""
    if isinstance(photo, bytes):
        return hashlib.sha256(photo).hexdigest()
    return hashlib.sha256(
        str(photo.shape).encode() + np.ascontiguousarray(photo).tobytes()
    ).hexdigest()


def scaled(faces: Detections, factor: float) -> Detections:
    """Move faces to an image ``factor`` times the size."""
    return Detections(
        (faces.boxes * factor).astype(np.float32),
        faces.scores,
        ((faces.landmarks + 0.5) * factor - 0.5).astype(np.float32),
    )


def concatenated(a: Detections, b: Detections) -> Detections:
    """The faces of both."""
    return Detections(
        np.concatenate([a.boxes, b.boxes]),
        np.concatenate([a.scores, b.scores]),
        np.concatenate([a.landmarks, b.landmarks]),
    )


def _placeholder(n: int) -> Float32:
    """(n, 1) float32 rows of unit length, until the faces are embedded."""
    return np.ones((n, 1), np.float32)
