"""One photo and how to get its bytes from disk or memory.

A ``Photo`` is cheap: an id, a place and a way to read. Nothing is opened until ``read()``.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.errors import FetchError, GroupingError, InputError, one_line
from grouping.records import Fingerprint
from grouping.storage.locations import file_key, printable
from grouping.storage.regular_files import open_regular_file

if TYPE_CHECKING:
    from PIL import Image

    from grouping.records import UInt8

MAX_PHOTO_BYTES = 200 * 2**20

# What a network drive or a busy machine answers; a later try may find it well again.
PASSING_ERRORS = frozenset(
    {errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE}
)


@dataclass(frozen=True)
class Photo(ABC):
    """Where a photo is.

    Attributes:
        id: the caller's name for it, any value.
        location: for people to read; signatures and passwords are cut out, and bytes of a file
            name that are not UTF-8 are written as ``\\udcNN``, so that it can be saved anywhere.
    """

    id: Any
    location: str

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            FetchError: they could not be had, for a reason foreseen or not; ``retryable`` says
                whether a later try may help.
        """
        try:
            return self._read()
        except GroupingError:
            raise
        except Exception as error:
            raise FetchError(f"cannot be read ({one_line(error)})", retryable=True) from error

    def fingerprint(self) -> Fingerprint | None:
        """Take it *before* reading; None for a photo without a lasting place."""
        try:
            return self._fingerprint()
        except GroupingError:
            raise
        except Exception:  # noqa: BLE001 - reading will say why
            return None

    @property
    def expected_bytes(self) -> int | None:
        """About how much memory reading takes; None where it cannot be told beforehand."""
        return None

    def for_elsewhere(self) -> Photo:
        """The same photo for another process or machine: without the caller's id."""
        return replace(self, id=None)

    @abstractmethod
    def _read(self) -> bytes:
        raise NotImplementedError

    def _fingerprint(self) -> Fingerprint | None:
        return None


@dataclass(frozen=True)
class LocalPhoto(Photo):
    """A file on this machine."""

    path: Path
    max_bytes: int = MAX_PHOTO_BYTES

    @classmethod
    def at(cls, path: Path, *, max_bytes: int = MAX_PHOTO_BYTES) -> LocalPhoto:
        """A file whose id is its location."""
        location = printable(path)
        return cls(location, location, path, max_bytes)

    @property
    def expected_bytes(self) -> int | None:
        """See :attr:`Photo.expected_bytes`."""
        try:
            return min(os.stat(self.path).st_size, self.max_bytes)
        except (OSError, ValueError):
            return 0  # nothing will be read

    def for_elsewhere(self) -> LocalPhoto:
        """See :meth:`Photo.for_elsewhere`; nobody else works in the folder of this process."""
        return replace(self, id=None, path=self.path.absolute())

    def _read(self) -> bytes:
        try:
            with open_regular_file(self.path) as file:
                # As much is asked for as there is: Python sets all of it aside beforehand.
                size = os.fstat(file.fileno()).st_size
                data = file.read(min(size, self.max_bytes) + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            if isinstance(error, FetchError):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            passing = getattr(error, "errno", None) in PASSING_ERRORS
            raise FetchError(f"cannot be read: {reason}", retryable=passing) from error
        if len(data) > self.max_bytes:
            raise too_large_error(self.max_bytes)
        return data

    def _fingerprint(self) -> Fingerprint | None:
        """Its absolute path; its size, inode and times of change, as one may stay the same."""
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None  # out of reach
        version = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return Fingerprint(file_key(self.path), ":".join(map(str, version)))


@dataclass(frozen=True, eq=False)
class MemoryPhoto(Photo):
    """A photo that the caller holds already: its file's bytes, a PIL image or an array.

    Attributes:
        data: the bytes of an image file, or None.
        image: a PIL image, or None.
        array: (H, W, 3) uint8 RGB, or None.
    """

    data: bytes | None = field(default=None, repr=False)
    image: Image.Image | None = field(default=None, repr=False)
    array: UInt8 | None = field(default=None, repr=False)

    @property
    def expected_bytes(self) -> int:
        """See :attr:`Photo.expected_bytes`; the photo itself is in memory already."""
        return 0 if self.image is None else self.image.width * self.image.height * 3

    def _read(self) -> bytes:
        """The bytes of the image file.

        Raises:
            InputError: the photo was given as pixels; use ``image`` or ``array``.
        """
        if self.data is None:
            raise InputError("this photo was given as pixels; use its image or array")
        return self.data


@dataclass(frozen=True)
class RefusedPhoto(Photo):
    """An address that is not read; its reason comes out where reading is tried."""

    reason: str

    def _read(self) -> bytes:
        """Always raises FetchError: one bad address must not stop a run."""
        raise FetchError(self.reason)


def too_large_error(max_bytes: int) -> FetchError:
    """The one error for a photo over the size limit."""
    return FetchError(f"is larger than the limit of {max_bytes / 2**20:.0f} MB")
