"""An album is asked by vectors: the answer, or the reason for nobody."""

import json
from hashlib import sha256

import numpy as np
import pytest

from grouping import AlbumIndex, ConfigError
from grouping.corrections.toml_file import load_corrections
from grouping.lookup.ask import ask
from grouping.lookup.selfies import Selfie
from grouping.storage.cache import Cache
from tests.helpers.results.lookup import write_vectors
from tests.helpers.vectors import face_set, unit

PEOPLE, EACH, ALONE = 12, 4, 30
DIM = 512


def made():
    """Twelve people in four photos each, two a photo; thirty faces in photos of their own."""
    chance = np.random.default_rng(0)
    centres = unit(chance.standard_normal((PEOPLE, DIM)))
    person = np.concatenate([np.tile([2 * p, 2 * p + 1], EACH) for p in range(PEOPLE // 2)])
    noise = unit(chance.standard_normal((len(person), DIM)))
    vectors = unit(0.8 * centres[person] + 0.6 * noise)
    alone = unit(chance.standard_normal((ALONE, DIM)))
    photo = np.concatenate([np.arange(len(person)) // 2, len(person) // 2 + np.arange(ALONE)])
    labels = np.concatenate([person, np.full(ALONE, -1)])
    return face_set(np.concatenate([vectors, alone]), photo), labels, centres


FACES, LABELS, CENTRES = made()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return AlbumIndex.open(write_vectors(tmp_path_factory.mktemp("album"), FACES, LABELS))


@pytest.fixture
def folder(tmp_path):
    return write_vectors(tmp_path / "album", FACES, LABELS)


def selfie(vector, name="me.jpg", **what):
    return Selfie(name, np.asarray(vector, np.float32), 1.0, **what)


def near(a, share, seed=3):
    """A vector of cosine ``share`` to ``a``, and not especially like anybody else."""
    b = unit(np.random.default_rng(seed).standard_normal((1, DIM)))[0]
    rest = unit((b - (a @ b) * a)[None])[0]
    return (share * a + np.sqrt(1 - share**2) * rest).astype(np.float32)


def test_the_photos_are_those_of_the_group_the_most_similar_first(index):
    found = ask(index, [selfie(CENTRES[5])])
    rows = np.flatnonzero(LABELS == 5)
    cosines = FACES.embeddings[rows] @ CENTRES[5]
    order = rows[np.argsort(-cosines)]
    assert found.person.group_idx == 5
    assert [photo.face_idx for photo in found.photos] == order.tolist()
    assert [p.similarity for p in found.photos] == pytest.approx(np.sort(cosines)[::-1], abs=1e-5)
    for photo, row in zip(found.photos, order, strict=True):
        assert photo.id == f"photo-{FACES.photo_index[row]}"
        assert photo.url == f"/album/{FACES.photo_index[row]}.jpg"
        assert photo.box == pytest.approx(FACES.boxes[row], abs=0.01)
        assert photo.in_group
    assert found.reason == ""
    assert found.false_matches.pairs.of == len(LABELS[LABELS >= 0]) // 2


def test_a_face_in_no_group_is_an_answer_of_its_own(index):
    found = ask(index, [selfie(FACES.embeddings[-3])])
    assert found.person is None
    assert [(p.face_idx, p.in_group) for p in found.photos] == [(len(FACES) - 3, False)]
    assert found.similarity == pytest.approx(1)


def test_nobody_is_told_how_far_away_it_was(index):
    found = ask(index, [selfie(near(CENTRES[2], 0.3))])
    assert not found.found
    assert found.photos == ()
    assert found.similarity < found.needed
    assert found.reason == f"nobody alike enough: {found.similarity:.2f} of {found.needed:.2f}"


def test_a_blurred_selfie_is_said_where_it_finds_nobody_and_used_where_it_does(index):
    stranger = near(CENTRES[2], 0.3)
    assert ask(index, [selfie(stranger, weakness="too blurred")]).reason.startswith("too blurred; ")
    assert ask(index, [selfie(CENTRES[2], weakness="too blurred")]).found


@pytest.mark.parametrize(
    ("problems", "reason"),
    [
        (["two faces"], "two faces"),
        (["no face", "not an image"], "a0: no face; a1: not an image"),
        ([], "no selfie"),
    ],
)
def test_selfies_that_cannot_be_used(index, problems, reason):
    found = ask(index, [Selfie(f"a{k}", problem=said) for k, said in enumerate(problems)])
    assert (found.reason, found.found, found.false_matches) == (reason, False, None)


def test_several_selfies_find_what_none_does_alone(index):
    poor = [near(CENTRES[7], 0.3, seed) for seed in range(100, 106)]
    single = [ask(index, [selfie(vector)]).found for vector in poor]
    together = ask(index, [selfie(vector, f"{k}.jpg") for k, vector in enumerate(poor)])
    assert not any(single)
    assert together.person.group_idx == 7


def test_a_better_selfie_counts_more(index):
    good, bad = near(CENTRES[7], 0.95), near(CENTRES[7], 0.5, seed=4)
    equal = ask(index, [Selfie("a", good, 1.0), Selfie("b", bad, 1.0)])
    weighted = ask(index, [Selfie("a", good, 1.0), Selfie("b", bad, 0.1)])
    assert weighted.person.similarity > equal.person.similarity


def test_selfies_of_two_people_are_said_and_answer_nobody(index):
    found = ask(index, [selfie(CENTRES[1], "a.jpg"), selfie(CENTRES[4], "b.jpg")])
    assert not found.found
    assert found.reason == (
        "the selfies show different people: a.jpg is Person 001, b.jpg is Person 004"
    )


def test_a_selfie_of_somebody_else_is_left_out_and_said(index):
    other = unit(np.random.default_rng(8).standard_normal((1, DIM)))[0]
    found = ask(index, [selfie(other, "other.jpg"), selfie(CENTRES[4], "me.jpg")])
    assert found.person.group_idx == 4
    assert found.person.similarity == pytest.approx(ask(index, [selfie(CENTRES[4])]).similarity)
    assert any("other.jpg: left out, it does not show Person 004" in r for r in found.remarks)


def test_selfies_that_find_nobody_and_are_unlike_are_said(index):
    a, b = unit(np.random.default_rng(8).standard_normal((2, DIM)))
    found = ask(index, [selfie(a, "a.jpg"), selfie(b, "b.jpg")])
    assert not found.found
    assert any("a.jpg and b.jpg may be two people" in remark for remark in found.remarks)


def test_one_that_cannot_be_used_does_not_keep_the_others_from_it(index):
    found = ask(index, [Selfie("a.jpg", problem="no face"), selfie(CENTRES[4])])
    assert found.found
    assert "a.jpg: left out, no face" in found.remarks


def test_fewer_false_matches_need_more_likeness(index):
    vector = near(CENTRES[4], 0.6)
    usual, strict = ask(index, [selfie(vector)]), ask(index, [selfie(vector)], 1e-6)
    assert strict.needed > usual.needed
    assert (usual.found, strict.found) == (True, False)


@pytest.mark.parametrize("wrong", [0, 1, -0.1, float("nan"), True, "0.1"])
def test_what_may_be_allowed(index, wrong):
    with pytest.raises(ConfigError, match="share of false matches"):
        ask(index, [selfie(CENTRES[4])], wrong)


def test_forgotten_photos_are_still_told_and_said_to_have_no_vector(folder):
    gone = int(np.flatnonzero(LABELS == 4)[0])
    with Cache.open(folder / "cache.sqlite") as cache:
        digest = sha256(b"%d" % FACES.photo_index[gone]).hexdigest()
        cache._run(
            lambda connection: connection.execute(
                "DELETE FROM embeddings WHERE sha256 = ?", (digest,)
            ),
            None,
        )
    found = ask(AlbumIndex.open(folder), [selfie(CENTRES[4])])
    assert len(found.photos) == EACH
    assert [photo.face_idx for photo in found.photos if photo.similarity is None] == [gone]
    assert any(
        "no vector of 2 faces of the album (2 as after forget)" in remark
        for remark in found.remarks
    )
    json.dumps(found.as_dict())
    document = json.loads((folder / "groups.json").read_text())
    document["images"][int(FACES.photo_index[gone])]["opted_out"] = 1
    (folder / "groups.json").write_text(json.dumps(document))
    said = ask(AlbumIndex.open(folder), [selfie(CENTRES[4])]).remarks
    assert any("(2 beside somebody who opted out)" in remark for remark in said)


def corrections(folder, text, *rows):
    faces = [
        f'{{ photo = "{sha256(b"%d" % FACES.photo_index[row]).hexdigest()}", '
        f"box = {FACES.boxes[row].astype(float).tolist()} }}"
        for row in rows
    ]
    path = folder / "corrections.toml"
    path.write_text(f"version = 1\n[[{text}]]\nfaces = [{', '.join(faces)}]\n")
    assert load_corrections(path)


def test_a_face_that_is_to_be_ignored_is_not_found(folder):
    last = len(FACES) - 1
    assert ask(AlbumIndex.open(folder), [selfie(FACES.embeddings[last])]).found
    corrections(folder, "ignore", last)
    assert not ask(AlbumIndex.open(folder), [selfie(FACES.embeddings[last])]).found


def test_a_face_that_a_person_kept_apart_from_the_group_is_not_theirs(tmp_path):
    faces, labels = FACES[:], LABELS.copy()
    own = np.flatnonzero(LABELS == 6)
    labels[own[0]] = -1
    folder = write_vectors(tmp_path / "apart", faces, labels)
    before = ask(AlbumIndex.open(folder), [selfie(CENTRES[6])])
    assert own[0] in [photo.face_idx for photo in before.photos if not photo.in_group]
    corrections(folder, "cannot_link", own[0], own[1])
    after = ask(AlbumIndex.open(folder), [selfie(CENTRES[6])])
    assert sorted(photo.face_idx for photo in after.photos) == own[1:].tolist()


def test_an_album_without_faces(tmp_path):
    empty = write_vectors(tmp_path / "empty", FACES[:0], LABELS[:0])
    found = ask(AlbumIndex.open(empty), [selfie(CENTRES[4])])
    assert found.reason == "the album has no faces"


def test_the_answer_is_json_and_short_enough_to_hold_no_vector(index):
    assert len(json.dumps(ask(index, [selfie(CENTRES[5])]).as_dict())) < 2 * DIM * 3
