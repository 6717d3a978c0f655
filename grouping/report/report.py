"""All pictures and the page of a document, made from it and its photos alone.

Nothing is detected or embedded here, so a report can be made again at any time. What the pictures
draw of the embeddings is computed once by :func:`grouping.report.plots.plot_data.plot_data` and
kept in the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.faces.time_limit import photo_threads
from grouping.records import SHEETS, Float32, Progress
from grouping.report.contact_sheets import iter_sheets
from grouping.report.gallery import gallery_page
from grouping.report.plots.face_mosaic import faces_picture
from grouping.report.plots.similarity_plot import similarity_figure
from grouping.report.plots.tsne_plot import tsne_figure
from grouping.report.thumbnails import MOST_WORKERS, Thumbnails
from grouping.results.album import Album, OpenPhoto, person_number
from grouping.results.schema import Document
from grouping.storage.atomic_files import make_folder, write_bytes, write_image
from grouping.storage.result_folder import (
    FACES_PICTURE,
    PAGE_FILE,
    SHEET_NAME,
    SHEETS_FOLDER,
    SIMILARITY_PICTURE,
    THUMBNAILS_FOLDER,
    TSNE_PICTURE,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(
    document: Document,
    out: Path,
    open_photo: OpenPhoto,
    progress: Progress | None = None,
    plots: bool = True,
    covered: Mapping[int, Float32] | None = None,
) -> list[Path]:
    """Write every picture of a result into a folder.

    Args:
        document: of a run.
        out: the folder; made where it is not there. Each file is written aside and renamed,
            so that an earlier report stays whole where this one fails.
        open_photo: gives the bytes of ``document["images"][i]``, raises
            :class:`grouping.errors.FetchError`; called at most once a photo.
        progress: called with the stage (``"thumbnails"``, ``"contact sheets"``), how many
            are done and how many there are.
        plots: False leaves out ``tsne.png``, ``similarity.png`` and ``faces.png``; so does a
            result without plot data.
        covered: for images that show somebody who opted out, (k, 4) float32 xyxy: where.

    Returns:
        The files written, thumbnails not counted.

    Raises:
        OutputError: a file cannot be written.
    """
    album = Album(document)
    make_folder(out)
    thumbnails = Thumbnails(album, open_photo, out / THUMBNAILS_FOLDER, covered)
    thumbnails.prepare(progress)
    written = list(_write_sheets(album, out, thumbnails, progress))
    if plots and document.get("plots"):
        written.append(_write_figure(out / TSNE_PICTURE, tsne_figure(document, thumbnails.crop)))
        written.append(_write_figure(out / SIMILARITY_PICTURE, similarity_figure(document)))
        mosaic = faces_picture(document, thumbnails.crop)
        written.append(write_image(out / FACES_PICTURE, mosaic))
    written.append(_write_page(album, out, thumbnails))
    return written


def write_page(
    document: Document, out: Path, open_photo: OpenPhoto, progress: Progress | None = None
) -> Path:
    """Write the page of a look-up and its thumbnails; arguments as of :func:`write_report`."""
    album = Album(document)
    make_folder(out)
    thumbnails = Thumbnails(album, open_photo, out / THUMBNAILS_FOLDER)
    thumbnails.prepare(progress)
    return _write_page(album, out, thumbnails, look_up=True)


def _write_page(album: Album, out: Path, thumbnails: Thumbnails, *, look_up: bool = False) -> Path:
    page = gallery_page(album, thumbnails, look_up=look_up).encode("utf-8")
    return write_bytes(out / PAGE_FILE, page)


def _write_sheets(
    album: Album, out: Path, thumbnails: Thumbnails, progress: Progress | None
) -> Iterator[Path]:
    """``groups/person_000.jpg``, further pages ``person_000_2.jpg``; stale ones are removed."""
    folder = make_folder(out / SHEETS_FOLDER)
    there = () if folder.is_symlink() else folder.iterdir()  # nothing is deleted through a link
    stale = {path for path in there if SHEET_NAME.fullmatch(path.name)}

    def write(group_idx: int) -> list[Path]:
        pages = enumerate(iter_sheets(album, group_idx, thumbnails), 1)
        return [
            write_image(folder / sheet_name(group_idx, number), page, quality=88)
            for number, page in pages
        ]

    with photo_threads(MOST_WORKERS) as workers:
        for done, paths in enumerate(workers.map(write, range(len(album.groups))), 1):
            yield from paths
            stale.difference_update(paths)
            if progress:
                progress(SHEETS, done, len(album.groups))
    for path in stale:
        path.unlink(missing_ok=True)


def sheet_name(group_idx: int, number: int) -> str:
    """File name of a page of a person's contact sheet, counted from 1."""
    suffix = f"_{number}" if number > 1 else ""
    return f"person_{person_number(group_idx)}{suffix}.jpg"


def _write_figure(path: Path, figure: Figure) -> Path:
    encoded = BytesIO()
    figure.savefig(encoded, format="png")
    return write_bytes(path, encoded.getvalue())
