"""Tables for spreadsheets and data frames: faces, groups, and photos that failed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from grouping.results.album import Album, Face
from grouping.results.opted_out import OptedOut
from grouping.results.run_result import GroupingResult
from grouping.results.schema import Document, GroupEntry, KnownEntry
from grouping.sources.file_kinds import left_out_reason
from grouping.storage.atomic_files import write_bytes
from grouping.storage.locations import printable
from grouping.storage.result_folder import (
    FACES_TABLE,
    FAILURES_FILE,
    GROUPS_TABLE,
    OPT_OUT_TABLE,
    PEOPLE_TABLE,
)

FACE_COLUMNS = (
    *("face_idx", "photo_id", "photo_url", "group_idx", "group_id", "name", "similarity"),
    *("x1", "y1", "x2", "y2", "score", "quality"),
    *("size", "sharpness", "yaw", "pitch", "roll", "visible", "recognisable", "copy_of"),
)
GROUP_COLUMNS = (
    *("group_idx", "group_id", "name", "photos", "pictures", "faces", "cohesion", "purity"),
    *("representative_face_idx", "representative_photo_id"),
)
PEOPLE_COLUMNS = ("name", "id", "found", "group_idx", "photos", "pictures", "photo_names")
OPT_OUT_COLUMNS = ("photo_id", "photo_url", "certainty", "similarity", "face_idx")
FAILURE_COLUMNS = ("photo", "stage", "reason", "retry_may_help")
# A spreadsheet takes a cell that begins with one of these for a formula; where commas are decimal
# points, semicolons end a cell, whatever quotes say in the middle of a line.
_FORMULA_START = re.compile(r"(^|[;\t\r\n])(\s*)([=+\-@])|^(?=[\t\r\n])")


def write_tables(document: Document, out: Path) -> list[Path]:
    """Write ``faces.csv`` (a row a face), ``groups.csv`` (a row a person) and ``people.csv``.

    The last one has a row for each person who was known beforehand, whether found or not; there is
    none where nobody was.

    UTF-8 with a byte order mark, which Excel needs for names that are not ASCII. Text that a
    spreadsheet would run as a formula is preceded by an apostrophe.

    Raises:
        OutputError: a file cannot be written.
    """
    album = Album(document)
    faces = (_face_row(album, face) for face in album.faces.values())
    groups = (_group_row(album, group) for group in album.groups)
    written = [
        write_bytes(out / FACES_TABLE, table_bytes(FACE_COLUMNS, faces)),
        write_bytes(out / GROUPS_TABLE, table_bytes(GROUP_COLUMNS, groups)),
    ]
    if (known := document.get("known_people")) is None:
        (out / PEOPLE_TABLE).unlink(missing_ok=True)  # of an earlier run
        return written
    rows = (_known_row(album, entry) for entry in known)
    return [*written, write_bytes(out / PEOPLE_TABLE, table_bytes(PEOPLE_COLUMNS, rows))]


def write_failures(result: GroupingResult, out: Path) -> Path:
    """Write ``failures.csv``: a row for each photo that could not be used, and why.

    Files that were found and are no photos follow, with ``list`` as their stage.

    Raises:
        OutputError: it cannot be written.
    """
    rows = (
        iter((photo.location, failure.stage, failure.reason, "yes" if failure.retryable else "no"))
        for photo, outcome in zip(result.photos, result.outcomes, strict=True)
        if (failure := outcome.failure) is not None
    )
    others = (
        iter((place, "list", left_out_reason(kind), "no")) for place, kind in result.left_out.files
    )
    return write_bytes(out / FAILURES_FILE, table_bytes(FAILURE_COLUMNS, chain(rows, others)))


def write_opt_out(result: GroupingResult, opted_out: OptedOut, out: Path) -> Path:
    """Write ``opt_out.csv``: the photos that show people who opted out, and those that may.

    It says no more of a face that was left out than how sure that is: a row a photo. A borderline
    face is one of the album, and has its number there.

    Raises:
        OutputError: it cannot be written.
    """
    rows = [*_sure_rows(result, opted_out), *_borderline_rows(result, opted_out)]
    return write_bytes(out / OPT_OUT_TABLE, table_bytes(OPT_OUT_COLUMNS, map(iter, rows)))


def _sure_rows(result: GroupingResult, opted_out: OptedOut) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ``OPT_OUT_COLUMNS`` in the order of the photos."""
    for place in opted_out.boxes_of:
        photo, similarity = result.photos[place], opted_out.similarity[opted_out.photo == place]
        yield str(photo.id), photo.location, "sure", round(float(similarity.max()), 4), None


def _borderline_rows(result: GroupingResult, opted_out: OptedOut) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ``OPT_OUT_COLUMNS``, the most similar first."""
    for row in np.argsort(-opted_out.borderline_similarity, kind="stable").tolist():
        face = int(opted_out.borderline[row])
        photo = result.photos[result.faces.photo_index[face]]
        similarity = round(float(opted_out.borderline_similarity[row]), 4)
        yield str(photo.id), photo.location, "borderline", similarity, face


def table_bytes(columns: Sequence[str], rows: Iterable[Iterator[Any]]) -> bytes:
    """Return a CSV file (UTF-8 with a mark, as Excel wants it) that holds no formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> Any:
    """Return what is written for a value: text that UTF-8 holds and no formula."""
    if not isinstance(value, str):
        return value
    return _FORMULA_START.sub(_as_text, printable(value))


def _as_text(start: re.Match[str]) -> str:
    """Return the beginning of a cell with an apostrophe in front, so that it is text."""
    before, space, sign = start[1] or "", start[2] or "", start[3] or ""
    return f"{before}'{space}{sign}"


def _face_row(album: Album, face: Face) -> Iterator[Any]:
    """Yield the values of ``FACE_COLUMNS``."""
    image = album.images[face.photo]
    group = album.groups[face.group] if face.group >= 0 else None
    yield from (face.idx, str(image["id"]), image.get("url"), face.group)
    yield from (group.get("group_id"), group.get("name")) if group else (None, None)
    yield face.similarity
    yield from face.box
    yield from (face.score, face.quality)
    yield from (face.entry.get("size"), face.entry.get("sharpness"))
    pose = face.entry.get("pose") or {}
    yield from (pose.get(angle) for angle in ("yaw", "pitch", "roll"))
    yield from (face.entry.get("visible"), face.entry.get("recognisable"))
    yield str(image["copy_of"]) if "copy_of" in image else None


def _known_row(album: Album, entry: KnownEntry) -> Iterator[Any]:
    """Yield the values of ``PEOPLE_COLUMNS``."""
    yield from (entry["name"], entry["id"])
    if entry["group_idx"] < 0:
        yield from ("no", None, 0, 0, None)
        return
    group = album.groups[entry["group_idx"]]
    photos = sorted(set(group["original_images_idx_list"]))
    yield from ("yes", group["group_idx"], len(photos), group.get("pictures"))
    yield " | ".join(map(album.photo_name, photos))


def _group_row(album: Album, group: GroupEntry) -> Iterator[Any]:
    """Yield the values of ``GROUP_COLUMNS``."""
    representative = album.faces[group["representative_face_idx"]]
    yield from (group["group_idx"], group.get("group_id"), group.get("name"))
    yield from (len(group["image_ids"]), group.get("pictures"), len(group["face2_idx_list"]))
    yield from (group.get("cohesion"), group.get("purity"))
    yield from (representative.idx, str(album.images[representative.photo]["id"]))
