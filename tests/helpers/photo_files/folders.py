"""Folders of files, whatever the files hold."""

from pathlib import Path


def touch(folder: Path, *names: str) -> None:
    """Write files below a folder, each with its own name as content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def tree(folder: Path) -> dict[str, bytes]:
    """What the files below a folder hold, hidden ones left out, by their path in it."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}
