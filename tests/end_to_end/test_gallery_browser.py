import json
import re
import shutil
import time
import tomllib

import pytest

from grouping.corrections.toml_file import load_corrections
from grouping.report.report import write_page, write_report
from tests.helpers.results.album import album, with_copies
from tests.helpers.results.gallery import gallery_album

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
STORED = "return JSON.stringify(Object.entries(localStorage).sort())"
MATCHING = """
const [selector, done] = arguments;
const count = () => done(document.querySelectorAll(selector).length);
requestAnimationFrame(() => requestAnimationFrame(count));
"""
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver is installed"
)


@pytest.fixture(scope="module")
def album_shown():
    return gallery_album()


@pytest.fixture(scope="module")
def page(album_shown, tmp_path_factory):
    result, open_photo = album_shown
    out = tmp_path_factory.mktemp("report")
    write_report(result, out, open_photo, plots=False)
    return out / "index.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
    ):
        options.add_argument(f"--{flag}")
    folder = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.downloads = folder
    driver.implicitly_wait(3)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page_with_copies(tmp_path_factory):
    """Photos 1 and 4 are copies of photo 0, photo 6 of photo 5, in which nobody is."""
    result, open_photo = album([[0, 1], [0, 1], [0, 1], [0, -1], [0, -1], [], []])
    out = tmp_path_factory.mktemp("copies")
    write_report(with_copies(result, {1: 0, 4: 0, 6: 5}), out, open_photo, plots=False)
    return out / "index.html"


@pytest.fixture
def opened(browser, page):
    """Open a section of the page; nothing may be logged or fetched by the network."""
    yield from opener(browser, page)


@pytest.fixture
def opened_with_copies(browser, page_with_copies):
    yield from opener(browser, page_with_copies)


def opener(browser, page):
    browser.get(page.as_uri())
    reloaded(browser, with_nothing_stored=True)

    def go(section: str = "people"):
        browser.get(f"{page.as_uri()}#/{section}")
        return browser

    yield go
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    assert fetched(browser) == set()


def reloaded(browser, with_nothing_stored=False):
    """The page anew, with what it had stored, or nothing.

    A busy Chromium may show a page that is loaded again within milliseconds, as no person
    does, what was stored before the last change.
    """
    for _ in range(40):
        if with_nothing_stored:
            browser.execute_script("localStorage.clear()")
        stored = browser.execute_script(STORED)
        time.sleep(0.05)
        browser.refresh()
        if browser.execute_script(STORED) == stored:
            return browser
    raise AssertionError("the page never finds what it stored")


def fetched(browser) -> set[str]:
    """Schemes other than file, data and blob that were asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m for m in messages if m["method"] == "Network.requestWillBeSent"]
    urls = [m["params"]["request"]["url"] for m in sent]
    return {url for url in urls if url.split(":")[0] not in ("file", "data", "blob")}


def texts(browser, selector: str) -> list[str]:
    return [element.text for element in browser.find_elements("css selector", selector)]


def absent(browser, selector: str) -> bool:
    """Whether nothing matches; ``find_elements`` would wait for it in vain."""
    return matching(browser, selector) == 0


def matching(browser, selector: str) -> int:
    """How many elements match once what was done before is on the screen."""
    return browser.execute_async_script(MATCHING, selector)


def download(browser) -> dict:
    target = browser.downloads / "corrections.toml"
    target.unlink(missing_ok=True)
    browser.find_element("css selector", "#download").click()
    for _ in range(100):
        if target.exists():
            return tomllib.loads(target.read_text("utf-8"))
        time.sleep(0.1)
    raise AssertionError("nothing was downloaded")


def face(result: dict, idx: int) -> dict:
    for image in result["images"]:
        for found in image["faces"]:
            if found["face_idx"] == idx:
                return {"photo": image["sha256"], "box": [round(v) for v in found["box"]]}
    raise KeyError(idx)


def press(browser, label: str) -> None:
    """Press the first button of this label on a face."""
    browser.find_element("css selector", f".face .not[title='{label}']").click()


def refer(entry: dict) -> list[dict]:
    return [{"photo": f["photo"], "box": f["box"]} for f in entry["faces"]]


def test_the_page_shows_the_people_and_the_counts(opened):
    browser = opened()
    names = browser.find_elements("css selector", ".card .name")
    assert [n.get_attribute("value") or n.get_attribute("placeholder") for n in names] == [
        "Person 000",
        "Grandma",
        "Person 002",
        "Person 003",
    ]
    assert texts(browser, ".card .small")[:2] == ["5 photos · 5 faces", "3 photos · 3 faces"]
    assert "Since the run before: 1 new, 1 grown." in texts(browser, "p.lead")
    assert [bool(new) for new in texts(browser, ".card .new")] == [True]
    assert texts(browser, "nav a")[:6] == [
        "People4",
        "Review1",
        "Together",
        "Strangers1",
        "No faces1",
        "Failures1",
    ]
    broken = "return [...document.images].filter(i => !i.hasAttribute('alt') || !i.naturalWidth)"
    assert browser.execute_script(broken) == []


def test_a_persons_photos_have_the_face_framed(opened):
    browser = opened("person/1")
    assert len(browser.find_elements("css selector", ".photo")) == 3
    photo = browser.find_element("css selector", ".photo").rect
    frame = browser.find_element("css selector", ".photo .frame").rect
    # Grandma's face in the first photo: x 110..170 of 400, y 100..160 of 300.
    assert (frame["x"] - photo["x"]) / photo["width"] == pytest.approx(110 / 400, abs=0.02)
    assert frame["width"] / photo["width"] == pytest.approx(60 / 400, abs=0.03)
    assert texts(browser, ".chips .chip") == ["Person 000 · 2 photos", "Person 002 · 1 photo"]


def test_the_viewer_names_everybody_in_the_photo_and_leads_to_them(opened):
    browser = opened("person/0")
    browser.find_element("css selector", ".photo").click()
    boxes = browser.find_elements("css selector", ".viewer .stage > .box")
    assert [box.text for box in boxes] == ["Person 000", "Grandma"]
    stage = browser.find_element("css selector", ".viewer .stage")
    assert stage.text.splitlines() == ["Person 000", "Grandma"]
    picture = stage.find_element("css selector", "img").rect
    assert boxes[1].rect["x"] - picture["x"] == pytest.approx(110 / 400 * picture["width"], abs=3)
    assert boxes[1].rect["y"] - picture["y"] == pytest.approx(100 / 300 * picture["height"], abs=3)
    boxes[1].click()
    assert browser.current_url.endswith("#/person/1")


@pytest.mark.parametrize(
    ("section", "selector", "number"),
    [
        ("strangers", ".face", 1),
        ("without", ".photo", 1),
        ("failures", ".failures li", 2),
        ("together", ".pair", 3),
        ("pair/0/1", ".photo", 2),
        ("map", ".map canvas", 1),
    ],
)
def test_every_section_shows_what_it_promises(opened, section, selector, number):
    assert len(opened(section).find_elements("css selector", selector)) == number


def test_review_begins_with_suggestions_and_the_least_pure_group(opened):
    browser = opened("review")
    panels = browser.find_elements("css selector", ".panel")
    evidence = "similarity 0.37 · closest two faces 0.71, shown first · both in 2 photos"
    assert evidence in panels[0].text
    order = [panel.find_element("css selector", ".chip").text for panel in panels[1:]]
    assert order == ["Person 002", "Person 003", "Grandma", "Person 000"]


def test_naming_merging_and_rejecting_make_a_corrections_file(opened, album_shown):
    result, _ = album_shown
    browser = opened("person/2")
    field = browser.find_element("css selector", ".name-field")
    field.send_keys('Tom "T" \\ 김😀\n')
    press(browser, "Not this person")
    opened("review").find_element("xpath", "//button[text()='Same person']").click()
    assert texts(browser, "nav a")[0] == "People3"
    written = download(browser)
    assert written["version"] == 1
    tom, grandma = sorted(written["person"], key=lambda entry: -len(entry["name"]))
    assert tom["name"] == 'Tom "T" \\ 김😀'
    assert grandma["name"] == "Grandma"
    two = result["groups"][2]["face2_idx_list"]
    assert refer(tom) == [face(result, idx) for idx in two[1:]]
    (merged,) = written["must_link"]
    together = result["groups"][0]["face2_idx_list"] + result["groups"][3]["face2_idx_list"]
    assert refer(merged) == [face(result, idx) for idx in together]
    (apart,) = written["cannot_link"]
    assert refer(apart) == [face(result, two[0]), face(result, two[1])]


def test_the_program_reads_the_corrections_file(opened):
    field = opened("person/0").find_element("css selector", ".name-field")
    field.send_keys("👩\u200d👧 Ann\u00a0'B'\n")
    press(opened("person/2"), "Not this person")
    browser = opened("review")
    browser.find_element("xpath", "//button[text()='Different people']").click()
    download(browser)
    entries = load_corrections(browser.downloads / "corrections.toml")
    assert sorted(entry.kind for entry in entries) == [
        *("cannot_link", "cannot_link", "person", "person")
    ]
    assert {entry.name for entry in entries if entry.name} == {"👩\u200d👧 Ann 'B'", "Grandma"}


def test_faces_and_people_left_out_are_ignored_on_the_next_run(opened, album_shown):
    result, _ = album_shown
    browser = opened("person/1")
    press(browser, "Not this person")
    press(browser, "Take back")
    press(browser, "Not a face")
    assert "2 photos · 2 faces" in texts(opened("people"), ".card .small")
    browser = opened("person/3")
    browser.find_element("css selector", "#leave-out").click()
    assert browser.find_element("css selector", "#leave-out").text == "Take back"
    cards = texts(opened("people"), ".card .small")
    assert [text for text in cards if text.startswith("left out")] == [cards[-1]]
    written = download(browser)
    reasons = {entry["reason"]: refer(entry) for entry in written["ignore"]}
    groups = result["groups"]
    assert reasons == {
        "not a face": [face(result, groups[1]["face2_idx_list"][0])],
        "stranger": [face(result, idx) for idx in groups[3]["face2_idx_list"]],
    }
    assert "cannot_link" not in written
    entries = load_corrections(browser.downloads / "corrections.toml")
    assert sorted(entry.kind for entry in entries) == ["ignore", "ignore", "person"]
    browser = opened("person/3")
    browser.find_element("css selector", "#leave-out").click()  # "Take back" by now
    assert len(download(browser)["ignore"]) == 1


def test_a_group_of_which_every_face_is_somebody_else_is_left_out(opened, album_shown):
    result, _ = album_shown
    browser = opened("person/3")
    members = result["groups"][3]["face2_idx_list"]
    for _ in members:
        press(browser, "Not this person")
    (entry,) = download(browser)["ignore"]
    assert refer(entry) == [face(result, idx) for idx in members]
    assert "left out" in texts(opened("people"), ".card .small")[-1]


def test_a_name_that_is_cleared_goes_back_to_what_the_program_was_told(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened("person/1")
    for text, shown in (("Granny", "Granny"), (Keys.BACKSPACE, "Grandma")):
        field = browser.find_element("css selector", ".name-field")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, Keys.ENTER)
        value = browser.find_element("css selector", ".name-field").get_attribute("value")
        assert value == shown
    assert not browser.find_element("css selector", "#changes").is_displayed()


def test_changes_survive_a_reload_and_can_be_dropped(opened):
    browser = opened("people")
    browser.find_element("css selector", ".card .name").send_keys("Ann\n")
    browser = opened("people")
    assert browser.find_element("css selector", ".card .name").get_attribute("value") == "Ann"
    assert browser.find_element("css selector", "#changes span").text == "1 change"
    browser.find_element("xpath", "//button[text()='Drop']").click()
    browser.switch_to.alert.accept()
    assert browser.find_element("css selector", ".card .name").get_attribute("value") == ""


def test_merging_by_the_picker_and_undoing_it(opened):
    browser = opened("person/2")
    browser.find_element("css selector", "#merge").click()
    browser.find_element("css selector", ".picker .choice:nth-child(2)").click()
    assert "5 photos · 6 faces" in browser.find_element("css selector", ".about-person").text
    browser.find_element("xpath", "//button[starts-with(text(),'Undo merge')]").click()
    assert "3 photos" in browser.find_element("css selector", ".about-person").text


def test_the_page_works_from_the_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    body = browser.find_element("css selector", "body")
    body.send_keys("/")
    assert browser.switch_to.active_element.get_attribute("id") == "search"
    browser.switch_to.active_element.send_keys("grandma")
    assert len(browser.find_elements("css selector", ".card")) == 1
    browser.execute_script("arguments[0].focus()", browser.find_element("css selector", ".card a"))
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.current_url.endswith("#/person/1")
    first = browser.find_element("css selector", ".photo")
    browser.execute_script("arguments[0].focus()", first)
    first.send_keys(Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element == browser.find_elements("css selector", ".photo")[1]
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.find_element("css selector", ".viewer figcaption").text.endswith("2 of 3")
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("css selector", ".viewer figcaption").text.endswith("3 of 3")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert browser.find_element("css selector", ".viewer").get_attribute("open") is None


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_the_layout_holds(opened, width):
    browser = opened()
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    overflow = """return [document.documentElement.scrollWidth > innerWidth,
        ...[...document.querySelectorAll('main *, .top')].filter(
        e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)]"""
    try:
        for section in ("people", "person/0", "review", "together", "failures", "map"):
            assert opened(section).execute_script(overflow) == [False], section
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_hostile_names_are_shown_as_text(opened, page):
    browser = opened("failures")
    assert "<img src=x onerror" in browser.find_element("css selector", ".failures li").text
    field = opened("person/0").find_element("css selector", ".name-field")
    field.send_keys("<b>&amp;</b>\n")
    browser = opened("together")
    assert "<b>&amp;</b> and Grandma" in browser.find_element("css selector", ".pair").text
    assert browser.execute_script("return window.hacked") is None


def test_dark_and_light(opened):
    browser = opened()
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.execute_script(colour)
    browser.find_element("css selector", "#theme").click()
    after = browser.execute_script(colour)
    light = {before, after} - {"rgb(19, 19, 24)"}
    assert light == {"rgb(251, 251, 253)"}


def test_pointing_at_the_map_shows_the_face(opened):
    from selenium.webdriver.common.action_chains import ActionChains

    browser = opened("map")
    canvas = browser.find_element("css selector", ".map canvas")
    # The leftmost dot lies on the margin; walk down it.
    for y in range(-int(canvas.rect["height"] / 2) + 5, int(canvas.rect["height"] / 2) - 5, 9):
        ActionChains(browser, duration=0).move_to_element_with_offset(
            canvas, -int(canvas.rect["width"] / 2) + 36, y
        ).perform()
        if browser.execute_script("return !document.querySelector('.hint').hidden"):
            break
    assert re.search(
        r"Person \d|Grandma|no group", browser.find_element("css selector", ".hint").text
    )


def test_a_copy_is_folded_behind_its_original_and_comes_out(opened_with_copies):
    browser = opened_with_copies()
    assert texts(browser, ".card .small") == [
        "5 photos (2 copies) · 5 faces",
        "3 photos (1 copy) · 3 faces",
    ]
    browser = opened_with_copies("person/0")
    names = "return [...document.querySelectorAll('.photo')].map(photo => photo.title)"
    assert browser.execute_script(names) == [f"photo {i}.png" for i in (0, 2, 3)]
    assert len(browser.find_elements("css selector", ".face")) == 3
    (button,) = browser.find_elements("css selector", ".stack .copies")
    assert (button.text, button.get_attribute("aria-expanded")) == ("+2 copies", "false")
    button.click()
    assert (button.text, button.get_attribute("aria-expanded")) == ("Hide", "true")
    assert browser.execute_script(names) == [f"photo {i}.png" for i in (0, 1, 4, 2, 3)]
    assert texts(browser, ".photo .tag") == ["copy", "copy"]
    browser.find_element("css selector", ".photo.copy").click()
    caption = browser.find_element("css selector", ".viewer figcaption").text
    assert caption.splitlines() == ["photo 1.png · copy of photo 0.png", "2 of 3"]
    browser.find_element("xpath", "//button[text()='Close']").click()
    button.click()
    assert len(browser.find_elements("css selector", ".photo")) == 3


@pytest.mark.parametrize(
    ("section", "text", "photos"),
    [
        ("pair/0/1", "3 photos (1 copy)", 2),
        ("without", "2 photos (1 copy) in which no face was found.", 1),
        ("together", "3 photos (1 copy)", 0),
    ],
)
def test_copies_are_counted_and_not_shown(opened_with_copies, section, text, photos):
    browser = opened_with_copies(section)
    assert text in browser.find_element("css selector", "main").text
    assert matching(browser, ".photo") == photos


def test_what_is_said_of_a_face_holds_in_the_copies_of_its_photo(opened_with_copies):
    browser = opened_with_copies("person/0")
    press(browser, "Not a face")
    assert browser.find_element("css selector", "#changes span").text == "1 change"
    assert len(download(browser)["ignore"][0]["faces"]) == 3
    assert "2 photos · 2 faces" in texts(opened_with_copies(), ".card .small")
    press(opened_with_copies("person/0"), "Take back")
    assert not browser.find_element("css selector", "#changes").is_displayed()


@pytest.mark.parametrize("width", [360, 1400])
def test_the_layout_holds_with_copies_opened(opened_with_copies, width):
    browser = opened_with_copies()
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser = opened_with_copies("person/0")
        browser.find_element("css selector", ".copies").click()
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_people_who_seem_children_come_first_in_the_review(browser, tmp_path):
    result, open_photo = album([[0, 1], [0, 1], [2], [2]])
    seems = {"age_range": None, "gender": None, "gender_agreement": None, "faces": 2}
    for group, age in zip(result["groups"], (40.0, 7.6, 12.4), strict=True):
        group["attributes"] = {**seems, "age": age, "seems_child": age < 13}
    write_report(result, tmp_path, open_photo, plots=False)
    for opened in opener(browser, tmp_path / "index.html"):
        opened("review")
        assert texts(browser, "h2")[1:] == ["Children (2)", "Least certain groups"]
        marked = [text for text in texts(browser, ".panel header .small") if "years old" in text]
        assert [text.split(" · ")[0] for text in marked[:2]] == [
            "seems 8 years old",
            "seems 12 years old",
        ]


def test_without_attributes_the_review_speaks_of_no_children(opened):
    browser = opened("review")
    assert "years old" not in browser.find_element("css selector", "main").text
    assert absent(browser, "#children")


def test_who_opted_out_is_a_number(browser, tmp_path):
    result, open_photo = gallery_album()
    result["images"][0]["opted_out"] = 1
    write_report(result, tmp_path, open_photo, plots=False)
    next(opener(browser, tmp_path / "index.html"))()
    said = texts(browser, "#opted-out")
    assert said == ["1 face of people who asked to be left out is not shown."]


def test_the_page_of_a_look_up_shows_the_photos_and_nothing_to_correct(browser, tmp_path):
    result, open_photo = album([[0], [0]], names={0: "Grandma"})
    go = next(opener(browser, write_page(result, tmp_path, open_photo)))
    for section in ("people", "review"):  # the second is an address of the album's own page
        go(section)
        assert browser.title == "Photos of Grandma"
        assert texts(browser, "nav a") == ["Photos2"]
        assert texts(browser, "h1") == ["Grandma"]
        assert len(browser.find_elements("css selector", ".photo")) == 2
    for selector in (".name-field", "#merge", "#leave-out", ".face .not", "#search"):
        assert absent(browser, selector)


@pytest.mark.parametrize(
    ("photos", "said", "to"),
    [
        ([[], []], "No faces were found", "#/without"),
        ([[-1], []], "Nobody is in two photos", "#/strangers"),
    ],
)
def test_an_album_of_nobody_says_so_and_offers_nothing_to_do_with_people(
    browser, tmp_path, photos, said, to
):
    result, open_photo = album(photos)
    write_report(result, tmp_path, open_photo, plots=False)
    browser.get((tmp_path / "index.html").as_uri())
    text = browser.find_element("id", "main").text
    assert said in text
    assert "Give each person a name" not in text
    controls = "return document.querySelectorAll('#main input, #main select, #main button').length"
    assert browser.execute_script(controls) == 0
    links = "return [...document.querySelectorAll('#nobody a')].map((a) => a.hash)"
    assert browser.execute_script(links) == [to]
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_the_row_of_tabs_fades_out_where_some_are_hidden(browser, page):
    def hint():
        settled = "const done = arguments[0]; setTimeout(() => requestAnimationFrame(done), 50)"
        browser.execute_async_script(settled)
        return browser.execute_script(
            "const nav = document.getElementById('nav'); const look = getComputedStyle(nav);"
            "return [nav.dataset.more, look.maskImage === 'none']"
        )

    def scrolled(where):
        browser.execute_script(f"document.getElementById('nav').scrollLeft = {where}")
        return hint()

    size = {"height": 800, "deviceScaleFactor": 1, "mobile": False}
    try:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, **size})
        browser.get(page.as_uri() + "#/people")
        assert hint() == ["right", False]
        assert scrolled(60) == ["left right", False]
        assert scrolled(9999) == ["left", False]
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1400, **size})
        assert hint() == ["", True]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
