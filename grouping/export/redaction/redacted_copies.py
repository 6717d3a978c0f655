"""Copies of photos with the faces of people who opted out covered; the originals are only read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from grouping.errors import InputError, OutputError, PhotoError
from grouping.export.people_folders import Exported
from grouping.export.redaction.redacted_image import redacted
from grouping.export.xmp_sidecars import sidecar_places
from grouping.records import Float32, Progress
from grouping.results.album import Album, OpenPhoto, one_line
from grouping.results.schema import Document
from grouping.storage.atomic_files import make_folder, write_bytes
from grouping.storage.regular_files import read_regular_file

# What was written here, and its SHA-256: no other file is ever written over.
LIST = ".redacted.json"
MOST_BYTES = 64 * 2**20  # of the list


def write_redacted(
    document: Document,
    covered: Mapping[int, Float32],
    folder: Path,
    open_photo: OpenPhoto,
    progress: Progress | None = None,
) -> Exported:
    """Write a copy of each photo that shows somebody who opted out, with those faces covered.

    The copies lie as the photos lie below their common folder. A copy of an earlier run is written
    anew; a file that is something else, or was changed since, is left alone.

    Args:
        document: of a run.
        covered: for images of the document (k, 4) float32 xyxy, the boxes of those faces.
        folder: where the copies go.
        open_photo: gives the bytes of ``document["images"][i]``, raises
            :class:`grouping.errors.FetchError`.
        progress: called with ``"redacted"``, how many are done and how many there are.

    Raises:
        OutputError: a file cannot be written.
    """
    album = Album(document)
    done = Exported()
    written = _read_list(make_folder(folder) / LIST)
    places = sidecar_places(album, suffix="")
    for number, (photo, boxes) in enumerate(covered.items(), 1):
        try:
            data, suffix, remark = redacted(album.read_unchanged(photo, open_photo), boxes)
            place = places[photo].as_posix() + suffix
            _check_free(folder, place, written.get(place))
        except PhotoError as error:
            done.problems.append(f"{album.photo_name(photo)}, not redacted: {one_line(str(error))}")
            continue
        if remark:
            done.problems.append(f"{album.photo_name(photo)}, redacted: {remark}")
        written[place] = sha256(data).hexdigest()
        _write_list(folder / LIST, written)  # first: a copy that is not listed is nobody's
        make_folder((folder / place).parent)
        done.files.append(write_bytes(folder / place, data))
        if progress:
            progress("redacted", number, len(covered))
    return done


def _check_free(folder: Path, place: str, known: str | None) -> None:
    """See to it that nothing is written over but a copy of an earlier run.

    Raises:
        PhotoError: something else is there.
    """
    path = folder / place
    if path.resolve() != Path(os.path.realpath(folder), place):
        raise PhotoError(f"{place} leads out of the folder by a link")
    if not os.path.lexists(path):
        return
    whole = path.is_file() and not path.is_symlink()
    if not whole or known is None or sha256(path.read_bytes()).hexdigest() != known:
        raise PhotoError(f"{place} is there and is no copy of this program; name another folder")


def _read_list(path: Path) -> dict[str, str]:
    """What was written in earlier runs: the digest of each copy by its place."""
    try:
        listed: Any = json.loads(read_regular_file(path, MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, InputError):
        listed = None
    if not isinstance(listed, dict) or not all(isinstance(v, str) for v in listed.values()):
        raise OutputError(f"{path} is damaged; name another folder with --redact")
    return listed


def _write_list(path: Path, written: Mapping[str, str]) -> None:
    write_bytes(path, json.dumps(written, indent=0).encode(), durable=False)
