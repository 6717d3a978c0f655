"""Everything a run writes into its folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.export.export import ExportOptions
from grouping.records import MAP
from grouping.stage_clock import stage
from grouping.storage.atomic_files import write_bytes
from grouping.storage.result_folder import GROUPS_FILE, OPT_OUT_TABLE, THUMBNAILS_FOLDER

if TYPE_CHECKING:
    from grouping.execution.collector import OnPictures
    from grouping.records import Float32, Progress
    from grouping.results.album import OpenPhoto
    from grouping.results.run_result import GroupingResult
    from grouping.results.schema import Document

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutputOptions:
    """What is written beside ``groups.json`` and the tables.

    Attributes:
        plots: pictures, contact sheets and the gallery page.
        export: folders, archive and sidecars; by default none of them.
        redact: where copies of photos go in which people who opted out are covered.
    """

    plots: bool = True
    export: ExportOptions = field(default_factory=ExportOptions)
    redact: Path | None = None


def early_pictures(options: OutputOptions, folder: Path) -> OnPictures | None:
    """Return what writes small pictures while photos are decoded; None where none are asked for.

    Not for a run that leaves people out: it is not known before its end who they are.
    """
    if not options.plots:
        return None
    from grouping.report.early_thumbnails import EarlyThumbnails

    return EarlyThumbnails(folder / THUMBNAILS_FOLDER)


def write_results(
    result: GroupingResult,
    folder: Path,
    options: OutputOptions,
    previous: Mapping[str, Any] | None,
    progress: Progress | None = None,
) -> tuple[Document, list[str]]:
    """Write ``groups.json``, ``failures.csv`` and what the options ask for.

    ``progress`` is told of each stage.

    Returns:
        What ``groups.json`` holds, and a line for each photo that could not be handed on.

    Raises:
        OutputError: a file cannot be written; earlier results stay whole.
    """
    from grouping.export.tables import write_failures
    from grouping.results.document import build_document, encode_document

    document = build_document(result, previous)
    if options.plots:
        from grouping.report.plots.plot_data import plot_data

        with _told(progress, MAP), stage("map"):
            document["plots"] = plot_data(result.faces, result.grouping.labels, result.threshold)
    covered = _write_left_out(result, document, folder)
    write_failures(result, folder)
    write_bytes(folder / GROUPS_FILE, encode_document(document))
    problems = write_extras(
        document, folder, options, lambda i: result.photos[i].read(), covered, progress
    )
    return document, problems


def _write_left_out(
    result: GroupingResult, document: Document, folder: Path
) -> Mapping[int, Float32]:
    """Say who was left out, and remove what earlier runs have shown of them.

    Returns:
        For photos that show them, (k, 4) float32 xyxy: where.

    Raises:
        OutputError: a file cannot be written or removed.
    """
    if result.opted_out is None:
        if (folder / OPT_OUT_TABLE).exists():
            (folder / OPT_OUT_TABLE).unlink()
            message = "the run before left people out, this one does not; should it? add --opt-out"
            log.warning(message)
        return {}
    from grouping.export.earlier_exports import remove_exports
    from grouping.export.tables import write_opt_out
    from grouping.report.earlier_pictures import remove_pictures

    try:
        remove_exports(folder)
    finally:  # all that can be removed is, whatever else cannot
        remove_pictures(document, folder)
    write_opt_out(result, result.opted_out, folder)
    return result.opted_out.boxes_of


def write_extras(
    document: Document,
    folder: Path,
    options: OutputOptions,
    open_photo: OpenPhoto,
    covered: Mapping[int, Float32] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Write pictures, page and exports; return a line for each photo not handed on.

    In images named by ``covered`` the boxes (k, 4) float32 of people who opted out are covered.
    Pillow and matplotlib are imported only where something is drawn or handed on.
    """
    if options.plots:
        from grouping.report.report import write_report

        with stage("pictures"):
            write_report(document, folder, open_photo, progress, covered=covered)
    problems: list[str] = []
    if options.redact is not None:
        from grouping.export.redaction.redacted_copies import write_redacted

        copies = write_redacted(document, covered or {}, options.redact, open_photo, progress)
        problems = copies.problems
    if options.export == ExportOptions():
        from grouping.export.tables import write_tables

        write_tables(document, folder)
        return problems
    from grouping.export.export import export

    exported = export(document, folder, open_photo, options.export, progress=progress)
    return problems + exported.problems


@contextmanager
def _told(progress: Progress | None, stage: str) -> Iterator[None]:
    """Tell of a stage of which nothing is known but that it is going on."""
    if progress is not None:
        progress(stage, 0, 1)
    yield
    if progress is not None:
        progress(stage, 1, 1)
