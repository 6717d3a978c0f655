"""Everything a run writes into its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.progress import StageProgress
from grouping.config import FOLDER_MODES
from grouping.errors import InputError
from grouping.storage.atomic_files import write_bytes

if TYPE_CHECKING:
    from grouping.pipeline import GroupingResult
    from grouping.report.thumbnails import OpenPhoto

GROUPS_FILE = "groups.json"
FAILURES_FILE = "failures.csv"

Json = dict[str, Any]


@dataclass(frozen=True)
class OutputOptions:
    """What is written beside ``groups.json`` and the tables.

    Attributes:
        plots: pictures, contact sheets and the gallery page.
        folders: how photos are put into a folder a person, one of
            :data:`grouping.config.FOLDER_MODES`.
        archive: the same folders as ``people.zip``.
        sidecars: XMP files with the regions of the faces.
    """

    plots: bool = True
    folders: str = FOLDER_MODES[0]
    archive: bool = False
    sidecars: bool = False

    @property
    def hands_on_photos(self) -> bool:
        """Whether photos are put somewhere, not only described."""
        return self.folders != FOLDER_MODES[0] or self.archive or self.sidecars


def write_results(
    result: GroupingResult,
    folder: Path,
    options: OutputOptions,
    previous: Mapping[str, Any] | None,
) -> tuple[Json, list[str]]:
    """Write ``groups.json``, ``failures.csv`` and what the options ask for.

    Returns:
        What ``groups.json`` holds, and a line for each photo that could not be handed on.

    Raises:
        OutputError: a file cannot be written; earlier results stay whole.
    """
    from grouping.results.response import build_document

    document = build_document(result, previous)
    if options.plots:
        from grouping.report.plots.plot_data import plot_data

        document["plots"] = plot_data(result.faces, result.grouping.labels, result.threshold)
    write_bytes(folder / FAILURES_FILE, _failures(result))
    write_bytes(folder / GROUPS_FILE, encoded(document))
    problems = write_extras(document, folder, options, lambda i: result.photos[i].read())
    return document, problems


def write_extras(
    document: Json, folder: Path, options: OutputOptions, open_photo: OpenPhoto
) -> list[str]:
    """Write pictures, page and exports; return a line for each photo not handed on.

    Pillow and matplotlib are imported only where something is drawn or handed on.
    """
    with StageProgress() as progress:
        if options.plots:
            from grouping.report.report import write_report

            write_report(document, folder, open_photo, progress)
        if not options.hands_on_photos:
            from grouping.export.tables import write_tables

            write_tables(document, folder)
            return []
        from grouping.export.people_folders import export

        exported = export(
            document,
            folder,
            open_photo,
            folders=options.folders,
            archive=options.archive,
            sidecars=options.sidecars,
            progress=progress,
        )
    return exported.problems


def encoded(document: Json) -> bytes:
    """JSON with a line for each group and each photo: quick to write, to read and to compare."""
    fields = []
    for name, value in document.items():
        lines = isinstance(value, list)
        text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n]" if lines else json.dumps(value)
        fields.append(f"{json.dumps(name)}: {text}")
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()


def read_document(path: Path) -> Json:
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
    return document


def _failures(result: GroupingResult) -> bytes:
    from grouping.export.tables import table_bytes

    rows = (
        iter((photo.location, failure.stage, failure.reason, "yes" if failure.retryable else "no"))
        for photo, outcome in zip(result.photos, result.outcomes, strict=True)
        if (failure := outcome.failure) is not None
    )
    return table_bytes(("photo", "stage", "reason", "retry_may_help"), rows)
