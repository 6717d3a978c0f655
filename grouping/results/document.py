"""The document of a run: built, written as JSON, and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from grouping.errors import InputError
from grouping.results.response import build_response
from grouping.results.schema import Document, SuggestionEntry
from grouping.version import __version__

if TYPE_CHECKING:
    from grouping.results.run_result import GroupingResult


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
    return {
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": dict(result.model),
        "settings": settings,
        "groups": [{**group, "face_list": []} for group in groups],
        "images": images,
        "left_out": result.left_out.counts,
        "merge_suggestions": suggestions,
        "changes": None if previous is None else asdict(changes),
        "corrections": list(result.corrections.warnings) if result.corrections else [],
    }


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
    """Read a ``groups.json``.

    Raises:
        InputError: it is not there or not one of ours.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is not a groups.json: it is damaged or something else") from None
    if not (isinstance(document, dict) and {"groups", "images"} <= set(document)):
        raise InputError(f"{path} is not a groups.json of this program")
    return cast(Document, document)
