"""Lists of people, on a real file system."""

import os
from pathlib import Path

import pytest

from grouping.errors import FetchError, InputError
from grouping.references import people_list
from grouping.references.people_list import left_out_line, load_people
from grouping.sources.file_kinds import LeftOut
from tests.helpers.photo_files.folders import touch


def names_and_photos(people):
    return {p.name: (p.id, [Path(photo.location).name for photo in p.photos]) for p in people}


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_folder_holds_a_folder_or_a_photo_a_person(tmp_path):
    touch(tmp_path, "Ada Lovelace/1.jpg", "Ada Lovelace/more/2.JPG", "Ada Lovelace/notes.txt")
    touch(tmp_path, "김민수.png", "Grace  Hopper.jpg", ".hidden.jpg", "@eaDir/x.jpg", "list.txt")
    (tmp_path / "empty").mkdir()
    assert names_and_photos(load_people(tmp_path)) == {
        "Ada Lovelace": (None, ["1.jpg", "2.JPG"]),
        "Grace Hopper": (None, ["Grace  Hopper.jpg"]),
        "김민수": (None, ["김민수.png"]),
    }


def test_a_photo_and_a_folder_of_one_name_are_one_person_however_it_is_composed(tmp_path):
    touch(tmp_path, "Zoe\u0308.jpg", "Zo\u00eb/a.jpg")  # as macOS and as Windows write it
    assert names_and_photos(load_people(tmp_path)) == {
        "Zo\u00eb": (None, ["Zoe\u0308.jpg", "a.jpg"])
    }


def test_a_table_names_photos_by_path_and_address(tmp_path):
    path = table(
        tmp_path,
        "\ufeffname,photo,id,class\nAda,a/1.jpg,7,x\nGrace,https://x.org/g.jpg,,\nAda,2.jpg,,\n",
    )
    people = load_people(path)
    assert names_and_photos(people) == {
        "Ada": ("7", ["1.jpg", "2.jpg"]),
        "Grace": (None, ["g.jpg"]),
    }
    assert people[0].photos[0].location == str(tmp_path / "a" / "1.jpg")
    with pytest.raises(FetchError):
        people[0].photos[0].read()  # found out when it is read, alone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,foto\nAda,1.jpg\n", "name and photo"),
        ("", "name and photo"),
        ("name,photo\n", "holds no photo"),
        ("name,photo\nAda,\n", "line 2 has no photo"),
        ("name,photo\n ,1.jpg\n", "line 2: a name"),
        ("name,photo\n" + "A" * 201 + ",1.jpg\n", "201"),
        ("name,photo\nA\x1bda,1.jpg\n", "visible"),
        ("name,photo,id\nAda,1.jpg,1\nAda,2.jpg,2\n", "two ids"),
        ("name,photo,id\nAda,1.jpg,1\nGrace,2.jpg,1\n", "id 1 is of Ada and of Grace"),
        ('name,photo\n"Ada,1.jpg\n', "CSV"),
    ],
)
def test_a_broken_table_is_one_line_that_says_where(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        load_people(table(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_other_encodings_pipes_and_what_is_no_list_are_refused(tmp_path):
    with pytest.raises(InputError, match="UTF-8"):
        load_people(table(tmp_path, "name,photo\nZoë,1.jpg\n", "latin-1"))
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a file"):
        load_people(tmp_path / "pipe.csv")
    (tmp_path / "people.txt").write_text("Zoë")
    with pytest.raises(InputError, match="lists no people"):
        load_people(tmp_path / "people.txt")
    for name in ("nothing there", "nothing there.csv"):
        with pytest.raises(InputError, match=f"{name} does not exist"):
            load_people(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no photo"):
        load_people(tmp_path / "empty")


def test_more_photos_than_a_list_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(people_list, "MOST_PHOTOS", 2)
    with pytest.raises(InputError, match="more than 2 photos"):
        load_people(table(tmp_path, "name,photo\n" + "Ada,1.jpg\n" * 3))


def test_somebody_who_is_wanted_has_a_photo(tmp_path):
    touch(tmp_path, "Ada/1.jpg", "Joe/clip.mp4", "Zoe\u0308.jpg")
    (tmp_path / "Zo\u00eb").mkdir()
    assert [person.name for person in load_people(tmp_path)] == ["Ada", "Zo\u00eb"]
    with pytest.raises(InputError, match=r"holds no photo of Joe; put one in"):
        load_people(tmp_path, everybody=True)
    (tmp_path / "Joe/clip.mp4").rename(tmp_path / "Joe/1.jpg")
    assert len(load_people(tmp_path, everybody=True)) == 3


def test_what_is_called_a_photo_and_cannot_be_read_is_not_passed_over(tmp_path):
    touch(tmp_path, "Ada.jpg")
    (tmp_path / "Joe.jpg").symlink_to(tmp_path / "nothing.jpg")
    os.mkfifo(tmp_path / "Zoe.jpg")
    _, joe, zoe = load_people(tmp_path)
    for person in (joe, zoe):
        with pytest.raises(FetchError):
            person.photos[0].read()


def test_what_is_no_photo_is_counted_and_named(tmp_path):
    touch(tmp_path, "Ada.jpg", "Grace.mp4", "Zoë/a.jpg", "Zoë/clip.mov", "Zoë/notes.txt")
    touch(tmp_path, ".DS_Store", "Thumbs.db")
    left_out = LeftOut()
    assert [one.name for one in load_people(tmp_path, left_out=left_out)] == ["Ada", "Zoë"]
    assert left_out.counts == {"video": 2, "other file": 1, "document": 1}
    (line,) = left_out_line(tmp_path, left_out)
    assert line.startswith(f"{tmp_path}: left out 2 videos, 1 other file, 1 document: Grace.mp4, ")
    assert "Zoë/clip.mov" in line
    assert left_out_line(tmp_path, LeftOut()) == []
    only = tmp_path / "only"
    touch(only, "Ada.mp4")
    with pytest.raises(InputError, match=r"of anybody \(left out: 1 video\); put one in"):
        load_people(only)


@pytest.mark.parametrize("name", ["Joe.mp4", "Joe.pdf", "Joe.psd", "photos.zip"])
def test_a_file_that_may_stand_for_somebody_who_opted_out_is_not_passed_over(tmp_path, name):
    """Whoever put it there believes that Joe is left out."""
    touch(tmp_path, "Ada.jpg", "Ada.mp4", "Ada.xmp", "Thumbs.db")  # Ada has a photo too
    assert len(load_people(tmp_path, everybody=True)) == 1
    touch(tmp_path, name)
    with pytest.raises(InputError, match=f"{name} is an? .* nobody would be left out for it"):
        load_people(tmp_path, everybody=True)
    assert len(load_people(tmp_path)) == 1
