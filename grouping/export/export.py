"""Everything to hand on: tables, and where asked for folders, an archive and sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grouping.errors import ConfigError
from grouping.export.people_folders import FOLDER_MODES, Exported, write_archive, write_folders
from grouping.export.tables import write_tables
from grouping.records import Progress
from grouping.results.album import OpenPhoto
from grouping.results.schema import Document
from grouping.storage.atomic_files import make_folder
from grouping.storage.result_folder import SIDECARS_FOLDER


@dataclass(frozen=True)
class ExportOptions:
    """What is made beside the tables.

    Attributes:
        folders: ``"link"`` or ``"copy"`` makes a folder a person, see
            :func:`grouping.export.people_folders.write_folders`; ``"none"`` makes none.
        archive: make the same as an archive.
        sidecars: make XMP files.

    Raises:
        ConfigError: ``folders`` is none of ``FOLDER_MODES``.
    """

    folders: str = FOLDER_MODES[0]
    archive: bool = False
    sidecars: bool = False

    def __post_init__(self) -> None:
        if self.folders not in FOLDER_MODES:
            modes = ", ".join(FOLDER_MODES)
            raise ConfigError(f"folders must be one of {modes}, not {self.folders!r}")


def export(
    document: Document,
    out: Path,
    open_photo: OpenPhoto,
    options: ExportOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Exported:
    """Write the tables, and what else is asked for.

    Pillow is imported only for sidecars.

    Args:
        document: of a run.
        out: the folder for the results.
        open_photo: gives the bytes of ``document["images"][i]``, raises
            :class:`grouping.errors.FetchError`.
        options: what else; only the tables where None.
        progress: called with a stage, how many photos are done and how many there are.

    Raises:
        OutputError: a file cannot be written.
    """
    options = options or ExportOptions()
    make_folder(out)
    done = Exported(files=write_tables(document, out))
    for part in _parts(document, out, open_photo, options, progress):
        done.files += part.files
        done.problems += [p for p in part.problems if p not in done.problems]
    return done


def _parts(
    document: Document,
    out: Path,
    open_photo: OpenPhoto,
    options: ExportOptions,
    progress: Progress | None,
) -> Iterator[Exported]:
    if options.folders != FOLDER_MODES[0]:
        copy = options.folders == "copy"
        yield write_folders(document, out, open_photo, copy=copy, progress=progress)
    if options.archive:
        yield write_archive(document, out, open_photo, progress=progress)
    if options.sidecars:
        from grouping.export.xmp_sidecars import write_sidecars

        yield Exported(*write_sidecars(document, open_photo, out / SIDECARS_FOLDER))
