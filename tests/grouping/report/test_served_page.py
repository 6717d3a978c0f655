import json
import re

import pytest

from grouping.errors import InputError
from grouping.report.gallery import gallery_page
from grouping.report.served_page import served_page
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from tests.helpers.results.gallery import gallery_album

PHOTOS = 11


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    result, open_photo = gallery_album()
    result["images"][0]["url"] = "/srv/data/albums/x/uploads/0123"
    result["images"][1]["url"] = "https://example.org/1.jpg?a=1"
    result["images"][2]["url"] = "s3://bucket/2.jpg"
    thumbnails = Thumbnails(Album(result), open_photo, tmp_path_factory.mktemp("thumbs"))
    thumbnails.prepare()
    return gallery_page(Album(result), thumbnails)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">([^<]*)</script>', page)[1])


def served(page):
    names = [f"DSC_{n:04}" for n in range(PHOTOS)]
    return served_page(page, corrections="corrections", photos="photos", names=names)


def test_the_page_says_where_corrections_are_saved(page):
    assert '<meta name="corrections" content="corrections">' in served(page).text
    assert 'name="corrections"' not in page.partition("<body>")[0]


def test_the_policy_is_a_header_and_allows_the_script_of_the_page_and_its_own_service(page):
    answer = served(page)
    assert "Content-Security-Policy" not in answer.text
    parts = dict(part.strip().split(" ", 1) for part in answer.policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["connect-src"] == "'self'"
    assert parts["frame-ancestors"] == "'none'"
    assert parts["img-src"] == "'self' data:"
    script = re.search(r"'sha256-[^']+'", parts["script-src"])[0]
    assert script in page
    assert "unsafe" not in answer.policy


def test_no_path_of_the_server_is_in_it_and_originals_are_beside_it(page):
    before, after = data_of(page), data_of(served(page).text)
    assert before["photos"][0]["link"] == "file:///srv/data/albums/x/uploads/0123"
    links = [photo.get("link") for photo in after["photos"]]
    assert links[:3] == ["photos/0", "https://example.org/1.jpg?a=1", "photos/2"]
    assert links[-1] is None  # the one that failed
    assert "/srv/" not in served(page).text
    assert "file:" not in json.dumps(links)


def test_uploads_are_called_as_their_owner_calls_them(page):
    before, after = data_of(page)["photos"], data_of(served(page).text)["photos"]
    assert len(before) == PHOTOS
    assert (before[0]["name"], after[0]["name"]) == ("0123", "DSC_0000")
    assert [p["name"] for p in after[1:3]] == [p["name"] for p in before[1:3]]


def test_without_a_place_for_corrections_the_page_offers_none(page):
    answer = served_page(page, corrections=None, photos="photos", names=[""] * PHOTOS)
    assert 'name="corrections"' not in answer.text.partition("<body>")[0]


def test_a_page_of_other_photos_is_refused(page):
    with pytest.raises(InputError, match="damaged"):
        served_page(page, corrections=None, photos="photos", names=["one"])


def test_all_else_is_as_it_was(page):
    before, after = data_of(page), data_of(served(page).text)
    for photo in (*before["photos"], *after["photos"]):
        photo.pop("link", None)
        photo.pop("name")
    assert after == before
    assert served(page).text.isascii() == page.isascii()
    assert served(page).text.count("<script") == page.count("<script")


@pytest.mark.parametrize("text", ["", "<html></html>", "x" * 1000])
def test_what_is_no_page_of_ours_is_refused(text):
    with pytest.raises(InputError, match="damaged"):
        served(text)


def test_damaged_data_is_refused(page):
    with pytest.raises(InputError, match="damaged"):
        served(re.sub(r'(id="data">)[^<]*', r"\1{", page))
