"""The short table that a run ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grouping.cli.logs import terminal_line
from grouping.storage.result_folder import FAILURES_FILE, GROUPS_FILE, PAGE_FILE

if TYPE_CHECKING:
    from grouping.results.run_result import GroupingResult
    from grouping.results.schema import Document, GroupEntry

LISTED_FAILURES = 10
LISTED_PEOPLE = 10


def summary(result: GroupingResult, document: Document) -> str:
    """Return the short table that a run ends with."""
    images, groups = document["images"], document["groups"]
    failed = [image for image in images if "error" in image]
    without = sum(not image["faces"] for image in images) - len(failed)
    copies = sum("copy_of" in image for image in images)
    drawn = sum(face.get("drawn", False) for image in images for face in image["faces"])
    lines = [
        f"network    {result.model['name']}, threshold {result.threshold:.2f}",
        f"photos     {len(images)} ({without} without a face, {len(failed)} failed"
        + (f", {copies} {'copy' if copies == 1 else 'copies'})" if copies else ")"),
        f"faces      {len(result.faces)} ({int((result.grouping.labels >= 0).sum())} in groups"
        + (f", {drawn} drawn)" if drawn else ")"),
        f"people     {len(groups)}",
    ]
    lines += [_person(group) for group in groups[:LISTED_PEOPLE]]
    lines += _more(len(groups) - LISTED_PEOPLE, "  ...")
    lines += [f"failed     {i['url']!r}: {i['error']}" for i in failed[:LISTED_FAILURES]]
    lines += _more(len(failed) - LISTED_FAILURES, f"failed     see {FAILURES_FILE} for")
    lines += [f"note       {warning}" for warning in document["corrections"]]
    return "\n".join(map(terminal_line, [*lines, *_review(document), *_changes(document)]))


def _person(group: GroupEntry) -> str:
    name = group["name"] or f"person {group['group_idx']:03d}"
    return (
        f"  {name:<12} {len(group['image_ids']):5d} photos {len(group['face2_idx_list']):5d} faces"
        f"  cohesion {group['cohesion']:.2f}"
    )


def _more(count: int, what: str) -> list[str]:
    return [f"{what} {count} more"] if count > 0 else []


def _review(document: Document) -> list[str]:
    pairs = len(document["merge_suggestions"])
    if not pairs:
        return []
    groups_are = "pair of groups" if pairs == 1 else "pairs of groups"
    place = PAGE_FILE if document.get("plots") else f"merge_suggestions in {GROUPS_FILE}"
    return [f"review     {pairs} {groups_are} may be one person, see {place}"]


def _changes(document: Document) -> list[str]:
    if document["changes"] is None:
        return []
    changes = ", ".join(f"{len(who)} {what}" for what, who in document["changes"].items())
    return [f"changes    {changes} since the run before"]
