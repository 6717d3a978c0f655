"""Whether something is a document: every value of its type, every number of what it numbers.

A ``groups.json`` may be cut short, edited by hand or come from somebody else; whoever reads one
after :func:`check_document` finds what :mod:`grouping.results.schema` promises.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from grouping.errors import InputError
from grouping.results.schema import NO_GROUP, NOT_READ, Document, FaceEntry, GroupEntry

# What documents of version 0.1.0 do not have.
ADDED = frozenset({"pose", "size", "sharpness", "visible", "recognisable"})

DIGEST = re.compile("[0-9a-f]{64}")
LARGEST = 2**53  # JSON numbers beyond are not exact

# Checks one value: the place of what is wrong in it and what it should be, or None.
Fault = tuple[str, str] | None
Check = Callable[[Any], Fault]

LONGEST_SIDE = 1_000_000  # px; no photo that is read comes near


def check_document(document: object) -> None:
    """Find out whether a parsed JSON value is a document of this program.

    Raises:
        InputError: it is not; the message names the first place that is wrong.
    """
    fault = _check_of(Document)(document) or next(_broken_numbers(document), None)
    if fault is not None:
        place, wanted = fault
        raise InputError(f"{place.lstrip('.') or 'it'} is not {wanted}")


@cache
def _check_of(hint: Any) -> Check:
    """Return the check of a type of the schema."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: None
    if hint is float:
        return _number
    if hint is None or hint is types.NoneType:
        return lambda value: None if value is None else ("", "null")
    if is_typeddict(hint):
        return _entry_check(hint)
    if origin in (Union, types.UnionType):
        return _any_of([_check_of(argument) for argument in arguments])
    if origin is list:
        return _list_check(_check_of(arguments[0]))
    if origin is dict:
        return lambda value: None if isinstance(value, dict) else ("", "an object")
    if hint is str:
        return _text
    words = {int: "a whole number", str: "a text"}
    return lambda value: None if type(value) is hint else ("", words[hint])


def _text(value: Any) -> Fault:
    if type(value) is str and not any("\ud800" <= c <= "\udfff" for c in value):
        return None
    return "", "a text"


def _number(value: Any) -> Fault:
    kind = type(value)
    return None if kind is int or (kind is float and math.isfinite(value)) else ("", "a number")


def _any_of(checks: list[Check]) -> Check:
    def check(value: Any) -> Fault:
        fault: Fault = None
        for one in checks:
            fault = one(value)
            if fault is None:
                return None
        return fault

    return check


def _list_check(check_item: Check) -> Check:
    def check(value: Any) -> Fault:
        if type(value) is not list:
            return "", "a list"
        for place, item in enumerate(value):
            fault = check_item(item)
            if fault is not None:
                return f"[{place}]{fault[0]}", fault[1]
        return None

    return check


def _entry_check(entry: Any) -> Check:
    hints = get_type_hints(entry, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired} | ADDED
    if entry is GroupEntry:
        optional.add("pictures")
    inner = {n: get_args(h)[0] if get_origin(h) is NotRequired else h for n, h in hints.items()}
    checks = {name: _check_of(hint) for name, hint in inner.items()}

    def check(value: Any) -> Fault:
        if type(value) is not dict:
            return "", "an object"
        for name, check_value in checks.items():
            if name in value:
                fault = check_value(value[name])
                if fault is not None:
                    return f".{name}{fault[0]}", fault[1]
            elif name not in optional:
                return f".{name}", "there"
        return None

    return check


def _broken_numbers(document: Any) -> Iterator[tuple[str, str]]:
    """Yield what refers to nothing, in a document whose values are of their types."""
    images, groups = document["images"], document["groups"]
    faces = {face["face_idx"] for image in images for face in image["faces"]}
    if not _within(faces, 0, LARGEST):
        yield "face_idx", "a number from 0"
    members: list[set[int]] = [set() for _ in groups]
    if len(faces) < sum(len(image["faces"]) for image in images):
        yield "face_idx", "unique in images"
    for name in ("name", "file"):
        if not isinstance(document["model"].get(name), str):
            yield f"model.{name}", "a text"
    if _number(document["settings"].get("threshold")) is not None:
        yield "settings.threshold", "a number"
    for name, who in (document["changes"] or {}).items():
        if not isinstance(who, list):
            yield f"changes.{name}", "a list"
    for place, image in enumerate(images):
        yield from _broken_image(f"images[{place}]", image, faces, len(groups))
        for face in image["faces"]:
            if face["group_idx"] >= 0:
                members[face["group_idx"]].add(face["face_idx"])
    for place, group in enumerate(groups):
        yield from _broken_group(f"groups[{place}]", place, group, members[place], len(images))
    for place, pair in enumerate(document["merge_suggestions"]):
        here = f"merge_suggestions[{place}]"
        if len(pair["groups"]) != 2 or not _within(pair["groups"], 0, len(groups)):
            yield f"{here}.groups", "two groups"
        if len(pair["faces"]) != 2 or not faces.issuperset(pair["faces"]):
            yield f"{here}.faces", "two faces"
    for place, known in enumerate(document.get("known_people", ())):
        if not _within([known["group_idx"]], NO_GROUP, len(groups)):
            yield f"known_people[{place}].group_idx", "a group"
    if "plots" in document:
        yield from _broken_plots(document["plots"], faces)


def _broken_image(
    here: str, image: Mapping[str, Any], faces: set[int], groups: int
) -> Iterator[tuple[str, str]]:
    if image["sha256"] is not None and not DIGEST.fullmatch(image["sha256"]):
        yield f"{here}.sha256", "64 hexadecimal digits"
    if not _within(image["group_idx"], NOT_READ, groups):
        yield f"{here}.group_idx", "a list of groups"
    least = 1 if image["faces"] else 0
    if not _within((image["width"], image["height"]), least, LONGEST_SIDE + 1):
        yield f"{here}.width", "a size"
    if image.get("rotation", 0) not in (0, 90, 180, 270):
        yield f"{here}.rotation", "0, 90, 180 or 270"
    for place, face in enumerate(image["faces"]):
        for name, wanted in _broken_face(face, faces, groups):
            yield f"{here}.faces[{place}].{name}", wanted


def _broken_face(face: FaceEntry, faces: set[int], groups: int) -> Iterator[tuple[str, str]]:
    box = face["box"]
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
        yield "box", "a box [x1, y1, x2, y2]"
    if len(face["landmarks"]) != 5 or any(len(point) != 2 for point in face["landmarks"]):
        yield "landmarks", "five points"
    if not _within([face["group_idx"]], NO_GROUP, groups):
        yield "group_idx", "a group"
    if any(len(pair) != 2 or pair[0] not in faces for pair in face["evidence"]):
        yield "evidence", "a list of faces and similarities"


def _broken_group(
    here: str, place: int, group: GroupEntry, own: set[int], images: int
) -> Iterator[tuple[str, str]]:
    members = group["face2_idx_list"]
    if group["group_idx"] != place:
        yield f"{here}.group_idx", f"{place}, its place"
    if not members or set(members) != own:
        yield f"{here}.face2_idx_list", "a list of the faces that are in the group"
    if group["representative_face_idx"] not in members:
        yield f"{here}.representative_face_idx", "one of its faces"
    if not _within(group["original_images_idx_list"], 0, images):
        yield f"{here}.original_images_idx_list", "a list of places in images"
    lists = ("original_images_idx_list", "face1_idx_list", "cosine_similarity_list")
    for name in lists:
        if len(group[name]) != len(members):  # type: ignore[literal-required]
            yield f"{here}.{name}", f"a list of {len(members)}, one for each face"


def _broken_plots(plots: Mapping[str, Any], faces: set[int]) -> Iterator[tuple[str, str]]:
    tsne, bins, matrix = plots["tsne"], plots["histogram"], plots["matrix"]
    if not (len(tsne["face_idx"]) == len(tsne["x"]) == len(tsne["y"])):
        yield "plots.tsne", "three lists of one length"
    if not faces.issuperset(tsne["face_idx"]):
        yield "plots.tsne.face_idx", "a list of faces"
    if not (len(bins["edges"]) - 1 == len(bins["same"]) == len(bins["different"])):
        yield "plots.histogram", "a count for each bin"
    if not 0 <= matrix["side"] == len(matrix["group_idx"]):
        yield "plots.matrix", "a row for each group_idx"


def _within(numbers: Iterable[int], least: int, end: int) -> bool:
    return all(least <= number < end for number in numbers)
