import json
import re
from hashlib import sha256

import pytest

from grouping.report.gallery import gallery_data, gallery_page
from grouping.report.report import write_report
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from grouping.results.schema import OPTED_OUT
from tests.helpers.results.album import album, with_copies
from tests.helpers.results.gallery import gallery_album


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    result, open_photo = gallery_album()
    out = tmp_path_factory.mktemp("report")
    write_report(result, out, open_photo, plots=False)
    return out / "index.html"


def embedded(text: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_hostile_text_cannot_leave_the_data(page):
    text = page.read_text("utf-8")
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert text.count("<script") == text.count("</script") == 2
    assert not set(data) & set("<>&\u2028\u2029")
    assert data.isascii()
    assert embedded(text)["photos"][-1]["problem"].startswith("broken </script><img")


def test_the_policy_allows_this_script_and_style_and_nothing_else(page):
    from base64 import b64encode

    text = page.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "http" not in policy
    for kind, tag in (("script-src", "<script>"), ("style-src", "<style>")):
        inside = text.split(tag)[1].split(f"</{tag[1:]}")[0]
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


def test_the_page_loads_nothing_by_address(page):
    text = page.read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', text.split("<script type")[0])
    assert "@import" not in text
    assert "url(" not in text


def test_two_thousand_photos_stay_below_three_megabytes(tmp_path):
    few, _ = album([[-1, -1, -1]] * 20)
    result = dict(few, images=[dict(few["images"][i % 20]) for i in range(2000)])
    for i, image in enumerate(result["images"]):
        image["faces"] = [dict(f, face_idx=3 * i + j) for j, f in enumerate(image["faces"])]
    page = gallery_page(Album(result), Thumbnails(Album(result), lambda i: b"", tmp_path))
    assert len(embedded(page)["faces"]) == 6000
    assert len(page.encode()) < 3_000_000


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("relative/photo.jpg", None),
        ("https://example.org/a.jpg", "https://example.org/a.jpg"),
        ("/a b/김#?.jpg", "file:///a%20b/%EA%B9%80%23%3F.jpg"),
        (None, None),
    ],
)
def test_only_addresses_that_show_a_photo_become_links(tmp_path, url, link):
    result, open_photo = album([[0], [0]])
    result["images"][0]["url"] = url
    data = gallery_data(Album(result), Thumbnails(Album(result), open_photo, tmp_path))
    assert data["photos"][0].get("link") == link


def test_a_result_without_plots_or_ids_has_a_page(tmp_path):
    result, open_photo = album([[0], [0]])
    del result["plots"], result["merge_suggestions"]
    for key in ("group_id", "name", "purity"):
        del result["groups"][0][key]
    write_report(result, tmp_path, open_photo)
    assert embedded((tmp_path / "index.html").read_text("utf-8"))["map"]["face"] == []


def test_people_who_seem_children_are_told_to_the_page(tmp_path):
    result, open_photo = album([[0, 1], [0, 1], [2], [2]])
    seems = {"age_range": [6.0, 9.0], "gender": "male", "gender_agreement": 1.0, "faces": 2}
    result["groups"][0]["attributes"] = {**seems, "age": 7.6, "seems_child": True}
    result["groups"][1]["attributes"] = {**seems, "age": 40.2, "seems_child": False}
    shown = Album(result)
    data = gallery_data(shown, Thumbnails(shown, open_photo, tmp_path))
    assert [person["childOf"] for person in data["people"]] == [8, None, None]


def test_how_many_opted_out_is_said_and_nothing_that_tells_who(tmp_path):
    result, open_photo = album([[0], [0], [1], [1]])
    result["images"][2]["opted_out"] = 2
    result["images"][2]["warnings"] = ["the file is truncated", f"2 faces {OPTED_OUT}"]
    thumbnails = Thumbnails(Album(result), open_photo, tmp_path)
    data = gallery_data(Album(result), thumbnails)
    assert data["optedOut"] == 2
    assert [photo.get("remark") for photo in data["photos"]] == [
        *(None, None, "the file is truncated", None)
    ]
    assert data["lookUp"] is False
    shown = gallery_data(Album(result), thumbnails, look_up=True)
    assert (shown["lookUp"], shown["optedOut"]) == (True, 0)


def test_what_is_not_so_is_left_out_and_the_number_nought_is_not(tmp_path):
    result, open_photo = album([[0], [0]])
    with_copies(result, {1: 0})
    result["images"].append(dict(result["images"][1], width=0, sha256=None, faces=[]))
    photos = gallery_data(Album(result), Thumbnails(Album(result), open_photo, tmp_path))["photos"]
    assert set(photos[0]) == {"name", "w", "h", "sha256", "link"}
    assert photos[1]["copyOf"] == 0
    assert photos[2]["w"] == 0
    assert photos[2]["key"] == "photo-000002"
