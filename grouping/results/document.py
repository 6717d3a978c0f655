"""The document of a run: built, written as JSON, and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from grouping.errors import InputError
from grouping.results.check_document import check_document
from grouping.results.response import build_response
from grouping.results.schema import (
    NO_GROUP,
    Document,
    GroupEntry,
    KnownEntry,
    SuggestionEntry,
)
from grouping.storage.regular_files import read_regular_file
from grouping.version import __version__

if TYPE_CHECKING:
    from grouping.corrections.apply import AppliedCorrections
    from grouping.references.known_people import KnownPeople
    from grouping.results.run_result import GroupingResult

LISTED_NAMES = 20
MOST_BYTES = 4 * 2**30  # of a groups.json; a million photos have about a gigabyte


def build_document(result: GroupingResult, previous: Mapping[str, Any] | None = None) -> Document:
    """Return what ``groups.json`` holds, as JSON values without pixel data.

    Args:
        result: the run.
        previous: the document of an earlier run.

    Raises:
        InputError: ``previous`` is not such a document.
    """
    groups, images, changes = build_response(result, previous=previous)
    settings = {**result.config.as_json(), "threshold": result.threshold}
    if result.calibration is not None:
        settings["calibration"] = asdict(result.calibration)
    suggestions = [cast(SuggestionEntry, asdict(s)) for s in result.grouping.merge_suggestions]
    document: Document = {
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": dict(result.model),
        "settings": settings,
        "groups": [{**group, "face_list": []} for group in groups],
        "images": images,
        "left_out": result.left_out.counts,
        "merge_suggestions": suggestions,
        "changes": None if previous is None else asdict(changes),
        "corrections": _remarks(result.corrections, groups, result.config.min_photos)
        if result.corrections
        else [],
    }
    if result.known is not None:
        document["known_people"] = _known_people(result.known, groups)
        document["reference_problems"] = list(result.known.problems)
    if result.attributes is not None:
        document["attributes"] = dict(result.attributes.networks)
    return document


def _remarks(
    corrections: AppliedCorrections, groups: Sequence[GroupEntry], min_photos: int
) -> list[str]:
    """What is to be said of corrections, with the names that no group bears."""
    vain = sorted(set(corrections.names.values()) - {group["name"] for group in groups})
    if not vain:
        return list(corrections.warnings)
    more = f" and {len(vain) - LISTED_NAMES} more" if len(vain) > LISTED_NAMES else ""
    why = f"their faces are in no group, which needs {min_photos} pictures"
    listed = f"named, but {why}: {', '.join(vain[:LISTED_NAMES])}{more}"
    return [*corrections.warnings, listed]


def _known_people(known: KnownPeople, groups: Sequence[GroupEntry]) -> list[KnownEntry]:
    group_of = {group["name"]: group["group_idx"] for group in groups}
    return [
        {"name": name, "id": known_id, "group_idx": group_of.get(name, NO_GROUP)}
        for name, known_id in zip(known.names, known.ids, strict=True)
    ]


def encode_document(document: Document) -> bytes:
    """JSON with a line for each group and each photo: quick to write, to read and to compare."""
    fields = []
    values: Mapping[str, Any] = document
    for name, value in values.items():
        lines = isinstance(value, list)
        text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n]" if lines else json.dumps(value)
        fields.append(f"{json.dumps(name)}: {text}")
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()


def read_document(path: Path) -> Document:
    """Read a ``groups.json``, and see to it that it is one from end to end.

    Raises:
        InputError: it is not there or not one of ours; says what is wrong with it.
    """
    try:
        document = json.loads(read_regular_file(path, MOST_BYTES), parse_constant=_refuse)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a groups.json: it is damaged or something else") from None
    try:
        check_document(document)
    except InputError as error:
        raise InputError(f"{path} is damaged, or of another program: {error}") from None
    return cast(Document, document)


def _refuse(word: str) -> None:
    """Raise ValueError: JSON knows neither NaN nor Infinity."""
    raise ValueError(word)
