import numpy as np
import pytest
from PIL import Image

from grouping.errors import FetchError
from grouping.report.contact_sheets import BOX, HEADER_HEIGHT, PAGE, contact_sheets
from grouping.results.album import Album
from tests.helpers.results.album import BACKGROUND, album, colour_of_person, with_copies

BOX_RGB = tuple(bytes.fromhex(BOX[1:]))


def count_colour(image: Image.Image, colour: tuple[int, int, int], tolerance: int = 12) -> int:
    gap = np.abs(np.asarray(image.convert("RGB"), np.int16) - colour).max(axis=2)
    return int((gap <= tolerance).sum())


def test_a_sheet_shows_the_persons_faces_and_nobody_elses_crops():
    result, open_photo = album([[0], [0], [1], [1]])
    (page,) = contact_sheets(result, 0, open_photo)
    # Two aligned crops of 112x112 and the one in the header are filled by a face of one colour.
    assert count_colour(page, colour_of_person(0)) > 2 * 112 * 112
    assert count_colour(page, colour_of_person(1)) == 0


def test_the_box_lies_around_the_persons_face_in_the_photo():
    result, open_photo = album([[1, 0], [1, 0]])
    (page,) = contact_sheets(result, 0, open_photo)
    pixels = np.asarray(page, np.int16)
    boxed = np.abs(pixels - BOX_RGB).max(axis=2) < 60
    ys, xs = np.nonzero(boxed)
    first = xs < PAGE[0] // 2 - 200
    inside = page.crop(
        (xs[first].min() + 6, ys[first].min() + 6, xs[first].max() - 5, ys[first].max() - 5)
    )
    share = count_colour(inside, colour_of_person(0), 30) / (inside.width * inside.height)
    assert share > 0.95
    # Face 60 of 400 px wide, the photo drawn 333 px wide: 50 px, and a frame of 3 px around it.
    assert xs[first].max() - xs[first].min() == pytest.approx(60 * 333 / 400 + 6, abs=3)


def test_a_picture_is_on_a_sheet_once():
    result, open_photo = album([[0], [0], [0], [0]])
    opened = []

    def counting(i: int) -> bytes:
        opened.append(i)
        return open_photo(i)

    contact_sheets(with_copies(result, {0: 2, 1: 2}), 0, counting)
    # The representative face, which is in photo 0, leads the sheet.
    assert sorted(opened) == [0, 2, 3]
    (page,) = contact_sheets(result, 0, open_photo)
    two, _ = album([[1], [1], [0], [0]])
    assert page.size == contact_sheets(two, 0, open_photo)[0].size


def test_faces_are_sorted_by_similarity():
    result, _ = album([[0], [0], [0]])
    for image, similarity in zip(result["images"], (0.5, 0.9, 0.7), strict=True):
        image["faces"][0]["similarity"] = similarity
    assert [face.idx for face in Album(result).faces_of(0)] == [1, 2, 0]


@pytest.mark.parametrize("reason", ["the photo has moved", "접근 거부 😀 " * 20])
def test_a_photo_that_has_moved_leaves_a_placeholder(reason):
    result, open_photo = album([[0], [0], [0]])

    def broken(i: int) -> bytes:
        if i == 1:
            raise FetchError(reason)
        return open_photo(i)

    whole = contact_sheets(result, 0, open_photo)[0]
    (page,) = contact_sheets(result, 0, broken)
    assert page.size == whole.size
    assert 0 < count_colour(page, BACKGROUND) < 0.75 * count_colour(whole, BACKGROUND)


def test_a_photo_that_has_changed_is_not_shown_as_if_it_were_the_old_one():
    result, open_photo = album([[0], [0]])
    result["images"][1]["sha256"] = "0" * 64
    whole = count_colour(contact_sheets(*album([[0], [0]])[:1], 0, open_photo)[0], BACKGROUND)
    assert count_colour(contact_sheets(result, 0, open_photo)[0], BACKGROUND) < 0.6 * whole


def test_many_photos_make_pages_of_one_size_and_every_photo_is_opened_once():
    result, open_photo = album([[0]] * 90, size=(120, 180))
    opened = []

    def counting(i: int) -> bytes:
        opened.append(i)
        return open_photo(i)

    pages = contact_sheets(result, 0, counting)
    assert len(pages) >= 3
    assert all(page.width == PAGE[0] and page.height <= PAGE[1] for page in pages)
    assert sorted(opened) == list(range(90))
    assert sum(count_colour(page, BOX_RGB, 60) > 0 for page in pages) >= 2


@pytest.mark.parametrize("size", [(4000, 40), (40, 4000)])
def test_panoramas_fit_a_page(size):
    result, open_photo = album([[], [], [0], [0]], size=size)
    (page,) = contact_sheets(result, 0, open_photo)
    assert page.width == PAGE[0]
    assert HEADER_HEIGHT < page.height <= PAGE[1]


@pytest.mark.parametrize("name", ["김민수", "x" * 400, "<b>\n\0\u202egpj", "👩‍👩‍👧", "$\\alpha$"])
def test_any_name_can_be_drawn(name):
    result, open_photo = album([[0], [0]], names={0: name})
    nameless, _ = album([[0], [0]])
    titled, plain = (contact_sheets(r, 0, open_photo)[0] for r in (result, nameless))
    header = (0, 0, PAGE[0], 90)
    assert titled.crop(header).tobytes() != plain.crop(header).tobytes()
    margin = titled.crop((PAGE[0] - 44, 0, PAGE[0], titled.height))
    assert count_colour(margin, (255, 255, 255)) == margin.width * margin.height
