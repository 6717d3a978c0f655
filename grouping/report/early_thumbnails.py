"""Small pictures of photos that a run analyses, laid down where its report will look for them."""

from __future__ import annotations

from pathlib import Path

from grouping.errors import OutputError
from grouping.records import PhotoFaces
from grouping.report.thumbnails import crop_file, preview_file
from grouping.results.face_entries import rounded
from grouping.storage.atomic_files import make_folder, write_bytes


class EarlyThumbnails:
    """Called with each photo analysed; none is read or decoded again for what lies there.

    Portraits are not made: it is not known yet whose face stands for a person.

    Args:
        folder: of the report's small pictures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failed = False

    def __call__(self, outcome: PhotoFaces) -> None:
        """Write what a photo gave, nothing where it could not be used.

        People matter more than their pictures: where one cannot be written, no more are. The report
        makes them at its end, and says what it cannot write.
        """
        if self._failed or outcome.pictures is None or outcome.sha256 is None:
            return
        try:
            self._write(outcome.sha256, outcome)
        except OutputError:
            self._failed = True

    def _write(self, sha256: str, outcome: PhotoFaces) -> None:
        assert outcome.pictures is not None
        folder = make_folder(self._folder)
        write_bytes(folder / preview_file(sha256), outcome.pictures.preview, durable=False)
        boxes = rounded(outcome.faces.boxes, 2)  # as the document has them
        for box, crop in zip(boxes, outcome.pictures.crops, strict=True):
            write_bytes(folder / crop_file(sha256, box), crop, durable=False)
