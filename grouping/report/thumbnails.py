"""Small pictures of photos and faces, made once and kept in a folder.

Each photo is fetched and decoded once; a preview of it, the aligned crop of each of its
faces and a portrait of each representative face are saved. The names are made of the
photo's digest and the face's box, so that a second report finds them again and needs no
photo, and a photo that has since changed or moved still looks as it did.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from grouping.errors import PhotoError
from grouping.faces.alignment import CROP_SIDE, align_faces
from grouping.faces.decoding import decode_photo, fitted_size
from grouping.faces.loose_crops import square_around
from grouping.results.album import Album, Face, OpenPhoto, Progress, one_line
from grouping.storage.atomic_files import make_folder, write_image

PREVIEW_SIDE = 640
PORTRAIT_SIDE = 256
# A portrait shows the hair and the chin: this many box sides wide.
PORTRAIT_MARGIN = 1.6
# Of the pixels that a small picture has, so many are worth decoding a photo larger for.
ENOUGH = 0.75
# Decoded photos held at a time; decoding leaves Python to other threads.
MOST_WORKERS = 4
_EMPTY = "#d9d9de"


class Thumbnails:
    """The small pictures of an album.

    Attributes:
        folder: where they are.
        problems: for each photo that could not be shown, one line that says why.
    """

    def __init__(self, album: Album, open_photo: OpenPhoto, folder: Path) -> None:
        self.folder = make_folder(folder)
        self.problems: dict[int, str] = {}
        self._album = album
        self._open = open_photo
        self._portraits = {group["representative_face_idx"] for group in album.groups}
        self._ready: set[int] = set()

    def prepare(self, progress: Progress | None = None) -> None:
        """Make what is missing, a few photos at a time.

        Args:
            progress: called with ``"thumbnails"``, the photos done and the photos in all.
        """
        total = len(self._album.images)
        workers = ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1))
        try:
            for done, _ in enumerate(workers.map(self._make, range(total)), 1):
                if progress:
                    progress("thumbnails", done, total)
        finally:
            workers.shutdown(cancel_futures=True)

    def preview(self, photo: int) -> Image.Image | None:
        """The photo, upright, its long side at most 640 px; None where there is a problem."""
        return self._load(photo, self.folder / self.preview_name(photo))

    def crop(self, face: Face) -> Image.Image:
        """The aligned 112x112 crop of a face; a grey square where its photo has a problem."""
        picture = self._load(face.photo, self.folder / self.crop_name(face))
        return picture or Image.new("RGB", (CROP_SIDE, CROP_SIDE), _EMPTY)

    def preview_name(self, photo: int) -> str:
        """File name of a photo's preview."""
        return f"{self._key(photo)}.jpg"

    def crop_name(self, face: Face) -> str:
        """File name of a face's aligned crop."""
        return f"{self._key(face.photo)}-{_box_name(face)}.jpg"

    def portrait_name(self, face: Face) -> str:
        """File name of a representative face's portrait."""
        return f"{self._key(face.photo)}-{_box_name(face)}-portrait.jpg"

    def _key(self, photo: int) -> str:
        digest = self._album.images[photo].get("sha256")
        return digest[:20] if digest else f"photo-{photo:06d}"

    def _load(self, photo: int, file: Path) -> Image.Image | None:
        self._make(photo)
        if photo in self.problems:
            return None
        with Image.open(file) as picture:
            return picture.convert("RGB")

    def _make(self, photo: int) -> None:
        if photo in self._ready:
            return
        self._ready.add(photo)
        if all((self.folder / name).exists() for name in self._names(photo)):
            return
        try:
            self._cut(photo, self._fetch(photo))
        except PhotoError as error:
            self.problems[photo] = one_line(str(error))

    def _names(self, photo: int) -> list[str]:
        faces = self._album.faces_in(photo)
        portraits = [self.portrait_name(face) for face in faces if face.idx in self._portraits]
        return [self.preview_name(photo), *map(self.crop_name, faces), *portraits]

    def _fetch(self, photo: int) -> bytes:
        image = self._album.images[photo]
        if image.get("error"):
            raise PhotoError(image["error"])
        return self._album.read_unchanged(photo, self._open)

    def _cut(self, photo: int, data: bytes) -> None:
        faces = self._album.faces_in(photo)
        decoded = decode_photo(data, max_side=self._useful_side(photo))
        if faces:
            landmarks = np.array([face.landmarks for face in faces], np.float32) * decoded.scale
            crops = align_faces(decoded.image, landmarks.astype(np.float32))
            for face, crop in zip(faces, crops, strict=True):
                self._save(Image.fromarray(crop), self.crop_name(face))
        for face in faces:
            if face.idx in self._portraits:
                portrait = _portrait(decoded.image, face, decoded.scale)
                rotation = self._album.images[photo].get("rotation", 0)  # of a photo on its side
                self._save(portrait.rotate(-rotation), self.portrait_name(face))
        self._save(_preview(decoded.image), self.preview_name(photo))

    def _save(self, picture: Image.Image, name: str) -> None:
        write_image(self.folder / name, picture, quality=88)

    def _useful_side(self, photo: int) -> int:
        """The long side to decode at: a half, a quarter ... of the photo's, which JPEG gives
        for little, as long as the crops and portraits lose next to nothing.
        """
        image = self._album.images[photo]
        long_side: int = max(image["width"], image["height"])
        wanted = [PREVIEW_SIDE / long_side]
        for face in self._album.faces_in(photo):
            portrait = face.idx in self._portraits
            side = PORTRAIT_SIDE / PORTRAIT_MARGIN if portrait else CROP_SIDE
            wanted.append(ENOUGH * side / max(_side(face), 1.0))
        halvings = math.floor(math.log2(max(1.0, 1 / max(wanted))))
        return math.ceil(long_side / (1 << halvings))


def _side(face: Face) -> float:
    x1, y1, x2, y2 = face.box
    return max(x2 - x1, y2 - y1)


def _box_name(face: Face) -> str:
    return "-".join(str(max(0, round(v))) for v in face.box)


def _preview(image: Image.Image) -> Image.Image:
    """The photo, its long side at most ``PREVIEW_SIDE``."""
    size = fitted_size(image.size, PREVIEW_SIDE)
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _portrait(upright: Image.Image, face: Face, scale: float) -> Image.Image:
    """A square around the face, moved and shrunk to lie inside the photo."""
    box = tuple(v * scale for v in face.box)
    square = square_around(box, PORTRAIT_MARGIN, upright.width, upright.height)
    size = (PORTRAIT_SIDE, PORTRAIT_SIDE)
    return upright.resize(size, Image.Resampling.LANCZOS, box=square, reducing_gap=2.0)
