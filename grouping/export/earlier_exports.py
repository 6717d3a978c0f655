"""What earlier runs handed on, taken away: it may show people who have opted out since."""

from __future__ import annotations

from pathlib import Path

from grouping.export.people_folders import remove_earlier_folders
from grouping.storage.atomic_files import write_error
from grouping.storage.result_folder import (
    PEOPLE_ARCHIVE,
    PEOPLE_FOLDER,
    PEOPLE_TABLE,
    SIDECARS_FOLDER,
)
from grouping.version import PRODUCT


def remove_exports(folder: Path) -> None:
    """Remove what runs have put into folders a person, the archive, people.csv and the sidecars.

    Files of others in those folders stay.

    Args:
        folder: of the results.

    Raises:
        OutputError: something cannot be removed.
    """
    try:
        if (folder / PEOPLE_FOLDER).is_dir() and not (folder / PEOPLE_FOLDER).is_symlink():
            remove_earlier_folders(folder / PEOPLE_FOLDER)
        for name in (PEOPLE_ARCHIVE, PEOPLE_TABLE):
            (folder / name).unlink(missing_ok=True)
        sidecars = folder / SIDECARS_FOLDER
        for path in () if sidecars.is_symlink() else sidecars.rglob("*.xmp"):
            if path.is_file() and not path.is_symlink() and PRODUCT.encode() in path.read_bytes():
                path.unlink()
    except OSError as error:
        raise write_error(folder, error) from error
