"""The short table that a run ends with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grouping.cli.display.logs import terminal_line
from grouping.people.description.ages import CHILD_YEARS
from grouping.results.album import person_number
from grouping.storage.result_folder import (
    FAILURES_FILE,
    GROUPS_FILE,
    OPT_OUT_TABLE,
    PAGE_FILE,
    PEOPLE_TABLE,
)

if TYPE_CHECKING:
    from grouping.results.run_result import GroupingResult
    from grouping.results.schema import Document, GroupEntry

LISTED_FAILURES = 10
LISTED_PEOPLE = 10
WIDEST_NAME = 40


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
    lines += [*_known(document), *_people(groups[:LISTED_PEOPLE])]
    lines += _more(len(groups) - LISTED_PEOPLE, "  ...")
    lines += [f"failed     {i['url']!r}: {i['error']}" for i in failed[:LISTED_FAILURES]]
    lines += _more(len(failed) - LISTED_FAILURES, f"failed     see {FAILURES_FILE} for")
    if result.left_out.files:
        lines.append(f"left out   {result.left_out}, see {FAILURES_FILE}")
    lines += _opted_out(result)
    notes = [*document["corrections"], *document.get("reference_problems", ()), *_unseen(result)]
    lines += [f"note       {warning}" for warning in notes]
    lines += [*_review(document), *_children(document), *_changes(document)]
    return "\n".join(map(terminal_line, lines))


def _people(groups: Sequence[GroupEntry]) -> Iterator[str]:
    """A line a person, in columns."""
    names = [g["name"] or f"Person {person_number(g['group_idx'])}" for g in groups]
    wide = min(max(map(len, names), default=0), WIDEST_NAME)
    for name, group in zip(names, groups, strict=True):
        photos, faces = len(group["image_ids"]), len(group["face2_idx_list"])
        yield (
            f"  {name:<{max(wide, 12)}} {photos:5d} {'photo ' if photos == 1 else 'photos'}"
            f" {faces:5d} {'face ' if faces == 1 else 'faces'}  cohesion {group['cohesion']:.2f}"
        )


def _known(document: Document) -> list[str]:
    """Who of those known beforehand was found, and who was not."""
    if (known := document.get("known_people")) is None:
        return []
    missing = [person["name"] for person in known if person["group_idx"] < 0]
    unclaimed = sum(group["name"] is None for group in document["groups"])
    lines = [
        f"known      {len(known) - len(missing)} of {len(known)} found, "
        f"{unclaimed} {'person is' if unclaimed == 1 else 'people are'} nobody of them"
    ]
    shown = ", ".join(missing[:LISTED_PEOPLE])
    more = f" and {len(missing) - LISTED_PEOPLE} more, see {PEOPLE_TABLE}"
    if missing:
        lines.append(f"not found  {shown}{more if len(missing) > LISTED_PEOPLE else ''}")
    return lines


def _more(count: int, what: str) -> list[str]:
    return [f"{what} {count} more"] if count > 0 else []


def _opted_out(result: GroupingResult) -> list[str]:
    if result.opted_out is None:
        return []
    photos, lines = len(result.opted_out.boxes_of), len(result.opted_out.borderline)
    return [
        f"opt-out    {len(result.opted_out.photo)} faces left out of {photos} photos, {lines} "
        f"borderline {'face' if lines == 1 else 'faces'} to look at: see {OPT_OUT_TABLE}"
    ]


def _review(document: Document) -> list[str]:
    pairs = len(document["merge_suggestions"])
    if not pairs:
        return []
    groups_are = "pair of groups" if pairs == 1 else "pairs of groups"
    place = PAGE_FILE if document.get("plots") else f"merge_suggestions in {GROUPS_FILE}"
    return [f"review     {pairs} {groups_are} may be one person, see {place}"]


def _unseen(result: GroupingResult) -> list[str]:
    problems = list(result.attributes.problems) if result.attributes else []
    return [*problems[:LISTED_FAILURES], *_more(len(problems) - LISTED_FAILURES, "and of")]


def _children(document: Document) -> list[str]:
    groups = [group for group in document["groups"] if "attributes" in group]
    children = sum(group["attributes"]["seems_child"] for group in groups)
    if not children:
        return []
    people = "1 person seems" if children == 1 else f"{children} people seem"
    years = round(CHILD_YEARS)
    return [f"review     {people} under {years}; children are confused more often, look there"]


def _changes(document: Document) -> list[str]:
    if document["changes"] is None:
        return []
    changes = ", ".join(f"{len(who)} {what}" for what, who in document["changes"].items())
    return [f"changes    {changes} since the run before"]
