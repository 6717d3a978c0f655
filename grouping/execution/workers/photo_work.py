"""What a backend works on, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from grouping.records import Fingerprint, PhotoFaces, UInt8
from grouping.sources.photo import Photo


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """One photo to analyse.

    Attributes:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB pixels; or where it is, for a backend
            that reads photos where they are worked on.
        known: its faces from an earlier run with another network, to be embedded again.
        pictures: small ones are to be made for a report.
        alone: whether no other large photo is worked on meanwhile, so that it may take more memory.
        crops: the aligned crops are wanted.
        fingerprint: of a photo that is still to be read, taken before.
        expected: bytes of its file, as far as they are known.
    """

    photo: bytes | UInt8 | Photo
    known: PhotoFaces | None = None
    pictures: bool = False
    alone: bool = False
    crops: bool = False
    fingerprint: Fingerprint | None = None
    expected: int = 0

    @property
    def content(self) -> bytes | UInt8:
        """The photo, once it has been read."""
        assert not isinstance(self.photo, Photo)
        return self.photo

    @property
    def held_bytes(self) -> int:
        """Memory that the photo takes where it waits to be worked on."""
        if isinstance(self.photo, Photo):
            return self.expected
        return len(self.photo) if isinstance(self.photo, bytes) else self.photo.nbytes


Work = tuple[int, PhotoWork]  # a photo with its position
CHUNK = 4  # photos a worker takes at once
Chunk = list[Work]  # worked on in one pass
Results = Generator[tuple[int, PhotoFaces], None, None]  # (position, result)
# Called with a position, a photo and the SHA-256 of its bytes; see grouping.execution.backends.
OnRead = Callable[[int, PhotoWork, str], PhotoWork | None]
