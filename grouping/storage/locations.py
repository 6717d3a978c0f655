"""Places of photos and files: as people may see them, and as keys that last from run to run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Keys of presigned addresses (S3, CloudFront, Google, Azure) and what people call secrets.
SECRET_KEY = re.compile(
    r"sig|token|secret|password|credential|accesskey|apikey|api[-_]key|^key|policy|key-pair|auth"
    r"|^x-(amz|goog|oss|cos)-|^(se|sp|sv|sr|st|skoid|sktid)$",
    re.IGNORECASE,
)


FileIdentity = tuple[int, int]  # device and inode


def file_identity(status: os.stat_result) -> FileIdentity:
    """Return which file it is, under whatever name it was found."""
    return status.st_dev, status.st_ino


def scheme_of(url: str) -> str:
    """In lower case; empty for a path, also for ``C:\\photos``."""
    head, found, _ = url.partition("://")
    return head.lower() if found and head.isalnum() and len(head) > 1 else ""


def printable(text: str | Path) -> str:
    """The text with what UTF-8 cannot hold (bytes of a file name) written as ``\\udcNN``."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def file_key(path: Path) -> str:
    """The key of a file in every run, from whatever folder it is started."""
    return printable(Path(os.path.realpath(path)))


def local_path(url: str) -> Path:
    """The path that ``file://...``, or a path itself, stands for."""
    if scheme_of(url) != "file":
        return Path(url)
    return Path(os.fsdecode(unquote(urlsplit(url).path, errors="surrogateescape")))


def place_key(place: str | Path) -> str:
    """The key under which a photo at this path or address is remembered."""
    if isinstance(place, Path) or scheme_of(place) in ("", "file"):
        return file_key(local_path(str(place)))
    return shown_url(place)


def shown_url(url: str) -> str:
    """An address as people may see it; a path or ``s3://`` address stays as it is.

    Of others, password and fragment are left out, and the query where it is secret.
    """
    if scheme_of(url) in ("", "file", "s3"):
        return printable(url)
    import urllib3

    try:
        parsed = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        return printable(url.partition("?")[0].rpartition("@")[2])
    query = parsed.query
    if query and any(SECRET_KEY.search(part.partition("=")[0]) for part in query.split("&")):
        query = "..."
    return printable(parsed._replace(auth=None, query=query, fragment=None).url)
