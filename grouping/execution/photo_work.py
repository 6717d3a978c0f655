"""What a backend works on, and what comes out of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from grouping.records import PhotoFaces, UInt8


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """One photo to analyse.

    Attributes:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB pixels.
        known: its faces from an earlier run with another network, to be embedded again.
        pictures: small ones are to be made for a report.
        alone: whether no other large photo is worked on meanwhile, so that it may take more memory.
    """

    photo: bytes | UInt8
    known: PhotoFaces | None = None
    pictures: bool = False
    alone: bool = False

    @property
    def held_bytes(self) -> int:
        """Memory that the photo takes while it waits to be worked on."""
        return len(self.photo) if isinstance(self.photo, bytes) else self.photo.nbytes


Work = tuple[int, PhotoWork]  # a photo with its position
Chunk = list[Work]  # worked on in one pass
Results = Generator[tuple[int, PhotoFaces], None, None]  # (position, result)
