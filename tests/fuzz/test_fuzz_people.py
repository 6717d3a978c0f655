"""Tables of people and of people who opted out: photos of people, or one line with its place."""

from grouping.errors import InputError
from grouping.references.people_list import LONGEST_NAME, load_people
from tests.helpers.fuzzing import assert_one_line, damaged, fuzz, short_and_long

TABLE = """name,photo,id
Ada Lovelace,https://a.example/ada.jpg,7
"Hopper, Grace",s3://bucket/grace.jpg,
김민수,photos/kim.jpg,x
Ada Lovelace,https://a.example/ada 2.jpg,
"""
TABLES = [TABLE.encode(), TABLE.encode("utf-8-sig"), TABLE.replace(",", ";").encode()]
WORDS = [
    *(b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"name,photo\n", b",,,,,,,"),
    *(b"A" * 5000, b"http://[bad", b"file://", b"../..", b"\xe2\x80\xae", b"=1+1"),
]


@short_and_long
def test_damaged_tables_are_people_or_refused(cases, tmp_path):
    path = tmp_path / "people.csv"

    def check(data):
        path.write_bytes(data)
        try:
            people = load_people(path)
        except InputError as error:
            assert_one_line(error)
            return "refused"
        assert len({person.name for person in people}) == len(people)
        for person in people:
            assert person.photos
            assert 0 < len(person.name) <= LONGEST_NAME
            assert person.name == person.name.strip()
            assert not set("\n\r\0\u202e") & set(person.name)
            assert [photo.location.encode() for photo in person.photos]
        return "people"

    fuzz(cases, check, "people", "refused", data=damaged(TABLES, WORDS))
