"""Which files are photos, told by their content; and what the others are, so that they are counted.

A camera's card holds videos and sidecars beside the photos, a backup files without a suffix, a
messenger's folder ``.jpg_large``. What has a photo's suffix is taken for one; of anything else the
first bytes decide.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from grouping.errors import FetchError
from grouping.storage.regular_files import open_regular_file

HEAD_BYTES = 32

# fmt: off
PHOTO_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".jxl",
    ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".j2k", ".ppm", ".pgm", ".mpo", ".tga",
})
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
})
# Thumbnails of videos, and downloads that have not ended: pictures, but no photos.
NEVER_SUFFIXES = frozenset({".thm", ".part", ".partial", ".crdownload", ".tmp", ".ico", ".cur"})
KINDS = {
    "video": (
        ".3g2 .3gp .asf .avi .flv .insv .lrv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .vob "
        ".webm .wmv"
    ),
    "audio file": ".aac .aif .aiff .amr .flac .m4a .mp3 .oga .ogg .opus .wav .wma",
    "document": (
        ".csv .doc .docx .html .htm .key .md .numbers .odp .ods .odt .pages .pdf .ppt .pptx .rtf "
        ".txt .url .xls .xlsx"
    ),
    "drawing": ".ai .cdr .eps .ico .cur .indd .ps .psd .psb .svg .xcf",
    "archive": ".7z .bz2 .gz .rar .tar .tgz .xz .zip",
    "sidecar": ".aae .dop .exif .json .pp3 .thm .xml .xmp",
}
# fmt: on
KIND_OF_SUFFIX = {suffix: kind for kind, text in KINDS.items() for suffix in text.split()}
OTHER = "other file"

PICTURE_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"),
    *(b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    *(b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM"),
)
# Of ISO base media files, by their brand; all others are taken for videos.
PICTURE_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
) | {b"crx "}
BITMAP_HEADERS = (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")  # their sizes: 40, 108, 124
CONTENT_KINDS = {
    b"%PDF": "document",
    b"PK\x03\x04": "archive",
    b"\x1aE\xdf\xa3": "video",
    b"\0\0\x01\xba": "video",
    b"\0\0\x01\xb3": "video",
    b"FLV\x01": "video",
    b"ID3": "audio file",
    b"fLaC": "audio file",
}


class LeftOut:
    """Files that were found and are no photos, in the order found.

    Attributes:
        files: (place as shown, kind) of each.
    """

    def __init__(self) -> None:
        self.files: list[tuple[str, str]] = []

    def add(self, place: str, kind: str) -> None:
        """Note one."""
        self.files.append((place, kind))

    def without(self, places: Collection[str]) -> LeftOut:
        """Return the same but for files that were read after all."""
        rest = LeftOut()
        rest.files = [(place, kind) for place, kind in self.files if place not in places]
        return rest

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind, the most first."""
        return dict(Counter(kind for _, kind in self.files).most_common())

    def __str__(self) -> str:
        """Such as ``3 videos, 1 sidecar``; empty where there are none."""
        return ", ".join(
            f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in self.counts.items()
        )


def kind_by_name(name: str) -> str | None:
    """What a file of this name is, ``"photo"`` among them; None where the name does not tell."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in PHOTO_SUFFIXES or suffix in RAW_SUFFIXES:
        return "photo"
    return KIND_OF_SUFFIX.get(suffix, OTHER if suffix in NEVER_SUFFIXES else None)


def kind_by_content(name: str, head: bytes) -> str:
    """What a file is by its first ``HEAD_BYTES`` bytes, else by its name, else ``OTHER``."""
    named = kind_by_name(name)
    if os.path.splitext(name)[1].lower() in NEVER_SUFFIXES:
        return named or OTHER
    if _is_picture(head):
        return "photo"
    return named if named not in (None, "photo") else _other_kind(head)


def kind_of_file(path: Path) -> str:
    """What a file is; its first bytes are read where its name does not say that it is a photo."""
    named = kind_by_name(path.name)
    if named == "photo":
        return "photo"
    try:
        with open_regular_file(path) as file:
            return kind_by_content(path.name, file.read(HEAD_BYTES))
    except (OSError, FetchError):
        return named or OTHER


def is_raw_name(name: str) -> bool:
    """Whether a file of this name is a camera's RAW file."""
    return os.path.splitext(name)[1].lower() in RAW_SUFFIXES


def raw_companions(places: Sequence[str]) -> dict[int, int]:
    """Which RAW files lie beside a picture of the same name: one photo, written twice.

    Args:
        places: of photos, as shown.

    Returns:
        The position of each such RAW file, with that of its picture.
    """
    pictures: dict[str, int] = {}
    for position, place in enumerate(places):
        if kind_by_name(place) == "photo" and not is_raw_name(place):
            pictures.setdefault(os.path.splitext(place)[0].casefold(), position)
    stems = ((i, os.path.splitext(p)[0].casefold()) for i, p in enumerate(places) if is_raw_name(p))
    return {position: pictures[stem] for position, stem in stems if stem in pictures}


def left_out_reason(kind: str) -> str:
    """What is said of a file that was left out."""
    return f"left out: {'an' if kind[0] in 'aeiou' else 'a'} {kind}, not a photo"


def _is_picture(head: bytes) -> bool:
    if head.startswith(PICTURE_STARTS) or head[6:14] == b"HEAPCCDR":
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[:2] == b"BM":  # two letters: the reserved bytes and the header's size have to fit
        return head[6:10] == bytes(4) and head[14:18] in BITMAP_HEADERS
    return head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS


def _other_kind(head: bytes) -> str:
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "video"
    if head[:4] == b"RIFF":
        return "video" if head[8:12] == b"AVI " else "audio file"
    starts = (kind for start, kind in CONTENT_KINDS.items() if head.startswith(start))
    return next(starts, OTHER)
