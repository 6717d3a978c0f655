"""Folders, files, list files, addresses and buckets of a command line to photos.

Photos are found while they are asked for, and none is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from grouping.errors import SourceError
from grouping.sources.entries import LOGIN_REFUSED, SourceOptions, photo_at
from grouping.sources.file_kinds import LeftOut
from grouping.sources.folders import photos_in_folder
from grouping.sources.list_files import is_list_file, read_list
from grouping.sources.photo import LocalPhoto, Photo
from grouping.sources.s3_photo import photos_in_bucket
from grouping.storage.locations import holds_login, local_path, printable, scheme_of, shown_url


def list_sources(
    sources: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    options: SourceOptions | None = None,
    left_out: LeftOut | None = None,
    references: Sequence[Path] = (),
) -> Iterator[Photo]:
    """The photos of every source in turn, found while they are asked for.

    Args:
        sources: folders (recursive, by name), files, list files
            (:mod:`grouping.sources.list_files`), ``http(s)://`` addresses, ``s3://bucket/prefix``.
            A photo's id is its location, unless a list gives another.
        out: folder or ``s3://`` address of results, left out where it lies inside a source.
        options: limits of the fetching.
        left_out: is told of files in folders and buckets that are no photos.
        references: folders of photos of people, left out where they lie inside a source.

    Raises:
        SourceError: a source does not exist or holds no photo; raised at once, before the
            first photo is read.
    """
    options, left_out = options or SourceOptions(), LeftOut() if left_out is None else left_out
    listed = [(_list_one(source, out, options, left_out, references), source) for source in sources]
    return chain.from_iterable([_started(photos, source, left_out) for photos, source in listed])


def _list_one(
    source: str | Path,
    out: str | Path | None,
    options: SourceOptions,
    left_out: LeftOut,
    references: Sequence[Path],
) -> Iterator[Photo]:
    scheme = "" if isinstance(source, Path) else scheme_of(source)
    if scheme == "s3" and holds_login(str(source)):
        raise SourceError(f"{shown_url(str(source))} is {LOGIN_REFUSED}")
    if scheme == "s3":
        skip = str(out) if out is not None and scheme_of(str(out)) == "s3" else None
        return photos_in_bucket(
            str(source), options.s3, skip=skip, max_bytes=options.max_bytes, left_out=left_out
        )
    if scheme not in ("", "file"):
        return iter([photo_at(str(source), shown_url(str(source)), options)])
    path = source if isinstance(source, Path) else local_path(source)
    if path.is_dir():
        results = None if out is None else Path(out)
        files = photos_in_folder(path, skip=results, references=references, left_out=left_out)
        return (LocalPhoto.at(file, max_bytes=options.max_bytes) for file in files)
    if not path.exists():
        raise SourceError(f"{printable(path)} does not exist; name a folder or a photo")
    if is_list_file(path):
        listed = list(read_list(path))  # a wrong line is found before the first photo is read
        return (photo_at(e.url, e.id, options, local_base=path.parent) for e in listed)
    return iter([LocalPhoto.at(path, max_bytes=options.max_bytes)])


def _started(photos: Iterator[Photo], source: str | Path, left_out: LeftOut) -> Iterator[Photo]:
    """The same iterator, known to hold a photo."""
    first = next(photos, None)
    if first is None:
        besides = f" (left out: {left_out})" if left_out.files else ""
        raise SourceError(
            f"{shown_url(str(source))} holds no photos{besides}; "
            "name a folder with JPEG, PNG, HEIC or RAW files"
        )
    return chain([first], photos)
