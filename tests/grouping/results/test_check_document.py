"""Documents that are damaged, edited or forged."""

import copy
import json
import random

import pytest

from grouping.errors import InputError
from grouping.results.check_document import check_document
from grouping.results.document import read_document
from tests.helpers.results.album import album

DOCUMENT, _ = album([[0, 1], [0, 1, -1], [0], [-1], []])


def changed(path, value):
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path
    target = document
    for key in parents:
        target = target[key]
    if value is KeyError:
        del target[last]
    else:
        target[last] = value
    return document


def test_a_document_is_one():
    check_document(json.loads(json.dumps(DOCUMENT)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["images"], {}),
        (["images", 0], None),
        (["images", 0, "width"], "400"),
        (["images", 0, "width"], 0),
        (["images", 0, "width"], 1.5),
        (["images", 0, "sha256"], 7),
        (["images", 0, "faces"], KeyError),
        (["images", 0, "group_idx"], [99]),
        (["images", 0, "rotation"], 45),
        (["images", 0, "faces", 0, "box"], [1, 2, 3]),
        (["images", 0, "faces", 0, "box"], [3, 2, 1, 4]),
        (["images", 0, "faces", 0, "box"], [1, 2, float("inf"), 4]),
        (["images", 0, "faces", 0, "landmarks"], [[1, 2]]),
        (["images", 0, "faces", 0, "group_idx"], 2),
        (["images", 0, "faces", 0, "group_idx"], True),
        (["images", 0, "faces", 0, "face_idx"], 1),
        (["images", 0, "faces", 0, "evidence"], [[77, 0.5]]),
        (["groups", 0], KeyError),
        (["groups", 0, "group_idx"], 1),
        (["groups", 0, "name"], 3),
        (["groups", 0, "face2_idx_list"], []),
        (["groups", 0, "face2_idx_list", 0], 5000),
        (["groups", 0, "cosine_similarity_list"], []),
        (["groups", 0, "representative_face_idx"], 4),
        (["groups", 0, "original_images_idx_list", 0], -1),
        (["model", "name"], KeyError),
        (["model", "file"], None),
        (["settings", "threshold"], "0.4"),
        (["changes"], {"vanished": True}),
        (["merge_suggestions"], [{"groups": [0, 1]}]),
        (["plots", "tsne", "x"], [0.5]),
        (["plots", "histogram", "edges"], []),
        (["plots", "matrix", "side"], 10**9),
    ],
)
def test_what_is_wrong_is_named(path, value):
    with pytest.raises(InputError) as caught:
        check_document(changed(path, value))
    assert "\n" not in str(caught.value)
    assert str(path[0]) in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"groups": NaN}', "\ud800", "\x00"])
def test_what_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "groups.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="damaged or something else"):
        read_document(path)


def test_random_changes_are_refused_or_harmless(tmp_path):
    """Any value anywhere: either an InputError, or a document that the album view takes."""
    from grouping.results.album import Album

    rng = random.Random(0)
    values = [None, -1, 0, 1e308, "", "x", [], {}, [[]], True, 2**70, [0, 1], KeyError]
    refused = 0
    for _ in range(1500):
        path = random_path(rng, DOCUMENT)
        document = changed(path, rng.choice(values))
        try:
            check_document(document)
        except InputError:
            refused += 1
            continue
        shown = Album(document)
        for group in range(len(shown.groups)):
            shown.faces_of(group)
            shown.person(group)
        for photo in range(len(shown.images)):
            shown.faces_in(photo)
            shown.photo_name(photo)
            shown.original(photo)
    assert refused > 500


def random_path(rng, value):
    path = []
    while isinstance(value, dict | list) and value and (not path or rng.random() < 0.9):
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        path.append(key)
        value = value[key]
    return path
