"""A face is drawn on the page, and the next run has it, aligned and grouped."""

import json
import shutil

import pytest

from grouping.cli.main import main
from tests.end_to_end.test_gallery_browser import (
    absent,
    browser,  # noqa: F401 - a fixture
    download,
    opener,
    pytestmark,  # noqa: F401 - skips without a browser
    reloaded,
    texts,
)
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.drawn import BOX, MISSING_IT, SIZE, missed_face_photo

OPTIONS = ["--min-face", str(MISSING_IT["min_face"]), "--no-crowds", "--workers", "0"]
UPRIGHT, TURNED = "far.jpg", "turned.jpg"
# Where a picture is once it is there and the page was laid out around it.
PLACE = """
const [picture, done] = arguments;
const place = () => { const r = picture.getBoundingClientRect(); done([r.x, r.y, r.width]); };
picture.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(place)));
"""


def group(folder):
    assert main(["group", str(folder / "photos"), "--out", str(folder / "out"), *OPTIONS]) == 0
    document = json.loads((folder / "out" / "groups.json").read_text("utf-8"))
    return {image["url"].rsplit("/", 1)[-1]: image for image in document["images"]}, document


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawing")
    (folder / "photos").mkdir()
    for number in (1, 3):
        name = f"president_obama_{number}.jpg"
        shutil.copy(PHOTOS / name, folder / "photos" / name)
    (folder / "photos" / UPRIGHT).write_bytes(missed_face_photo())
    (folder / "photos" / TURNED).write_bytes(missed_face_photo(orientation=6))
    images, document = group(folder)
    assert [len(images[name]["faces"]) for name in (UPRIGHT, TURNED)] == [0, 0]
    assert len(document["groups"]) == 1
    return folder


@pytest.fixture
def opened(browser, album):  # noqa: F811
    yield from opener(browser, album / "out" / "index.html")


def open_photo(browser, name):  # noqa: F811
    browser.find_element("css selector", f".photo[title='{name}']").click()
    browser.find_element("css selector", "#draw").click()
    return browser.find_element("css selector", ".stage.drawing img")


def close(browser):  # noqa: F811
    browser.find_element("xpath", "//button[text()='Close']").click()


def drag(browser, picture, box=BOX, kind="mouse"):  # noqa: F811
    """Drag over a box in pixels of the photo, whatever size it is shown in."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    at = browser.execute_async_script(PLACE, picture)
    points = [
        (at[0] + x * at[2] / SIZE[0], at[1] + y * at[2] / SIZE[0]) for x, y in (box[:2], box[2:])
    ]
    actions = ActionChains(browser, duration=20)
    pointer = actions.w3c_actions.add_pointer_input(kind, kind)
    assert isinstance(pointer, PointerInput)
    pointer.create_pointer_move(duration=0, x=round(points[0][0]), y=round(points[0][1]))
    pointer.create_pointer_down(button=0)
    pointer.create_pointer_move(duration=50, x=round(points[1][0]), y=round(points[1][1]))
    pointer.create_pointer_up(button=0)
    actions.w3c_actions.perform()


def resize(browser, width):  # noqa: F811
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.fixture
def sized(browser):  # noqa: F811
    yield lambda width: resize(browser, width)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("name", [UPRIGHT, TURNED])
@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_a_box_is_where_it_was_drawn(opened, sized, album, width, name, kind):
    browser = opened("without")  # noqa: F811
    sized(width)
    drag(browser, open_photo(browser, name), kind=kind)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    field = browser.switch_to.active_element
    assert field.get_attribute("class") == "draw-name"
    field.send_keys("Grandma\n")
    box = browser.find_element("css selector", ".box.drawn")
    assert box.text == "Grandma ✕"
    picture = browser.find_element("css selector", ".viewer .stage img").rect
    shown, scale = box.rect, picture["width"] / SIZE[0]
    close(browser)
    (entry,) = download(browser)["face"]
    assert entry["name"] == "Grandma"
    assert entry["file"] == name
    far = [abs(a - b) for a, b in zip(entry["box"], BOX, strict=True)]
    assert max(far) <= 1 / scale + 1  # a pixel of the screen
    # What is shown is what is written.
    x1, _, x2, _ = entry["box"]
    assert shown["x"] - picture["x"] == pytest.approx(x1 * scale, abs=2)
    assert shown["width"] == pytest.approx((x2 - x1) * scale, abs=2)
    browser.find_element("css selector", f".photo[title='{name}']").click()
    browser.find_element("css selector", ".box.drawn").click()  # takes it back
    assert absent(browser, ".box.drawn")
    assert not browser.find_element("css selector", "#changes").is_displayed()


def test_a_face_can_be_drawn_with_keys_alone(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser = opened("without")  # noqa: F811
    browser.find_element("css selector", f".photo[title='{UPRIGHT}']").send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys("d")
    stage = browser.switch_to.active_element
    assert "drawing" in stage.get_attribute("class")
    assert not browser.find_element("css selector", "#save-face").is_enabled()
    stage.send_keys(Keys.ARROW_RIGHT)  # the box appears
    for _ in range(10):
        stage.send_keys(Keys.ARROW_RIGHT)
    for _ in range(5):
        stage.send_keys(Keys.ARROW_DOWN)
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_LEFT * 4).key_up(
        Keys.SHIFT
    ).perform()
    stage.send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys("Ann", Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "draw"
    close(browser)
    (entry,) = download(browser)["face"]
    assert entry["box"] == [750, 400, 990, 700]


def test_escape_and_clicks_draw_nothing(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened("without")  # noqa: F811
    picture = open_photo(browser, UPRIGHT)
    drag(browser, picture, (500, 500, 502, 501))
    assert absent(browser, ".box.sketch")
    assert not browser.find_element("css selector", "#save-face").is_enabled()
    browser.find_element("css selector", ".stage").send_keys(Keys.ESCAPE)
    assert absent(browser, ".stage.drawing")
    assert browser.find_element("css selector", ".viewer").get_attribute("open") is not None
    browser.find_element("css selector", "#draw").send_keys(Keys.ESCAPE)
    assert browser.find_element("css selector", ".viewer").get_attribute("open") is None
    assert not browser.find_element("css selector", "#changes").is_displayed()


def test_a_drawn_face_survives_a_reload_and_follows_a_new_name(opened):
    browser = opened("without")  # noqa: F811
    drag(browser, open_photo(browser, UPRIGHT))
    assert "Person 000" in [
        option.get_attribute("value")
        for option in browser.find_elements("css selector", "#known-names option")
    ]
    browser.switch_to.active_element.send_keys("Person 000\n")
    close(browser)
    written = download(browser)
    assert "name" not in written["face"][0]
    (link,) = written["must_link"]
    assert link["faces"][1]["box"] == written["face"][0]["box"]
    opened("person/0").find_element("css selector", ".name-field").send_keys("Barack\n")
    written = download(browser)
    assert written["face"][0]["name"] == "Barack"
    assert "must_link" not in written
    browser = reloaded(opened("without"))
    browser.find_element("css selector", f".photo[title='{UPRIGHT}']").click()
    assert texts(browser, ".box.drawn") == ["Barack ✕"]


def test_the_next_run_has_the_face(opened, album):
    browser = opened("without")  # noqa: F811
    for name in (UPRIGHT, TURNED):
        drag(browser, open_photo(browser, name))
        browser.switch_to.active_element.send_keys("Person 000\n")
        close(browser)
    opened("person/0").find_element("css selector", ".name-field").send_keys("Barack\n")
    download(browser)
    shutil.copy(browser.downloads / "corrections.toml", album / "out" / "corrections.toml")
    images, document = group(album)
    (person,) = document["groups"]
    assert person["name"] == "Barack"
    assert len(person["image_ids"]) == 4
    landmarks = []
    for name in (UPRIGHT, TURNED):
        (face,) = images[name]["faces"]
        assert face["drawn"] is True
        assert face["group_idx"] == 0
        assert face["similarity"] > 0.6
        assert face["score"] > 0.9
        landmarks.append(face["landmarks"])
    assert all(
        abs(a - b) < 3 for p, q in zip(*landmarks, strict=True) for a, b in zip(p, q, strict=True)
    )
    assert document["corrections"] == []
    # The page of that run knows it, and says so again.
    browser = reloaded(opened("person/0"))
    assert (
        "4 photos (1 copy) · 4 faces" in browser.find_element("css selector", ".about-person").text
    )
    browser.find_element("css selector", f".photo[title='{UPRIGHT}'], [title='{TURNED}']").click()
    assert texts(browser, ".viewer .box") == ["Barack"]
    close(browser)
    browser.find_element("css selector", ".name-field").send_keys(" Obama\n")
    written = download(browser)
    assert len(written["face"]) == 2
    # Taken back as no face, it is gone from the next run, and from the copy of its photo.
    drawn = f".face:has([title='{UPRIGHT}'], [title='{TURNED}'])"
    browser.find_element("css selector", f"{drawn} .not[title='Not a face']").click()
    download(browser)
    shutil.copy(browser.downloads / "corrections.toml", album / "out" / "corrections (1).toml")
    images, document = group(album)
    assert sum(len(images[name]["faces"]) for name in (UPRIGHT, TURNED)) == 0
    assert document["groups"][0]["name"] == "Barack Obama"
    assert document["corrections"] == []
