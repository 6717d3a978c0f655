"""What of a grouped album may be shown in a browser: its page, small pictures, its photos.

Nothing else of its folder can be named: no cache, no document, no file beside it.
"""

from __future__ import annotations

import re
from pathlib import Path

from grouping.errors import DecodeError, FetchError, InputError
from grouping.export.redaction.plain_copy import plain_copy
from grouping.lookup.album_index import AlbumIndex
from grouping.report.served_page import ServedPage, served_page
from grouping.report.thumbnails import preview_file
from grouping.results.document import read_document
from grouping.sources.entries import SourceOptions, photo_at
from grouping.storage.regular_files import read_regular_file
from grouping.storage.result_folder import GROUPS_FILE, PAGE_FILE, THUMBNAILS_FOLDER

MOST_PAGE_BYTES = 512 * 2**20
MOST_THUMBNAIL_BYTES = 4 * 2**20
# The beginning of a digest, the box of a face, a portrait: see grouping.report.thumbnails.
_THUMBNAIL = re.compile(r"(?:[0-9a-f]{20}|photo-\d{6})(?:(?:-\d{1,6}){4}(?:-portrait)?)?\.jpg")

__all__ = [
    "ServedPage",
    "album_page",
    "album_thumbnail",
    "album_thumbnail_of",
    "original_photo",
    "photo_for_guests",
]


def album_page(folder: Path, *, corrections: str | None, photos: str) -> ServedPage:
    """Return the gallery page of an album for browsers that get it from a service.

    Args:
        folder: of the results.
        corrections: where changes are saved, relative to the page; None where they are not.
        photos: the folder of the originals, relative to the page.

    Raises:
        InputError: there is none, or it is damaged.
    """
    page = _read(folder / PAGE_FILE, MOST_PAGE_BYTES, "the album has no page")
    ids = [str(image["id"]) for image in read_document(folder / GROUPS_FILE)["images"]]
    text = page.decode("utf-8", "replace")
    return served_page(text, corrections=corrections, photos=photos, names=ids)


def album_thumbnail(folder: Path, name: str) -> bytes:
    """Return one of the small pictures of an album, a JPEG.

    Args:
        folder: of the results.
        name: as the page has it, whoever sent it.

    Raises:
        InputError: there is none of this name.
    """
    if not _THUMBNAIL.fullmatch(name):
        raise InputError("there is no such picture")
    path = folder / THUMBNAILS_FOLDER / name
    return _read(path, MOST_THUMBNAIL_BYTES, "there is no such picture")


def album_thumbnail_of(index: AlbumIndex, photo: int) -> bytes:
    """Return the small picture of a photo, a JPEG.

    Args:
        index: the album.
        photo: its place among the images.

    Raises:
        InputError: there is none.
    """
    digest = index.album.images[photo].get("sha256")
    return album_thumbnail(index.folder, preview_file(digest or ""))


def original_photo(
    index: AlbumIndex, photo: int, options: SourceOptions, place: Path | str | None = None
) -> bytes:
    """Return the bytes of a photo that is still what it was when the album was grouped.

    Args:
        index: the album.
        photo: its place among the images.
        options: how it is fetched. On this machine only files in the album's own folder are read.
        place: where it is, where the results do not say all of its address; None where they do.

    Raises:
        FetchError: it cannot be had, or has changed.
    """
    return index.album.read_unchanged(photo, lambda _: _opened(index, photo, options, place))


def photo_for_guests(
    index: AlbumIndex, photo: int, options: SourceOptions, place: Path | str | None = None
) -> bytes:
    """Return a photo as somebody gets it who is in it: a JPEG that does not tell where that was.

    Of a photo that shows somebody who opted out it is the small one, in which they are covered.
    Arguments are those of :func:`original_photo`.

    Raises:
        FetchError: it cannot be had, or has changed.
        InputError: there is no small picture of it.
    """
    if index.album.images[photo].get("opted_out"):
        return album_thumbnail_of(index, photo)
    try:
        return plain_copy(original_photo(index, photo, options, place))
    except DecodeError as error:
        raise FetchError(f"the photo cannot be handed on: {error}") from error


def _opened(
    index: AlbumIndex, photo: int, options: SourceOptions, place: Path | str | None
) -> bytes:
    image = index.album.images[photo]
    if place is None:
        place = index.album.local_path(photo) or str(image.get("url") or "")
    if isinstance(place, str):
        return photo_at(place, image["id"], options).read()
    if not place.resolve().is_relative_to(index.folder.resolve()):
        raise FetchError("the photo lies outside of the album's folder")
    try:
        return read_regular_file(place, options.max_bytes)
    except (OSError, InputError):
        raise FetchError("the photo cannot be read any more") from None


def _read(path: Path, most: int, missing: str) -> bytes:
    try:
        return read_regular_file(path, most)
    except OSError:
        raise InputError(missing) from None
