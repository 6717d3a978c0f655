"""``index.html``: one page that shows the people and takes corrections, opened from disk.

The page holds its data, style and script; beside it lie only the thumbnails. Names and
paths are hostile until proven otherwise: the data is ASCII JSON without ``<``, ``>`` or
``&``, the script writes it as text and never as markup, and the page's content security
policy allows exactly this script and this style, pictures beside the page, and no network.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from grouping.report.style import COLOURS
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album, Face, one_line
from grouping.results.schema import NOT_READ, OPTED_OUT, Document, GroupEntry

PAGE_FOLDER = Path(__file__).parent / "gallery_page"
SCRIPTS = (*("model", "corrections", "saving", "parts", "views", "draw", "viewer", "map", "main"),)


def gallery_page(album: Album, thumbnails: Thumbnails, *, look_up: bool = False) -> str:
    """The page as text, pure ASCII in its data; save it beside the folder of the thumbnails.

    Args:
        album: of the document.
        thumbnails: its small pictures.
        look_up: show the one person who was looked up and their photos, and nothing to correct.
    """
    script = _script()
    style = (PAGE_FOLDER / "style.css").read_text("utf-8")
    page = (PAGE_FOLDER / "page.html").read_text("utf-8")
    parts = {
        "policy": _policy(script, style),
        "style": style,
        "script": script,
        "data": as_json(gallery_data(album, thumbnails, look_up=look_up)),
    }
    for name, text in parts.items():
        head, tail = page.split("{{" + name + "}}")
        page = head + text + tail
    return page


def gallery_data(album: Album, thumbnails: Thumbnails, *, look_up: bool = False) -> dict[str, Any]:
    """What the page shows, as JSON values; faces are rows to keep many photos small."""
    return {
        "lookUp": look_up,
        # How many, and nothing that tells who: not which photos, either.
        "optedOut": 0 if look_up else sum(image.get("opted_out", 0) for image in album.images),
        "created": album.document["created"],
        "about": _about(album.document),
        "changes": _changes(album.document),
        "colours": COLOURS,
        "people": [_person(album, group_idx) for group_idx in range(len(album.groups))],
        "photos": [_photo(album, thumbnails, photo) for photo in range(len(album.images))],
        "faces": [_face_row(face) for face in album.faces.values()],
        "merges": _merges(album),
        "anyKnown": "known_people" in album.document,
        "notFound": [
            one_line(known["name"])
            for known in album.document.get("known_people", ())
            if known["group_idx"] < 0
        ],
        "map": _map(album.document),
    }


def _script() -> str:
    parts = [(PAGE_FOLDER / f"{name}.js").read_text("utf-8") for name in SCRIPTS]
    return "(() => {\n'use strict';\n" + "\n".join(parts) + "\n})();"


def _policy(script: str, style: str) -> str:
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src 'self' file: data:; "
        f"script-src {_source_hash(script)}; style-src {_source_hash(style)}"
    )


def _source_hash(text: str) -> str:
    digest = b64encode(sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def as_json(data: dict[str, Any]) -> str:
    """Return JSON that may stand in a page: ASCII, without a sign of markup."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _about(document: Document) -> str:
    model = document["model"]
    threshold = document["settings"]["threshold"]
    return one_line(
        f"{model['name']} ({model['file']}), threshold {threshold}, version {document['version']}, "
        f"made {document['created']}"
    )


def _changes(document: Document) -> str:
    """How the people differ from those of the run before; empty where nothing does."""
    changes = document.get("changes") or {}
    return ", ".join(f"{len(who)} {kind}" for kind, who in changes.items() if who)


def _person(album: Album, group_idx: int) -> dict[str, Any]:
    group = album.groups[group_idx]
    return {
        "id": group.get("group_id", f"group {group_idx}"),
        "name": one_line(group.get("name") or ""),
        "faces": [face.idx for face in album.faces_of(group_idx)],
        "representative": group["representative_face_idx"],
        "cohesion": group.get("cohesion"),
        "purity": group.get("purity"),
        "childOf": _child_age(group),
        "isNew": group.get("group_id") in (album.document.get("changes") or {}).get("new", ()),
    }


def _child_age(group: GroupEntry) -> int | None:
    """How old somebody seems who seems to be a child; None for everybody else."""
    seems = group.get("attributes")
    if seems is None or not seems["seems_child"] or seems["age"] is None:
        return None
    return round(seems["age"])


def _photo(album: Album, thumbnails: Thumbnails, photo: int) -> dict[str, Any]:
    """What the page shows of a photo, without what is not so: there may be very many."""
    image = album.images[photo]
    key = PurePosixPath(thumbnails.preview_name(photo)).stem
    said = {
        "name": album.photo_name(photo),
        "w": image["width"],
        "h": image["height"],
        "sha256": image.get("sha256"),
        "copyOf": album.original(photo),
        "key": None if (image.get("sha256") or "").startswith(key) else key,
        "link": _link(str(image.get("url") or "")),
        "failed": image["group_idx"] == [NOT_READ],
        "problem": thumbnails.problems.get(photo),
        "remark": one_line(
            "; ".join(w for w in image.get("warnings") or [] if not w.endswith(OPTED_OUT))
        ),
    }
    unsaid = (None, False, "")  # by identity: 0 is a photo or a side, and stays
    return {n: value for n, value in said.items() if not any(value is no for no in unsaid)}


def _link(url: str) -> str | None:
    """Where the original can be opened: on the web or on this machine, nowhere else."""
    if url.lower().startswith(("http://", "https://", "file://")):
        return url
    for path in (PurePosixPath(url), PureWindowsPath(url)):
        if path.is_absolute():
            return path.as_uri()
    return None


def _face_row(face: Face) -> list[Any]:
    row = [face.idx, face.photo, *map(round, face.box), face.group, face.similarity]
    return [*row, 1] if face.entry.get("drawn") else row


def _map(document: Document) -> dict[str, list[Any]]:
    plots = document.get("plots")
    if not plots:
        return {"face": [], "x": [], "y": []}
    tsne = plots["tsne"]
    return {"face": tsne["face_idx"], "x": tsne["x"], "y": tsne["y"]}


def _merges(album: Album) -> list[dict[str, Any]]:
    """Suggested merges: pairs of groups, with what speaks for and against."""
    return [
        {
            "pair": suggestion["groups"],
            "similarity": suggestion.get("similarity"),
            "faces": suggestion.get("faces", []),
            "closest": suggestion.get("face_similarity"),
            "shared": suggestion.get("shared_photos", 0),
        }
        for suggestion in album.document.get("merge_suggestions") or []
    ]
