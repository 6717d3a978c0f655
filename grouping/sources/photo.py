"""One photo and how to get its bytes from disk or memory.

A ``Photo`` is cheap: an id, a place and a way to read. Nothing is opened until ``read()``.
"""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.errors import FetchError, InputError
from grouping.records import Fingerprint
from grouping.storage.locations import file_key, printable

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

    @abstractmethod
    def read(self) -> bytes:
        """Its bytes.

        Raises:
            FetchError: they could not be had; ``retryable`` says whether a later try may help.
        """
        raise NotImplementedError

    def fingerprint(self) -> Fingerprint | None:
        """Take it *before* reading; None for a photo without a lasting place."""
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

    def read(self) -> bytes:
        """See :meth:`Photo.read`."""
        try:
            return self._read()
        except FetchError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or str(error)
            passing = getattr(error, "errno", None) in PASSING_ERRORS
            raise FetchError(f"cannot be read: {reason}", retryable=passing) from error

    def _read(self) -> bytes:
        # A pipe would block for ever without O_NONBLOCK, /dev/zero would never end.
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FetchError("is not a regular file; name a photo")
            data = file.read(self.max_bytes + 1)
        if len(data) > self.max_bytes:
            raise too_large_error(self.max_bytes)
        return data

    def fingerprint(self) -> Fingerprint | None:
        """Its absolute path, size and time of change; None where the file is out of reach."""
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return Fingerprint(file_key(self.path), f"{status.st_size}:{status.st_mtime_ns}")


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

    def read(self) -> bytes:
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

    def read(self) -> bytes:
        """Always raises FetchError: one bad address must not stop a run."""
        raise FetchError(self.reason)


def too_large_error(max_bytes: int) -> FetchError:
    """The one error for a photo over the size limit."""
    return FetchError(f"is larger than the limit of {max_bytes / 2**20:.0f} MB")
