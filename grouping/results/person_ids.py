"""Ids of people that survive the next run.

A person of this run is a person of the run before if they share faces: the same box, within an
intersection over union of 0.5, in a photo of the same content. Names and places of files, the
order of photos and the network do not matter.

Where a group was split, the part with most of its faces keeps the id; where groups were merged,
the union takes the id of the one that gave most faces.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou
from grouping.errors import InputError
from grouping.records import FaceReference

ID_DIGITS = 12


@dataclass(frozen=True)
class Changes:
    """What became of the people of the run before; all by ``group_id``.

    Attributes:
        new: people who were in no group before.
        grown: people who kept their id and have more faces now, and how many more.
        merged: for each person, those who have become part of them.
        split: for each person, the new ones whose faces are at least half from them.
        vanished: people who are in no group any more.
    """

    new: tuple[str, ...] = ()
    grown: tuple[tuple[str, int], ...] = ()
    merged: tuple[tuple[str, tuple[str, ...]], ...] = ()
    split: tuple[tuple[str, tuple[str, ...]], ...] = ()
    vanished: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line, such as ``2 new, 5 grown, 0 merged, 0 split, 1 vanished``."""
        return ", ".join(f"{len(what)} {kind}" for kind, what in asdict(self).items())


@dataclass(frozen=True)
class Identities:
    """Who the groups of this run are.

    Attributes:
        ids: the ``group_id`` of each group.
        names: the name that each, or who was merged into it, had in the run before; None for none.
        changes: what is different from then.
    """

    ids: tuple[str, ...]
    names: tuple[str | None, ...]
    changes: Changes


def assign_ids(
    previous: Mapping[str, Any] | None,
    images: Sequence[Mapping[str, Any]],
    group_count: int,
    opted_out: Callable[[FaceReference], bool] | None = None,
) -> Identities:
    """Give each group of this run its id.

    Args:
        previous: the document of the run before; None for the first run.
        images: of this run; of each ``id``, ``sha256`` and of its ``faces`` ``box`` and
            ``group_idx`` are looked at.
        group_count: how many groups this run has.
        opted_out: says of a face whether it was left out, since somebody asked for that. Who was
            mostly such faces is forgotten: nobody gets the name.

    Raises:
        InputError: ``previous`` is not a ``groups.json``.
    """
    now = _groups_of(images, group_count)
    known = _read_previous(previous) if previous is not None else {}
    if opted_out is not None:
        known = {k: who for k, who in known.items() if not _mostly_gone(who[0], opted_out)}
    shared = _shared_faces(now, {key: faces for key, (faces, _) in known.items()})
    kept = _matched(shared, now)
    ids: list[str] = []
    taken = set(known)
    for group, faces in enumerate(now):
        ids.append(kept.get(group) or _fresh_id(faces, taken))
        taken.add(ids[-1])
    return Identities(tuple(ids), _names(ids, known, shared), _changes(ids, now, known, shared))


def check_previous(document: Mapping[str, Any]) -> None:
    """Find out, before the work, whether people can keep the ids that a document gave them.

    Raises:
        InputError: it is not a ``groups.json``.
    """
    _read_previous(document)


def _groups_of(images: Sequence[Mapping[str, Any]], count: int) -> list[set[FaceReference]]:
    groups: list[set[FaceReference]] = [set() for _ in range(count)]
    for image in images:
        photo = image.get("sha256") or f"id:{image['id']}"
        for face in image.get("faces", ()):
            if face["group_idx"] >= 0:
                x1, y1, x2, y2 = face["box"]
                box = (float(x1), float(y1), float(x2), float(y2))
                groups[face["group_idx"]].add(FaceReference(str(photo), box))
    return groups


def _read_previous(previous: Mapping[str, Any]) -> dict[str, tuple[set[FaceReference], str | None]]:
    """Faces and name of each earlier person by id."""
    try:
        groups = previous["groups"]
        faces = _groups_of(previous["images"], len(groups))
        return {str(g["group_id"]): (faces[g["group_idx"]], g.get("name")) for g in groups}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the previous result is not a groups.json of this program ({error!r}); "
            "name another file or leave it out"
        ) from error


def _mostly_gone(faces: Set[FaceReference], gone: Callable[[FaceReference], bool]) -> bool:
    return 2 * sum(map(gone, faces)) >= max(len(faces), 1)


def _shared_faces(
    now: Sequence[Set[FaceReference]], before: Mapping[str, Set[FaceReference]]
) -> Counter[tuple[int, str]]:
    """How many faces each group of now has of each person before."""
    places: dict[str, list[tuple[str, FaceReference]]] = {}
    for person, faces in before.items():
        for face in faces:
            places.setdefault(face.photo, []).append((person, face))
    shared: Counter[tuple[int, str]] = Counter()
    for group, faces in enumerate(now):
        for face in faces:
            candidates = places.get(face.photo, [])
            if candidates:
                boxes = np.array([other.box for _, other in candidates], np.float32)
                overlaps = box_iou(np.array([face.box], np.float32), boxes)[0]
                if overlaps.max() >= SAME_FACE_IOU:
                    shared[group, candidates[int(overlaps.argmax())][0]] += 1
    return shared


def _matched(shared: Counter[tuple[int, str]], now: Sequence[Set[FaceReference]]) -> dict[int, str]:
    """One id a group and one group an id, the pairs that share most faces first."""
    ranked = sorted(
        shared, key=lambda pair: (-shared[pair], len(now[pair[0]]), pair[1], min(now[pair[0]]))
    )
    kept: dict[int, str] = {}
    used: set[str] = set()
    for group, person in ranked:
        if group not in kept and person not in used:
            kept[group] = person
            used.add(person)
    return kept


def _names(
    ids: Sequence[str],
    known: Mapping[str, tuple[Set[FaceReference], str | None]],
    shared: Counter[tuple[int, str]],
) -> tuple[str | None, ...]:
    """The name of each id, or of who was merged into it with most faces."""
    names = [known[i][1] if i in known else None for i in ids]
    heir = _mostly(shared, of_person=True)
    for group, person in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        if person not in ids and heir[person] == group:
            names[group] = names[group] or known[person][1]
    return tuple(names)


def _fresh_id(faces: Set[FaceReference], taken: Set[str]) -> str:
    """An id made from the content of the group, so that it does not depend on the order."""
    salt = 0
    while True:
        text = f"{tuple(min(faces))!r} {salt}"
        fresh = "p" + hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]
        if fresh not in taken:
            return fresh
        salt += 1


def _changes(
    ids: Sequence[str],
    now: Sequence[Set[FaceReference]],
    known: Mapping[str, tuple[Set[FaceReference], str | None]],
    shared: Counter[tuple[int, str]],
) -> Changes:
    heir = {p: ids[g] for p, g in _mostly(shared, of_person=True).items()}
    origin = {
        ids[g]: p
        for g, p in _mostly(shared, of_person=False).items()
        if 2 * shared[g, p] >= len(now[g])
    }
    size = {i: len(faces) for i, faces in zip(ids, now, strict=True)}
    gone = sorted(set(known) - set(ids))
    born = [i for i in ids if i not in known]
    return Changes(
        new=tuple(i for i in born if i not in origin),
        grown=tuple(
            (i, size[i] - len(known[i][0]))
            for i in ids
            if i in known and size[i] > len(known[i][0])
        ),
        merged=_collected((heir[p], p) for p in gone if p in heir),
        split=_collected((origin[i], i) for i in born if i in origin),
        vanished=tuple(p for p in gone if p not in heir),
    )


def _mostly(shared: Counter[tuple[int, str]], *, of_person: bool) -> dict[Any, Any]:
    """For each earlier person the group with most of them; or for each group the person."""
    best: dict[Any, Any] = {}
    for group, person in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        if of_person:
            best.setdefault(person, group)
        else:
            best.setdefault(group, person)
    return best


def _collected(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    collected: dict[str, list[str]] = {}
    for one, other in pairs:
        collected.setdefault(one, []).append(other)
    return tuple((one, tuple(others)) for one, others in sorted(collected.items()))
