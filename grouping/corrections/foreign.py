"""What other programs wrote about faces: it holds as far as nobody here says otherwise.

Corrections contradict each other only by mistake, which ends a run. What lies in the files of an
album was never checked against anything; where it contradicts the corrections or itself, the name
is left out and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grouping.clustering.constraints import Constraints
from grouping.corrections.entries import Entry, MeantFaces, same_face
from grouping.records import Int32


def without_ignored(foreign: Sequence[Entry], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return foreign entries but those about faces that corrections leave out of every group."""
    ignored: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == "ignore":
            for face in entry.faces:
                ignored.setdefault(face.photo, []).append(replace(entry, faces=(face,)))
    return tuple(
        entry
        for entry in foreign
        if not any(
            same_face(entry.faces[0], other.faces[0])
            for other in ignored.get(entry.faces[0].photo, ())
        )
    )


def agreeing(
    foreign: Sequence[MeantFaces],
    entries: Sequence[MeantFaces],
    constraints: Constraints,
    photo_index: Int32,
) -> tuple[list[MeantFaces], list[str]]:
    """Return foreign entries without the names that contradict others.

    Args:
        foreign: each about one face, with a name or without.
        entries: corrections.
        constraints: theirs.
        photo_index: (n,) int32, the photo of each face.

    Returns:
        The entries, and a line for each name left out.
    """
    twice = _twice_in_photo(foreign, photo_index)
    people = _People(entries, constraints, photo_index)
    ignored = set(constraints.ignore.tolist())
    kept: list[MeantFaces] = []
    notes: list[str] = []
    for found in foreign:
        name = found.entry.name
        if ignored.intersection(found.faces):
            continue
        reason = None
        if name is not None and found.faces:
            reason = twice.get((int(photo_index[found.faces[0]]), name))
            reason = reason or people.objection(found.faces, name)
        if reason is None:
            kept.append(found)
            continue
        nameless = replace(found.entry, name=None)
        kept.append(MeantFaces(nameless, found.copies_by_reference))
        notes.append(f"{found.entry.place}: the name {name} is left out, {reason}")
    return kept, notes


def _twice_in_photo(
    foreign: Sequence[MeantFaces], photo_index: Int32
) -> dict[tuple[int, str], str]:
    """Return (photo, name) of names that are on two faces of one photo: neither is believed."""
    faces: dict[tuple[int, str], set[int]] = {}
    for found in foreign:
        if found.entry.name is not None and found.faces:
            place = int(photo_index[found.faces[0]]), found.entry.name
            faces.setdefault(place, set()).add(found.faces[0])
    return {place: "it is on two faces of the photo" for place, on in faces.items() if len(on) > 1}


class _People:
    """Faces that are one person for all that is known, as a forest; a name is a node too.

    Attributes of a tree are kept at its root: its name, its faces by photo, and who it is not.
    """

    def __init__(
        self, entries: Sequence[MeantFaces], constraints: Constraints, photo_index: Int32
    ) -> None:
        self._parent: dict[int | str, int | str] = {}
        self._name: dict[int | str, str] = {}
        self._members: dict[int | str, dict[int, int]] = {}
        self._not: dict[int | str, list[int]] = {}
        self._photo_index = photo_index
        for a, b in constraints.must_link.tolist():
            self._join(self._root(a), self._root(b))
        for a, b in constraints.cannot_link.tolist():
            self._not.setdefault(self._root(a), []).append(b)
            self._not.setdefault(self._root(b), []).append(a)
        for found in entries:
            if (name := found.entry.name) is not None:
                for face in found.faces:
                    self._join(self._root(face), self._root(name))

    def objection(self, faces: Sequence[int], name: str) -> str | None:
        """Return why copies of a face cannot have a name; where they can, they have it."""
        named = self._root(name)
        for face in faces:
            here = self._root(face)
            if here == named:
                continue
            if self._name.get(here, name) != name:
                return f"the face is that of {self._name[here]}"
            if any(self._root(other) == named for other in self._not.get(here, ())):
                return "the corrections say that it is somebody else"
            if any(self._root(other) == here for other in self._not.get(named, ())):
                return "the corrections say that it is somebody else"
            mine, theirs = self._members.get(here, {}), self._members.get(named, {})
            small, large = sorted((mine, theirs), key=len)
            if any(large.get(photo, face) != face for photo, face in small.items()):
                return "another face of one photo has it"
        for face in faces:
            self._join(self._root(face), self._root(name))
        return None

    def _root(self, node: int | str) -> int | str:
        if node not in self._parent:
            self._parent[node] = node
            if isinstance(node, str):
                self._name[node] = node
            else:
                self._members[node] = {int(self._photo_index[node]): node}
        while self._parent[node] != node:
            self._parent[node] = node = self._parent[self._parent[node]]
        return node

    def _join(self, a: int | str, b: int | str) -> None:
        """Make one tree of two roots; the larger one's root stays."""
        if a == b:
            return
        if len(self._members.get(a, ())) < len(self._members.get(b, ())):
            a, b = b, a
        self._parent[b] = a
        if b in self._name:
            self._name[a] = self._name.pop(b)
        self._members.setdefault(a, {}).update(self._members.pop(b, {}))
        self._not.setdefault(a, []).extend(self._not.pop(b, []))
