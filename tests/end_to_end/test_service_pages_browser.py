"""Both pages of the service in a real browser: the gallery that saves, and the page for guests."""

import json
import re

import httpx
import pytest
from PIL import Image

from tests.end_to_end.test_gallery_browser import (
    absent,
    browser,  # noqa: F401 - a fixture
    fetched,
    pytestmark,  # noqa: F401 - skips without a browser
    texts,
)
from tests.helpers.paths import PHOTOS
from tests.helpers.services.served_album import running_service

IN_ALBUM = [f"president_obama_{n}" for n in (1, 2, 3)] + ["president_biden", "two_presidents"]
PATIENCE = 90  # seconds, of a busy machine
OVERFLOW = """
const out = (e) => e.getBoundingClientRect().right > innerWidth + 1
  && getComputedStyle(e).position !== 'absolute';
return [document.documentElement.scrollWidth > innerWidth,
  ...[...document.querySelectorAll('main *, dialog[open] *')].filter(out).map(e => e.className)];
"""
# The smallest contrast of text with what is behind it (WCAG 2.1, 1.4.3), and of which element.
CONTRAST = """
const share = (v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
const light = (c) => [.2126, .7152, .0722].reduce((l, w, i) => l + w * share(c[i] / 255), 0);
const parts = (c) => c.match(/[\\d.]+/g).map(Number);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > .99) return c;
  }
  return [255, 255, 255];
};
const ratio = (e) => {
  const pair = [light(parts(getComputedStyle(e).color)), light(behind(e))];
  return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
};
return [...document.querySelectorAll('h1, h2, p, label, button, a.button, figcaption')]
  .filter((e) => e.checkVisibility() && e.textContent.trim() && !e.disabled)
  .map((e) => [ratio(e), e.id || e.textContent.slice(0, 30)]).sort((p, q) => p[0] - q[0])[0];
"""
LARGE = "const i = document.getElementById('large'); return i.complete && i.naturalWidth"
SMALL_TARGETS = """
return [...document.querySelectorAll('button, a.button')]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44).map((e) => e.id);
"""
REFUSED = """
const said = { error: { message: 'x '.repeat(90) } };
window.fetch = () => Promise.resolve(Response.json(said, { status: 422 }));
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("data")) as service:
        yield service


@pytest.fixture(scope="module")
def album(service):
    return service.add_album([PHOTOS / f"{name}.jpg" for name in IN_ALBUM])


def link(service, album, kind, **body) -> str:
    answer = httpx.post(
        f"{service.url}/v1/albums/{album}/{kind}-links",
        json=body,
        headers=service.key("write"),
        timeout=60,
    )
    return service.url + answer.json()["url"]


def wait(browser, condition):  # noqa: F811
    """Wait until it holds; what is replaced meanwhile is looked for again."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    passing = [StaleElementReferenceException]
    return WebDriverWait(browser, PATIENCE, 0.05, passing).until(lambda _: condition())


def one(browser, selector):  # noqa: F811
    return browser.find_element("css selector", selector)


@pytest.fixture
def quiet(browser, service):  # noqa: F811
    """The browser, which may ask this service alone and log no error of the page."""
    browser.get("about:blank")
    browser.delete_all_cookies()
    browser.get_log("browser")
    fetched(browser)
    yield browser
    assert all(url.startswith(service.url) for url in fetched(browser))
    told = [entry["message"] for entry in browser.get_log("browser")]
    assert [message for message in told if "Failed to load resource" not in message] == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def resized(browser, width):  # noqa: F811
    metrics = {"width": width, "height": 780, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def coloured(browser, scheme):  # noqa: F811
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


# The gallery


@pytest.fixture
def gallery(quiet, service):
    """A gallery of its own, in a browser that opened the link to it."""
    album = service.add_album([PHOTOS / f"president_obama_{n}.jpg" for n in (1, 2, 3)])
    quiet.get(link(service, album, "page"))
    quiet.execute_script("localStorage.clear()")
    quiet.album = album
    return quiet


def rename(browser, name):  # noqa: F811
    one(browser, ".card .name").send_keys(f"{name}\n")


def shown_name(browser):  # noqa: F811
    return one(browser, ".card .name").get_attribute("value")


def test_corrections_are_saved_and_the_page_shows_the_album_grouped_again(gallery, service):
    assert "?t=" not in gallery.current_url
    broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    wait(gallery, lambda: gallery.execute_script(broken) == 0)
    rename(gallery, "Barack")
    assert texts(gallery, "#changes button") == ["Save", "Drop"]
    gallery.execute_script("window.before = true")
    one(gallery, "#save").click()
    wait(gallery, lambda: gallery.execute_script("return window.before === undefined"))
    wait(gallery, lambda: shown_name(gallery) == "Barack")
    assert not one(gallery, "#changes").is_displayed()
    assert gallery.execute_script("return localStorage.length") == 0
    document = service.context.folders.of(gallery.album) / "groups.json"
    assert [g["name"] for g in json.loads(document.read_text())["groups"]] == ["Barack"]


def test_what_could_not_be_saved_is_kept_and_said(gallery):
    rename(gallery, "Barack")
    gallery.delete_all_cookies()
    one(gallery, "#save").click()
    wait(gallery, lambda: "link to this page has ended" in one(gallery, "#saved").text)
    assert texts(gallery, "#changes button") == ["Save", "Download corrections", "Drop"]
    assert shown_name(gallery) == "Barack"
    assert not gallery.execute_script("return document.getElementById('main').inert")
    assert gallery.execute_script("return localStorage.length") == 1


def test_without_a_connection_the_page_says_so(gallery):
    rename(gallery, "Barack")
    gallery.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    gallery.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        one(gallery, "#save").click()
        wait(gallery, lambda: "does not answer" in one(gallery, "#saved").text)
    finally:
        online = {**offline, "offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
        gallery.execute_cdp_cmd("Network.emulateNetworkConditions", online)


def test_while_it_is_grouped_again_nothing_can_be_changed(gallery, service):
    """The state stays "running" until the test lets the answer through."""
    gallery.execute_script(
        "const real = fetch; window.fetch = (a, o) => String(a).endsWith('state')"
        " ? Promise.resolve(Response.json({state: 'running'})) : real(a, o)"
    )
    rename(gallery, "Barack")
    one(gallery, "#save").click()
    wait(gallery, lambda: "grouped again" in one(gallery, "#saved").text)
    assert gallery.execute_script("return document.getElementById('main').inert")
    assert absent(gallery, "#changes button")
    assert gallery.execute_script("return document.activeElement.id") == "changes"
    service.grouped(gallery.album)


def test_a_link_for_looking_offers_the_download_alone(quiet, service, album):
    quiet.get(link(service, album, "page", may_save=False))
    quiet.execute_script("localStorage.clear()")
    rename(quiet, "Barack")
    assert texts(quiet, "#changes button") == ["Download corrections", "Drop"]
    quiet.execute_script("localStorage.clear()")


def test_originals_are_opened_from_the_service(gallery):
    one(gallery, ".card a").click()
    one(gallery, ".photo").click()
    href = one(gallery, ".viewer .bar a").get_attribute("href")
    assert re.fullmatch(rf".*/v1/albums/{gallery.album}/page/photos/\d", href)
    found = """const done = arguments[1]; fetch(arguments[0]).then((a) => a.blob())
        .then((b) => createImageBitmap(b)).then((p) => done([p.width, p.height]))"""
    sizes = {Image.open(PHOTOS / f"president_obama_{n}.jpg").size for n in (1, 2, 3)}
    assert tuple(gallery.execute_async_script(found, href)) in sizes


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_save_bar_fits_and_can_be_read(gallery, width, scheme):
    resized(gallery, width)
    coloured(gallery, scheme)
    gallery.execute_script(REFUSED)
    rename(gallery, "Barack")
    for _ in range(2):
        assert gallery.execute_script(OVERFLOW) == [False]
        bar = one(gallery, "#changes").rect
        assert bar["x"] >= 0
        assert bar["x"] + bar["width"] <= width
        ratio, where = gallery.execute_script(CONTRAST)
        assert ratio >= 4.5, where
        one(gallery, "#save").click()
        wait(gallery, lambda: "Not saved" in one(gallery, "#saved").text)


def test_the_focus_in_the_row_of_tabs_is_seen_whole(gallery):
    """The row scrolls on a phone, and cuts off what lies outside of it."""
    from selenium.webdriver.common.keys import Keys

    resized(gallery, 360)
    outline = """
    const e = document.activeElement, style = getComputedStyle(e);
    return e.closest('nav') && [style.outlineStyle,
      parseFloat(style.outlineOffset) + parseFloat(style.outlineWidth)];
    """
    one(gallery, "body").send_keys(Keys.TAB)
    seen = []
    for _ in range(8):
        seen.append(gallery.execute_script(outline))
        gallery.switch_to.active_element.send_keys(Keys.TAB)
    tabs = [found for found in seen if found]
    assert tabs == [["solid", 0]] * len(tabs)
    assert len(tabs) > 3


# The page for guests


@pytest.fixture
def guest(quiet, service, album):
    service.rates.selfies._buckets.clear()
    quiet.get(link(service, album, "guest"))
    return quiet


def agree(browser):  # noqa: F811
    if not one(browser, "#consent").is_selected():
        one(browser, "#consent").click()


def send(browser, path, field="file"):  # noqa: F811
    agree(browser)
    browser.execute_script("document.getElementById('status').textContent = ''")
    one(browser, f"#{field}").send_keys(str(path))
    working = "return document.getElementById('choose').disabled"
    wait(browser, lambda: not browser.execute_script(working))
    return one(browser, "#status").text


def test_a_selfie_gives_the_photos_of_oneself(guest):
    assert send(guest, PHOTOS / "president_obama_1.jpg") == ""
    assert one(guest, "#found-title").text == "You are in 4 photos"
    assert guest.switch_to.active_element.get_attribute("id") == "found-title"
    shown = "return [...document.querySelectorAll('#sure img')].map(i => i.naturalWidth > 100)"
    wait(guest, lambda: guest.execute_script(shown) == [True] * 4)
    labels = [i.get_attribute("alt") for i in guest.find_elements("css selector", "#sure img")]
    assert labels == [f"Photo {n} of 4" for n in (1, 2, 3, 4)]


def test_a_photo_opens_large_and_is_saved_whole(guest):
    send(guest, PHOTOS / "president_biden.jpg")
    one(guest, "#sure button").click()
    wait(guest, lambda: guest.execute_script(LARGE))
    target = guest.downloads / "photo-001.jpg"
    target.unlink(missing_ok=True)
    one(guest, "#save").click()
    wait(guest, lambda: target.exists() and target.stat().st_size)
    with Image.open(target) as saved:
        sizes = [
            Image.open(PHOTOS / f"{n}.jpg").size for n in ("president_biden", "two_presidents")
        ]
        assert saved.size in sizes


def test_a_photo_that_cannot_be_had_any_more_is_not_saved(guest, service, album):
    """What would be saved are the words of a refusal, under the name of a photo."""
    send(guest, PHOTOS / "president_biden.jpg")
    photo = service.context.albums.photo_of(album, IN_ALBUM.index("president_biden"))
    file = service.context.folders.upload(album, photo.file)
    away = file.rename(file.with_suffix(".away"))
    try:
        one(guest, "#sure button").click()
        wait(guest, lambda: "cannot be shown" in one(guest, "#caption").text)
        assert not one(guest, "#save").is_displayed()
        assert guest.switch_to.active_element.get_attribute("id") == "close"
        one(guest, "#next").click()
        wait(guest, lambda: guest.execute_script(LARGE))
        assert one(guest, "#save").is_displayed()
        assert one(guest, "#large").is_displayed()
    finally:
        away.rename(file)


def test_the_whole_page_works_from_the_keyboard(guest):
    from selenium.webdriver.common.keys import Keys

    def press(key):
        guest.switch_to.active_element.send_keys(key)
        return guest.switch_to.active_element.get_attribute("id")

    guest.execute_script(
        "window.opened = []; document.querySelectorAll('input[type=file]').forEach("
        "(i) => { i.click = () => window.opened.push(i.id); })"
    )
    one(guest, "body").send_keys(Keys.TAB, Keys.TAB)
    assert guest.switch_to.active_element.get_attribute("id") == "consent"
    while press(Keys.TAB) != "choose":  # a camera, where there may be one, comes before
        assert guest.switch_to.active_element.get_attribute("id") == "take"
    assert press(Keys.ENTER) == "consent"  # not without it
    assert "tick first" in one(guest, "#status").text
    press(Keys.SPACE)
    while press(Keys.TAB) != "choose":
        continue
    press(Keys.SPACE)
    assert guest.execute_script("return window.opened") == ["file"]
    send(guest, PHOTOS / "president_obama_1.jpg")
    press(Keys.TAB)
    press(Keys.TAB)
    assert press(Keys.ENTER) == "save"
    assert one(guest, "#caption").text == "Photo 2 of 4"
    assert press(Keys.ARROW_LEFT) == "save"
    assert one(guest, "#caption").text == "Photo 1 of 4"
    for _ in range(5):
        press(Keys.ARROW_RIGHT)
    assert one(guest, "#caption").text == "Photo 4 of 4"
    press(Keys.ESCAPE)
    assert one(guest, "#viewer").get_attribute("open") is None
    wait(
        guest,
        lambda: guest.execute_script(
            "return document.activeElement === document.querySelectorAll('.photos button')[3]"
        ),
    )


def test_without_consent_nothing_is_chosen(guest):
    guest.execute_script("document.getElementById('file').click = () => { throw Error('asked'); }")
    one(guest, "#choose").click()
    assert "tick first" in one(guest, "#status").text


SENT = """
const real = window.fetch;
window.fetch = async (address, options) => {
  const file = options.body.get("selfie");
  const picture = await createImageBitmap(file, { imageOrientation: "none" });
  const bytes = new Uint8Array(await file.arrayBuffer());
  window.sent = { type: file.type, width: picture.width, height: picture.height,
    exif: new TextDecoder("latin1").decode(bytes).includes("Exif") };
  return real(address, options);
};
"""


@pytest.mark.parametrize(("orientation", "wanted"), [(1, (1600, 1067)), (6, (1067, 1600))])
def test_a_selfie_is_made_small_and_upright_before_it_is_sent(guest, tmp_path, orientation, wanted):
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(PHOTOS / "president_obama_1.jpg") as photo:
        turned = photo.resize((3000, 2000))
        if orientation == 6:
            turned = turned.resize((2000, 3000)).transpose(Image.Transpose.ROTATE_90)
        turned.save(tmp_path / "selfie.jpg", exif=exif)
    guest.execute_script(SENT)
    said = send(guest, tmp_path / "selfie.jpg", "camera")
    sent = guest.execute_script("return window.sent")
    assert (sent["width"], sent["height"]) == wanted
    assert (sent["type"], sent["exif"]) == ("image/jpeg", False)
    assert said == "", "found upright only"
    assert one(guest, "#found-title").text == "You are in 4 photos"


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        ("astronaut", "No photo of you was found"),
        ("rocket", "No face was found"),
        ("two_presidents", "several faces"),
    ],
)
def test_what_was_not_found_is_said_in_friendly_words(guest, photo, words):
    assert words in send(guest, PHOTOS / f"{photo}.jpg")
    assert not one(guest, "#found").is_displayed()
    assert one(guest, "#choose").is_enabled()


def test_a_file_that_is_no_photo_is_said(guest, tmp_path):
    (tmp_path / "notes.jpg").write_text("no photo")
    assert "cannot be read" in send(guest, tmp_path / "notes.jpg")


def test_too_many_requests_are_said_with_the_wait(guest, service, monkeypatch):
    monkeypatch.setattr(service.rates.selfies, "_burst", 0.0)
    assert "try again in 2 seconds" in send(guest, PHOTOS / "astronaut.jpg")


def test_a_link_that_is_over_says_so_and_offers_nothing(quiet, service, album):
    from grouping.service.pages.shared import GUEST
    from grouping.service.safety.guest_links import LinkSigner

    token, _ = LinkSigner(service.context.secret, lambda: 1e9).sign(GUEST, album, 60)
    for t, words in ((token, "has expired"), ("x.y", "does not work")):
        quiet.get(f"{service.url}/v1/albums/{album}/me?t={t}")
        assert words in one(quiet, "main").text
        assert not one(quiet, "#choose").is_displayed()


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_guest_page_fits_and_can_be_read(guest, width, scheme):
    resized(guest, width)
    coloured(guest, scheme)
    send(guest, PHOTOS / "president_obama_1.jpg")
    for opened in (False, True):
        if opened:
            one(guest, "#sure button").click()
            wait(guest, lambda: guest.execute_script(LARGE))
        assert guest.execute_script(OVERFLOW) == [False]
        ratio, where = guest.execute_script(CONTRAST)
        assert ratio >= 4.5, where
    seen = guest.execute_script("return document.getElementById('large').getBoundingClientRect()")
    assert seen["bottom"] <= 780
    assert guest.execute_script(SMALL_TARGETS) == []


def test_on_a_phone_a_selfie_may_be_taken(quiet, service, album):
    quiet.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    metrics = {"width": 360, "height": 780, "deviceScaleFactor": 3, "mobile": True}
    quiet.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        quiet.get(link(service, album, "guest"))
        assert one(quiet, "#take").is_displayed()
        assert one(quiet, "#camera").get_attribute("capture") == "user"
        assert one(quiet, "#file").get_attribute("capture") is None
    finally:
        quiet.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_everything_has_a_name_for_a_screen_reader(guest):
    send(guest, PHOTOS / "president_obama_1.jpg")
    one(guest, "#sure button").click()
    tree = guest.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "link", "checkbox", "image", "img", "dialog", "heading"}
    nameless = [
        node["role"]["value"]
        for node in tree
        if not node["ignored"]
        and node["role"]["value"] in roles
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    assert one(guest, "#status").get_attribute("aria-live") == "polite"
