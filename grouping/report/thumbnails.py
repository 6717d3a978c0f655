"""Small pictures of photos and faces, made once and kept in a folder.

Each photo is fetched and decoded once; a preview of it, the aligned crop of each of its
faces and a portrait of each representative face are saved. The names are made of the
photo's digest and the face's box, so that a second report finds them again and needs no
photo, and a photo that has since changed or moved still looks as it did. A run lays down those of
the photos it analyses (:mod:`grouping.report.early_thumbnails`); only what is missing is made here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from grouping.errors import PhotoError
from grouping.faces.alignment import CROP_SIDE, align_faces
from grouping.faces.decoding import decode_photo
from grouping.faces.pictures.covering import areas_around, cover
from grouping.faces.pictures.loose_crops import square_around
from grouping.faces.pictures.small_pictures import PREVIEW_SIDE, as_jpeg, preview
from grouping.faces.time_limit import photo_threads
from grouping.records import THUMBNAILS, Float32, Progress
from grouping.results.album import Album, Face, OpenPhoto, one_line
from grouping.storage.atomic_files import make_folder, write_bytes

DIGEST_LETTERS = 20  # of a photo's SHA-256, in the names of its small pictures
PORTRAIT_SIDE = 256
# A portrait shows the hair and the chin: this many box sides wide.
PORTRAIT_MARGIN = 1.6
# Of the pixels that a small picture has, so many are worth decoding a photo larger for.
ENOUGH = 0.75
# Decoded photos held at a time; decoding leaves Python to other threads.
MOST_WORKERS = 4
_EMPTY = "#d9d9de"
OPTED_OUT = "not shown: somebody in it opted out; group the album again with --opt-out to see it"


class Thumbnails:
    """The small pictures of an album.

    Of a photo that shows somebody who opted out, all of them are made with that face covered. Where
    it is not known any more where the face is, what is there is used and nothing is made.

    Args:
        album: of the document.
        open_photo: gives the bytes of an image of the document.
        folder: where they are.
        covered: for photos that show somebody who opted out, (k, 4) float32 xyxy: where.

    Attributes:
        folder: where they are.
        problems: for each photo that could not be shown, one line that says why.
    """

    def __init__(
        self,
        album: Album,
        open_photo: OpenPhoto,
        folder: Path,
        covered: Mapping[int, Float32] | None = None,
    ) -> None:
        self.folder = make_folder(folder)
        self.problems: dict[int, str] = {}
        self._album = album
        self._open = open_photo
        self._covered = covered or {}
        self._portraits = {group["representative_face_idx"] for group in album.groups}
        self._ready: set[int] = set()

    def prepare(self, progress: Progress | None = None) -> None:
        """Make what is missing, a few photos at a time.

        Args:
            progress: called with ``"thumbnails"``, the photos done and the photos in all.
        """
        total = len(self._album.images)
        with photo_threads(MOST_WORKERS) as workers:
            for done, _ in enumerate(workers.map(self._make, range(total)), 1):
                if progress:
                    progress(THUMBNAILS, done, total)

    def preview(self, photo: int) -> Image.Image | None:
        """The photo, upright, its long side at most 640 px; None where there is a problem."""
        return self._load(photo, self.folder / self.preview_name(photo))

    def crop(self, face: Face) -> Image.Image:
        """The aligned 112x112 crop of a face; a grey square where its photo has a problem."""
        picture = self._load(face.photo, self.folder / self.crop_name(face))
        return picture or Image.new("RGB", (CROP_SIDE, CROP_SIDE), _EMPTY)

    def preview_name(self, photo: int) -> str:
        """File name of a photo's preview."""
        return preview_file(self._key(photo))

    def crop_name(self, face: Face) -> str:
        """File name of a face's aligned crop."""
        return crop_file(self._key(face.photo), face.box)

    def portrait_name(self, face: Face) -> str:
        """File name of a representative face's portrait."""
        return crop_file(self._key(face.photo), face.box, "-portrait")

    def _key(self, photo: int) -> str:
        digest = self._album.images[photo].get("sha256")
        return digest or f"photo-{photo:06d}"

    def _load(self, photo: int, file: Path) -> Image.Image | None:
        self._make(photo)
        if photo in self.problems:
            return None
        try:
            return _opened(file)
        except (OSError, SyntaxError, ValueError):  # whole at both ends, damaged between them
            self._make_again(photo)
        return None if photo in self.problems else _opened(file)

    def _make(self, photo: int) -> None:
        if photo in self._ready:
            return
        self._ready.add(photo)
        missing = {name for name in self.names(photo) if not _is_whole(self.folder / name)}
        if photo in self._covered:
            self._make_again(photo)
        elif missing:
            self._make_again(photo, missing)

    def _make_again(self, photo: int, names: Collection[str] | None = None) -> None:
        """Make the small pictures of a photo of these names, all by default."""
        try:
            self._cut(photo, self._fetch(photo), names or self.names(photo))
        except PhotoError as error:
            self.problems[photo] = one_line(str(error))

    def names(self, photo: int) -> list[str]:
        """File names of all small pictures of a photo."""
        faces = self._album.faces_in(photo)
        portraits = [self.portrait_name(face) for face in faces if face.idx in self._portraits]
        return [self.preview_name(photo), *map(self.crop_name, faces), *portraits]

    def _fetch(self, photo: int) -> bytes:
        image = self._album.images[photo]
        if image.get("error"):
            raise PhotoError(image["error"])
        if image.get("opted_out") and photo not in self._covered:
            raise PhotoError(OPTED_OUT)
        return self._album.read_unchanged(photo, self._open)

    def _cut(self, photo: int, data: bytes, names: Collection[str]) -> None:
        faces = [f for f in self._album.faces_in(photo) if self.crop_name(f) in names]
        portraits = [
            f
            for f in self._album.faces_in(photo)
            if f.idx in self._portraits and self.portrait_name(f) in names
        ]
        shown = self.preview_name(photo) in names
        decoded = decode_photo(data, self._useful_side(photo, faces, portraits, shown))
        if photo in self._covered:
            size = decoded.width, decoded.height
            cover(decoded.image, areas_around(self._covered[photo], *size), decoded.scale)
        if faces:
            landmarks = np.array([face.landmarks for face in faces], np.float32) * decoded.scale
            crops = align_faces(decoded.image, landmarks.astype(np.float32))
            for face, crop in zip(faces, crops, strict=True):
                self._save(Image.fromarray(crop), self.crop_name(face))
        for face in portraits:
            portrait = _portrait(decoded.image, face, decoded.scale)
            rotation = self._album.images[photo].get("rotation", 0)  # of a photo on its side
            self._save(portrait.rotate(-rotation), self.portrait_name(face))
        if shown:
            self._save(preview(decoded.image), self.preview_name(photo))

    def _save(self, picture: Image.Image, name: str) -> None:
        write_bytes(self.folder / name, as_jpeg(picture), durable=False)

    def _useful_side(
        self, photo: int, crops: list[Face], portraits: list[Face], shown: bool
    ) -> int:
        """The long side to decode at: a half, a quarter ... of the photo's, which JPEG gives
        for little, as long as the crops and portraits lose next to nothing.
        """
        image = self._album.images[photo]
        long_side: int = max(image["width"], image["height"])
        wanted = [PREVIEW_SIDE / long_side] if shown else []
        for side, faces in ((CROP_SIDE, crops), (PORTRAIT_SIDE / PORTRAIT_MARGIN, portraits)):
            wanted += [ENOUGH * side / max(_side(face), 1.0) for face in faces]
        halvings = math.floor(math.log2(max(1.0, 1 / max(wanted))))
        return math.ceil(long_side / (1 << halvings))


def preview_file(content: str) -> str:
    """File name of the preview of a photo, from the digest of its bytes."""
    return f"{content[:DIGEST_LETTERS]}.jpg"


def crop_file(content: str, box: Sequence[float], kind: str = "") -> str:
    """File name of a face's aligned crop, from the digest of its photo and the xyxy box there."""
    place = "-".join(str(max(0, round(v))) for v in box)
    return f"{content[:DIGEST_LETTERS]}-{place}{kind}.jpg"


def _is_whole(file: Path) -> bool:
    """Whether a JPEG is there from its first bytes to its last: a power cut leaves others."""
    try:
        with file.open("rb") as stream:
            start = stream.read(2)
            stream.seek(-2, os.SEEK_END)
            return (start, stream.read()) == (b"\xff\xd8", b"\xff\xd9")
    except OSError:  # there is none, or none with two bytes
        return False


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")


def _side(face: Face) -> float:
    x1, y1, x2, y2 = face.box
    return max(x2 - x1, y2 - y1)


def _portrait(upright: Image.Image, face: Face, scale: float) -> Image.Image:
    """A square around the face, moved and shrunk to lie inside the photo."""
    box = tuple(v * scale for v in face.box)
    square = square_around(box, PORTRAIT_MARGIN, upright.width, upright.height)
    size = (PORTRAIT_SIDE, PORTRAIT_SIDE)
    return upright.resize(size, Image.Resampling.LANCZOS, box=square, reducing_gap=2.0)
