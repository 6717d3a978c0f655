"""Places of photos and files: as people may see them, and as keys that last from run to run."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grouping.errors import FetchError

# What is said of a picture and opens no door; whatever else is in a query may be a secret.
HARMLESS_KEYS = frozenset(
    {"w", "h", "width", "height", "size", "q", "quality", "format", "fm", "fit", "crop", "dpr"}
)
HARMLESS_VALUE = re.compile(r"[A-Za-z0-9._-]{0,12}")
HIDDEN = "..."
UNPRINTABLE = re.compile(r"\\u(dc[89a-f][0-9a-f])")  # a byte of a name that is no UTF-8
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")
PARAMETERS = re.compile(r";[^/]*")  # of a part of a path: ``;jsessionid=...``
# Parts of presigned addresses (S3, CloudFront, Google, Azure) that are new with every signature.
PASSING_KEY = re.compile(
    r"sig|token|secret|password|credential|accesskey|apikey|api[-_]key|^key|policy|key-pair|auth"
    r"|^x-(amz|goog|oss|cos)-|^(se|sp|sv|sr|st|skoid|sktid)$",
    re.IGNORECASE,
)
DIGEST_CHARACTERS = 16


FileIdentity = tuple[int, int]  # device and inode


def file_identity(status: os.stat_result) -> FileIdentity:
    """Return which file it is, under whatever name it was found."""
    return status.st_dev, status.st_ino


def scheme_of(url: str) -> str:
    """In lower case; empty for a path, also for ``C:\\photos``."""
    head, found, _ = url.partition("://")
    return head.lower() if found and SCHEME.fullmatch(head) else ""


def printable(text: str | Path) -> str:
    """The text with what UTF-8 cannot hold (bytes of a file name) written as ``\\udcNN``."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def file_key(path: Path) -> str:
    """The key of a file in every run, from whatever folder it is started."""
    try:
        return printable(Path(os.path.realpath(path)))
    except ValueError:  # a NUL in it: no file is called so
        return printable(Path(os.path.abspath(path)))


def local_path(url: str) -> Path:
    """The path that ``file://...``, or a path itself, stands for.

    Raises:
        FetchError: the address cannot be split (``file://[``).
    """
    if scheme_of(url) != "file":
        return _unprinted(url)
    try:
        path = urlsplit(url).path
    except ValueError as error:
        raise FetchError("is not a valid address") from error
    return Path(os.fsdecode(unquote(path, errors="surrogateescape")))


def _unprinted(path: str) -> Path:
    """The path that :func:`printable` wrote so, if such a file is there, else the path as it is."""
    if "\\udc" not in path or os.path.lexists(path):
        return Path(path)
    meant = UNPRINTABLE.sub(lambda found: chr(int(found[1], 16)), path)
    return Path(meant if os.path.lexists(meant) else path)


def path_of(url: str) -> str:
    """The path of an address, as written; empty where the address cannot be split."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def place_keys(place: str | Path) -> tuple[str, ...]:
    """The keys under which a photo at this path or address may be remembered, today's first.

    Version 0.1.0 kept the query of an address, unless it looked secret.
    """
    if isinstance(place, Path) or scheme_of(place) in ("", "file"):
        return (file_key(local_path(str(place))),)
    key, older = address_key(place), _key_of_0_1(place)
    return (key,) if key == older else (key, older)


def address_key(url: str) -> str:
    """The key of an address in every run: as shown, with a digest of what tells photos apart.

    Signatures do not count: they are others in every run.
    """
    _, _, query = url.partition("#")[0].partition("?")
    if scheme_of(url) == "s3" or not query:
        return shown_url(url)
    lasting = [p for p in _parts(query) if not _harmless(p) and not PASSING_KEY.search(_name(p))]
    if not lasting:
        return shown_url(url)
    digest = sha256("&".join(lasting).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{shown_url(url)}#{digest[:DIGEST_CHARACTERS]}"


def shown_url(url: str) -> str:
    """An address as people may see it; a path stays as it is.

    User name, password and fragment are left out, and so is all of the query but a few keys that
    cannot be secret.
    """
    scheme = scheme_of(url)
    if scheme in ("", "file"):
        return printable(url)
    rest = url.partition("://")[2]
    if scheme == "s3":  # its keys may hold any character
        return printable(f"s3://{_without_login(rest)}")
    address, asked, query = rest.partition("#")[0].partition("?")
    path = PARAMETERS.sub(f";{HIDDEN}", _without_login(address))
    return printable(_normal(f"{scheme}://{path}{'?' if asked else ''}{_shown_query(query)}"))


def _normal(url: str) -> str:
    """The address as it is asked for; as written where nobody could ask for it."""
    import urllib3

    try:
        return str(urllib3.util.parse_url(url).url)
    except (urllib3.exceptions.LocationParseError, ValueError):
        return url


def holds_login(url: str) -> bool:
    """Whether a user name or password stands before the host or bucket."""
    rest = url.partition("://")[2]
    return _without_login(rest) != rest


def _without_login(rest: str) -> str:
    """What follows ``://``, without ``user:password@``, where a password may hold a slash."""
    host, _, _ = rest.partition("/")
    if "@" in host:
        return host.rpartition("@")[2] + rest[len(host) :]
    secret = ":" in host and not host.rpartition(":")[2].isdecimal() and "@" in rest
    return rest.rpartition("@")[2] if secret and not host.startswith(("arn:", "[")) else rest


def _shown_query(query: str) -> str:
    parts = _parts(query)
    kept = [part for part in parts if _harmless(part)]
    return "&".join([*kept, HIDDEN] if len(kept) < len(parts) else kept)


def _key_of_0_1(url: str) -> str:
    if scheme_of(url) == "s3":
        return printable(url)
    import urllib3

    try:
        parsed = urllib3.util.parse_url(url)
    except (urllib3.exceptions.LocationParseError, ValueError):
        return printable(url.partition("?")[0].rpartition("@")[2])
    query = parsed.query
    if query and any(PASSING_KEY.search(_name(part)) for part in query.split("&")):
        query = HIDDEN
    return printable(parsed._replace(auth=None, query=query, fragment=None).url)


def _parts(query: str) -> list[str]:
    return [part for part in re.split("[&;]", query) if part]


def _name(part: str) -> str:
    return part.partition("=")[0]


def _harmless(part: str) -> bool:
    name, _, value = part.partition("=")
    return name.lower() in HARMLESS_KEYS and HARMLESS_VALUE.fullmatch(value) is not None
