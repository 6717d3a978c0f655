"""Folders with files that nobody opens as photos."""

from pathlib import Path


def touch(folder: Path, *names: str) -> None:
    """Write files below a folder, each with its own name as content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
