"""Contact sheets: one person's faces and the photos they come from, ready to print.

Pages have the proportions of A4 at 150 dots an inch and are meant to be read at 100 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

from grouping.faces.alignment import CROP_SIDE
from grouping.report.style import FAINT, INK, colour_of, count
from grouping.report.text import draw_text, fit_text
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album, Face, OpenPhoto
from grouping.results.schema import Document, GroupEntry

PAGE = (1240, 1754)
MARGIN = 44
PAPER = "#FFFFFF"
PLACEHOLDER = "#ECECF0"
BOX = "#FFB000"  # stands out on skin and sky, and from every colour of a person

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 38, 19, 15
HEADER_HEIGHT = 150
CROP_GAP = 16
CAPTION = 28
PHOTO_HEIGHT = 250
PHOTO_GAP = 14
# A lone panorama or a lone portrait must neither fill a page nor shrink to a stripe.
NARROWEST, WIDEST = 0.5, 2.4


@dataclass(frozen=True)
class _Row:
    """A strip of the page: drawn only when its page is, so that one page is in memory.

    Attributes:
        height: pixels.
        draw: called with the page and the y of the strip's top.
        heading: stays on one page with the strip after it.
    """

    height: int
    draw: Callable[[Image.Image, int], None]
    heading: bool = False


def contact_sheets(document: Document, group_idx: int, open_photo: OpenPhoto) -> list[Image.Image]:
    """The pages for one person.

    The aligned crops come first, the most typical face leading, each with its similarity to
    the mean of the group; then the photos with the person's face boxed. A photo that cannot
    be opened leaves a placeholder that says why.

    Args:
        document: of a run.
        group_idx: the person.
        open_photo: gives the bytes of ``document["images"][i]``, raises
            :class:`grouping.errors.FetchError`.

    Returns:
        RGB pages of 1240 pixels' width and at most 1754 pixels' height.
    """
    album = Album(document)
    with TemporaryDirectory(prefix="contact-sheet-") as folder:
        return list(iter_sheets(album, group_idx, Thumbnails(album, open_photo, Path(folder))))


def iter_sheets(album: Album, group_idx: int, thumbnails: Thumbnails) -> Iterator[Image.Image]:
    """The pages of :func:`contact_sheets` one by one: thousands of photos need one in memory."""
    faces = _shown_faces(album, group_idx)
    rows = [*_crop_rows(faces, thumbnails), *_photo_rows(album, faces, thumbnails)]
    pages = list(_paginate(rows, PAGE[1] - HEADER_HEIGHT - MARGIN))
    for number, page_rows in enumerate(pages, 1):
        height = sum(row.height for row in page_rows)
        page = Image.new("RGB", (PAGE[0], HEADER_HEIGHT + height + MARGIN), PAPER)
        _draw_header(page, album, group_idx, thumbnails)
        if len(pages) > 1:
            draw_text(
                page, (PAGE[0] - MARGIN - 110, 60), f"{number} / {len(pages)}", TEXT_SIZE, FAINT
            )
        y = HEADER_HEIGHT
        for row in page_rows:
            row.draw(page, y)
            y += row.height
        yield page


def _shown_faces(album: Album, group_idx: int) -> list[Face]:
    """A person's faces, the most typical first, of each picture once."""
    faces = album.faces_of(group_idx)
    shown = set(album.shown_for(sorted({face.photo for face in faces})).values())
    return [face for face in faces if face.photo in shown]


def _paginate(rows: list[_Row], height: int) -> Iterator[list[_Row]]:
    """Fill pages from the top; a heading is never the last strip of one."""
    page: list[_Row] = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        needed = row.height + (following.height if row.heading and following else 0)
        if page and sum(r.height for r in page) + needed > height:
            yield page
            page = []
        page.append(row)
    if page:
        yield page


def _draw_header(page: Image.Image, album: Album, group_idx: int, thumbnails: Thumbnails) -> None:
    group = album.groups[group_idx]
    face = album.faces[group["representative_face_idx"]]
    page.paste(thumbnails.crop(face).resize((96, 96), Image.Resampling.LANCZOS), (MARGIN, 30))
    ImageDraw.Draw(page).rectangle((MARGIN, 126, MARGIN + 95, 130), fill=colour_of(group_idx))
    title = fit_text(album.person(group_idx), TITLE_SIZE, PAGE[0] - 2 * MARGIN - 260, bold=True)
    draw_text(page, (MARGIN + 120, 74), title, TITLE_SIZE, INK, bold=True)
    draw_text(page, (MARGIN + 120, 112), _summary(group), TEXT_SIZE, FAINT)


def _summary(group: GroupEntry) -> str:
    photos = len(group["image_ids"])
    copies = photos - group.get("pictures", photos)
    parts = [
        f"group {group['group_idx']}",
        count(photos, "photo") + (f" ({count(copies, 'copy', 'copies')})" if copies else ""),
        count(len(group["face2_idx_list"]), "face"),
        f"cohesion {group['cohesion']:.2f}",
    ]
    if group.get("purity") is not None:
        parts.append(f"expected purity {100 * group['purity']:.0f} %")
    return "   ·   ".join(parts)


def _heading(text: str) -> _Row:
    def draw(page: Image.Image, y: int) -> None:
        draw_text(page, (MARGIN, y + 34), text, TEXT_SIZE, INK, bold=True)

    return _Row(52, draw, heading=True)


def _crop_rows(faces: list[Face], thumbnails: Thumbnails) -> Iterator[_Row]:
    """Aligned crops in a grid, the similarity under each."""
    yield _heading("Faces, the most typical first, with their similarity to the group")
    columns = (PAGE[0] - 2 * MARGIN + CROP_GAP) // (CROP_SIDE + CROP_GAP)
    for start in range(0, len(faces), columns):
        yield _crop_row(faces[start : start + columns], thumbnails)


def _crop_row(faces: list[Face], thumbnails: Thumbnails) -> _Row:
    def draw(page: Image.Image, y: int) -> None:
        for column, face in enumerate(faces):
            x = MARGIN + column * (CROP_SIDE + CROP_GAP)
            page.paste(thumbnails.crop(face), (x, y))
            value = "no value" if face.similarity is None else f"{face.similarity:.2f}"
            below = (x + CROP_SIDE / 2, y + CROP_SIDE + 20)
            draw_text(page, below, value, SMALL_SIZE, INK, centred=True)

    return _Row(CROP_SIDE + CAPTION + 8, draw)


def _photo_rows(album: Album, faces: list[Face], thumbnails: Thumbnails) -> Iterator[_Row]:
    """Photos side by side at one height a row, the person boxed, the name under each."""
    faces_by_photo: dict[int, list[Face]] = {}
    for face in faces:
        faces_by_photo.setdefault(face.photo, []).append(face)
    yield _heading("Photos")
    for photos, height in _justify({photo: _aspect(album, photo) for photo in faces_by_photo}):
        chosen = {photo: faces_by_photo[photo] for photo in photos}
        yield _photo_row(album, chosen, height, thumbnails)


def _aspect(album: Album, photo: int) -> float:
    image = album.images[photo]
    aspect: float = image["width"] / max(image["height"], 1)
    return min(max(aspect, NARROWEST), WIDEST)


def _justify(aspects: dict[int, float]) -> Iterator[tuple[list[int], int]]:
    """Rows of photos with the height that makes them as wide as the text."""
    width = PAGE[0] - 2 * MARGIN
    row: list[int] = []
    for photo in aspects:
        row.append(photo)
        free = width - PHOTO_GAP * (len(row) - 1)
        if (height := free / sum(aspects[p] for p in row)) <= PHOTO_HEIGHT:
            yield row, int(height)
            row = []
    if row:
        yield row, PHOTO_HEIGHT


def _photo_row(
    album: Album, faces_by_photo: dict[int, list[Face]], height: int, thumbnails: Thumbnails
) -> _Row:
    def draw(page: Image.Image, y: int) -> None:
        x = MARGIN
        for photo, faces in faces_by_photo.items():
            size = (int(height * _aspect(album, photo)), height)
            page.paste(_boxed_photo(album, photo, faces, size, thumbnails), (x, y))
            name = fit_text(album.photo_name(photo), SMALL_SIZE, size[0])
            draw_text(page, (x, y + height + 20), name, SMALL_SIZE, FAINT)
            x += size[0] + PHOTO_GAP

    return _Row(height + CAPTION + 10, draw)


def _boxed_photo(
    album: Album, photo: int, faces: list[Face], size: tuple[int, int], thumbnails: Thumbnails
) -> Image.Image:
    """The photo inside ``size``, the faces boxed; the reason where it cannot be shown."""
    tile = Image.new("RGB", size, PLACEHOLDER)
    preview = thumbnails.preview(photo)
    if preview is None:
        middle = (size[0] / 2, size[1] / 2)
        reason = fit_text(thumbnails.problems[photo], SMALL_SIZE, size[0] - 16)
        draw_text(tile, middle, reason, SMALL_SIZE, FAINT, centred=True)
        return tile
    scale = min(size[0] / preview.width, size[1] / preview.height)
    shown = (max(1, round(preview.width * scale)), max(1, round(preview.height * scale)))
    corner = ((size[0] - shown[0]) // 2, (size[1] - shown[1]) // 2)
    # Reduced to about a half: Hamming shows what Lanczos does in half the time.
    tile.paste(preview.resize(shown, Image.Resampling.HAMMING), corner)
    for face in faces:
        to_tile = shown[0] / album.images[photo]["width"]
        x1, y1, x2, y2 = (v * to_tile + c for v, c in zip(face.box, 2 * corner, strict=True))
        _draw_box(tile, (x1, y1, x2, y2))
    return tile


def _draw_box(tile: Image.Image, box: tuple[float, float, float, float]) -> None:
    """A bright frame with dark edges around the box, so that small faces stay visible."""
    draw = ImageDraw.Draw(tile)
    x1, y1, x2, y2 = box
    draw.rectangle((x1 - 4, y1 - 4, x2 + 4, y2 + 4), outline="#000000", width=5)
    draw.rectangle((x1 - 3, y1 - 3, x2 + 3, y2 + 3), outline=BOX, width=3)
