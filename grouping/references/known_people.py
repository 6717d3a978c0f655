"""People known beforehand, ready for a run: their names, and the faces that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grouping.errors import InputError
from grouping.execution.collector import OnPhoto
from grouping.execution.face_models import FaceModels
from grouping.lookup.album_index import AlbumIndex
from grouping.records import FaceSet, Int64
from grouping.references.people_list import ReferencePerson, left_out_line, load_people
from grouping.references.reference_faces import reference_faces
from grouping.results.album import one_line
from grouping.sources.entries import SourceOptions
from grouping.sources.file_kinds import LeftOut
from grouping.storage.result_folder import GROUPS_FILE

# Of a person of an earlier album, the most typical ones: more make no clearer a mean.
MOST_FACES = 30


@dataclass(frozen=True, eq=False)
class KnownPeople:
    """People known beforehand.

    Attributes:
        names: of each, different.
        ids: what a table or an earlier album calls each; None where it does not.
        person: (r,) int64, whose face each is, a place in ``names``.
        faces: r of them.
        problems: one line for each photo that cannot be used, or only with a remark, and one that
            counts and names the files that are no photos.
    """

    names: tuple[str, ...]
    ids: tuple[str | None, ...]
    person: Int64
    faces: FaceSet
    problems: tuple[str, ...] = ()


def load_known_people(
    path: Path | str,
    models: FaceModels,
    options: SourceOptions | None = None,
    *,
    workers: int = 0,
    on_photo: OnPhoto | None = None,
) -> KnownPeople:
    """Find the faces of people known beforehand; nothing of their photos is kept.

    Args:
        path: a folder or table of :mod:`grouping.references.people_list`, or the results of an
            earlier run, whose people with a name are taken.
        models: the networks of the album.
        options: how photos that a table gives by address are fetched.
        workers: processes for many photos.
        on_photo: called as each photo is done, in no particular order.

    Raises:
        InputError: there is nobody, or what says who they are contradicts itself.
        ModelError: a checkpoint or device cannot be used.
    """
    path = Path(path)
    if (path / GROUPS_FILE).is_file():
        return _of_earlier_album(path, models)
    left_out = LeftOut()
    people = load_people(path, options, left_out=left_out)
    found = reference_faces(people, models, workers=workers, on_photo=on_photo)
    names = tuple(person.name for person in people)
    ids = tuple(person.id for person in people)
    problems = (*found.problems, *_unseen(people, found.person), *left_out_line(path, left_out))
    return KnownPeople(names, ids, found.person, found.faces, problems)


def _unseen(people: tuple[ReferencePerson, ...], person: Int64) -> tuple[str, ...]:
    missing = np.setdiff1d(np.arange(len(people)), person).tolist()
    return tuple(
        f"{people[k].name}: no photo can be used, so nobody is called that" for k in missing
    )


def _of_earlier_album(folder: Path, models: FaceModels) -> KnownPeople:
    index = AlbumIndex.open(folder)
    index.check_network(models)
    rows: dict[str, list[int]] = {}
    ids: dict[str, str | None] = {}
    row_of = {number: row for row, number in enumerate(index.face_idx.tolist())}
    for group in index.album.groups:
        name = one_line(group["name"] or "")
        if name:
            faces = index.album.faces_of(group["group_idx"])
            rows.setdefault(name, []).extend(row_of[f.idx] for f in faces if f.idx in row_of)
            ids[name] = ids.get(name) or group.get("known_id")
    names = tuple(sorted(name for name in rows if rows[name]))
    if not names:
        raise InputError(
            f"nobody in {folder} has a name; name people on its page and group it again with "
            "the corrections, or give photos of them"
        )
    taken = [rows[name][:MOST_FACES] for name in names]
    person = np.repeat(np.arange(len(names)), [len(own) for own in taken])
    known = index.faces[np.concatenate([np.array(own, np.int64) for own in taken])]
    return KnownPeople(names, tuple(ids[name] for name in names), person, known)
