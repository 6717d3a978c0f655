"""Ids that survive a second run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grouping.errors import InputError
from grouping.results.person_ids import assign_ids, check_previous

Album = dict[str, list[int]]


def images_of(album: Album, shift: float = 0.0) -> list[dict]:
    """Photos by content digest, each with the groups of its faces from left to right."""
    return [
        {
            "id": f"id of {digest}",
            "sha256": digest,
            "faces": [
                {
                    "box": [100.0 * k + shift, shift, 100.0 * k + 80 + shift, 80 + shift],
                    "group_idx": group,
                }
                for k, group in enumerate(groups)
            ],
        }
        for digest, groups in album.items()
    ]


def saved(album: Album, ids: tuple[str, ...], names: dict[str, str] | None = None) -> dict:
    """The earlier run's file as it comes back from disk."""
    groups = [
        {"group_idx": g, "group_id": i, "name": (names or {}).get(i)} for g, i in enumerate(ids)
    ]
    return json.loads(json.dumps({"groups": groups, "images": images_of(album)}))


def count(album: Album) -> int:
    return max(g for groups in album.values() for g in groups) + 1


def first_ids(album: Album) -> tuple[str, ...]:
    return assign_ids(None, images_of(album), count(album)).ids


BEFORE: Album = {"aa": [0, 1], "bb": [0, 1], "cc": [0, 2], "dd": [2, -1], "ee": [0]}


def test_first_run_gives_each_group_its_own_id() -> None:
    result = assign_ids(None, images_of(BEFORE), 3)
    assert len(set(result.ids)) == 3
    assert result.changes.new == result.ids
    assert result.names == (None, None, None)
    assert "3 new" in result.changes.summary()


def test_ids_do_not_depend_on_the_order_of_photos_or_groups() -> None:
    ids = first_ids(BEFORE)
    renumbered = {d: [{0: 2, 1: 0, 2: 1, -1: -1}[g] for g in gs] for d, gs in BEFORE.items()}
    again = assign_ids(None, images_of(renumbered)[::-1], 3).ids
    assert again == (ids[1], ids[2], ids[0])


def test_ids_and_names_survive_moved_boxes_new_photos_and_renumbering() -> None:
    ids = first_ids(BEFORE)
    after = {d: [{0: 1, 1: 0, 2: 2, -1: -1}[g] for g in gs] for d, gs in BEFORE.items()}
    after |= {"ff": [0, 3], "gg": [3, 0]}
    del after["ee"]
    previous = saved(BEFORE, ids, {ids[1]: "Ben"})
    result = assign_ids(previous, images_of(after, shift=6.0), 4)
    assert result.ids[:3] == (ids[1], ids[0], ids[2])
    assert result.ids[3] not in ids
    assert result.names == ("Ben", None, None, None)
    assert result.changes.new == (result.ids[3],)
    assert result.changes.grown == ((ids[1], 2),)
    assert result.changes.merged == result.changes.split == result.changes.vanished == ()


def test_a_merge_keeps_the_id_of_the_larger() -> None:
    ids = first_ids(BEFORE)
    after = {d: [{0: 0, 1: 1, 2: 0, -1: -1}[g] for g in gs] for d, gs in BEFORE.items()}
    changes = assign_ids(saved(BEFORE, ids), images_of(after), 2).changes
    assert changes.merged == ((ids[0], (ids[2],)),)
    assert not changes.vanished


def test_a_name_survives_the_merge_into_somebody_without_one() -> None:
    ids = first_ids(BEFORE)
    after = {d: [{0: 0, 1: 1, 2: 0, -1: -1}[g] for g in gs] for d, gs in BEFORE.items()}
    for names, expected in (
        ({ids[2]: "Ann"}, ("Ann", None)),
        ({ids[0]: "Bea", ids[2]: "Ann"}, ("Bea", None)),
        ({}, (None, None)),
    ):
        result = assign_ids(saved(BEFORE, ids, names), images_of(after), 2)
        assert result.ids == ids[:2]
        assert result.names == expected


def test_a_name_stays_with_who_is_still_there() -> None:
    ids = first_ids(BEFORE)
    after = BEFORE | {"cc": [0, 0]}  # one of two faces of Ann went over
    result = assign_ids(saved(BEFORE, ids, {ids[2]: "Ann"}), images_of(after), 3)
    assert result.names == (None, None, "Ann")


def test_a_split_keeps_the_id_with_the_larger_part() -> None:
    ids = first_ids(BEFORE)
    after = BEFORE | {"cc": [3, 2]}
    result = assign_ids(saved(BEFORE, ids), images_of(after), 4)
    assert result.ids[:3] == ids
    assert result.changes.split == ((ids[0], (result.ids[3],)),)
    assert not result.changes.new


def test_people_who_are_gone_are_listed_and_their_id_is_not_given_again() -> None:
    ids = first_ids(BEFORE)
    after = {"aa": [-1, 0], "bb": [-1, 0], "xx": [1], "yy": [1]}
    result = assign_ids(saved(BEFORE, ids), images_of(after), 2)
    assert result.ids[0] == ids[1]
    assert result.changes.vanished == tuple(sorted((ids[0], ids[2])))
    assert result.ids[1] not in ids


def test_two_people_who_stand_close_do_not_swap() -> None:
    """Boxes that overlap by less than half are different faces."""
    before = [
        {
            "id": "1",
            "sha256": "aa",
            "faces": [
                {"box": [0, 0, 80, 80], "group_idx": 0},
                {"box": [40, 0, 120, 80], "group_idx": 1},
            ],
        }
    ]
    ids = assign_ids(None, before, 2).ids
    previous = {
        "images": before,
        "groups": [{"group_idx": g, "group_id": i} for g, i in enumerate(ids)],
    }
    swapped = [
        {
            "id": "1",
            "sha256": "aa",
            "faces": [
                {"box": [42, 0, 122, 80], "group_idx": 0},
                {"box": [2, 0, 82, 80], "group_idx": 1},
            ],
        }
    ]
    assert assign_ids(previous, swapped, 2).ids == ids[::-1]


def test_a_tenth_more_photos_keeps_everybody() -> None:
    rng = np.random.default_rng(0)
    album = {f"{k:04x}": rng.choice(60, 2, replace=False).tolist() for k in range(440)}
    first = dict(list(album.items())[:400])
    ids = first_ids(first)
    number = rng.permutation(60)
    after = {d: [int(number[g]) for g in groups] for d, groups in album.items()}
    result = assign_ids(saved(first, ids), images_of(after), 60)
    assert tuple(result.ids[number[g]] for g in range(60)) == ids


@pytest.mark.parametrize(
    "previous",
    [
        {},
        {"groups": 3, "images": []},
        {"groups": [{}], "images": []},
        [],
        {"groups": [{"group_idx": 0, "group_id": "p"}], "images": [{"id": 1, "faces": [{}]}]},
        {
            "groups": [{"group_idx": 0, "group_id": "p"}],
            "images": [{"id": 1, "faces": [{"box": [1], "group_idx": 0}]}],
        },
    ],
)
def test_another_file_is_refused(previous: dict) -> None:
    with pytest.raises(InputError, match=r"not a groups\.json"):
        check_previous(previous)
    with pytest.raises(InputError, match=r"not a groups\.json"):
        assign_ids(previous, images_of(BEFORE), 3)


def test_a_document_of_this_program_passes() -> None:
    check_previous(saved(BEFORE, first_ids(BEFORE)))
