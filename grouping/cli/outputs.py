"""Everything a run writes into its folder, and the summary it prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.progress import StageProgress
from grouping.storage.atomic_files import write_bytes
from grouping.storage.result_folder import FAILURES_FILE, GROUPS_FILE, PAGE_FILE

if TYPE_CHECKING:
    import argparse

    from grouping.results.album import OpenPhoto
    from grouping.results.run_result import GroupingResult
    from grouping.results.schema import Document, GroupEntry

LISTED_FAILURES = 10
LISTED_PEOPLE = 10


def write_results(
    result: GroupingResult,
    folder: Path,
    arguments: argparse.Namespace,
    previous: Mapping[str, Any] | None,
) -> tuple[Document, list[str]]:
    """Write ``groups.json``, ``failures.csv`` and what the options ask for.

    Returns:
        What ``groups.json`` holds, and a line for each photo that could not be handed on.

    Raises:
        OutputError: a file cannot be written; earlier results stay whole.
    """
    from grouping.export.tables import write_failures
    from grouping.results.document import build_document, encode_document

    document = build_document(result, previous)
    if not arguments.no_plots:
        from grouping.report.plots.plot_data import plot_data

        document["plots"] = plot_data(result.faces, result.grouping.labels, result.threshold)
    write_failures(result, folder)
    write_bytes(folder / GROUPS_FILE, encode_document(document))
    problems = write_extras(document, folder, arguments, lambda i: result.photos[i].read())
    return document, problems


def write_extras(
    document: Document, folder: Path, arguments: argparse.Namespace, open_photo: OpenPhoto
) -> list[str]:
    """Write pictures, page and exports; return a line for each photo not handed on.

    Pillow and matplotlib are imported only where something is drawn or handed on.
    """
    with StageProgress() as progress:
        if not arguments.no_plots:
            from grouping.report.report import write_report

            write_report(document, folder, open_photo, progress)
        if (arguments.folders, arguments.zip, arguments.xmp) == ("none", False, False):
            from grouping.export.tables import write_tables

            write_tables(document, folder)
            return []
        from grouping.export.export import ExportOptions, export

        exported = export(
            document,
            folder,
            open_photo,
            ExportOptions(arguments.folders, arguments.zip, arguments.xmp),
            progress=progress,
        )
    return exported.problems


def summary(result: GroupingResult, document: Document) -> str:
    """Return the short table that a run ends with."""
    images, groups = document["images"], document["groups"]
    failed = [image for image in images if "error" in image]
    without = sum(not image["faces"] for image in images) - len(failed)
    lines = [
        f"network    {result.model['name']}, threshold {result.threshold:.2f}",
        f"photos     {len(images)} ({without} without a face, {len(failed)} failed)",
        f"faces      {len(result.faces)} ({int((result.grouping.labels >= 0).sum())} in groups)",
        f"people     {len(groups)}",
    ]
    lines += [_person(group) for group in groups[:LISTED_PEOPLE]]
    lines += _more(len(groups) - LISTED_PEOPLE, "  ...")
    lines += [f"failed     {i['url']!r}: {i['error']}" for i in failed[:LISTED_FAILURES]]
    lines += _more(len(failed) - LISTED_FAILURES, f"failed     see {FAILURES_FILE} for")
    lines += [f"note       {warning}" for warning in document["corrections"]]
    if document["merge_suggestions"]:
        pairs = len(document["merge_suggestions"])
        groups_are = "pair of groups" if pairs == 1 else "pairs of groups"
        place = PAGE_FILE if document.get("plots") else f"merge_suggestions in {GROUPS_FILE}"
        lines.append(f"review     {pairs} {groups_are} may be one person, see {place}")
    if document["changes"] is not None:
        changes = ", ".join(f"{len(who)} {what}" for what, who in document["changes"].items())
        lines.append(f"changes    {changes} since the run before")
    return "\n".join(lines)


def _person(group: GroupEntry) -> str:
    name = group["name"] or f"person {group['group_idx']:03d}"
    return (
        f"  {name:<12} {len(group['image_ids']):5d} photos {len(group['face2_idx_list']):5d} faces"
        f"  cohesion {group['cohesion']:.2f}"
    )


def _more(count: int, what: str) -> list[str]:
    return [f"{what} {count} more"] if count > 0 else []
