"""What a person is told whose link to the gallery does not open it: words in place of JSON."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse

from grouping.service.store.records import FAILED, AlbumRecord
from grouping.service.web.refusals import RefusedRequestError

FILE = Path(__file__).parent / "told.html"
POLICY = "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; form-action 'none'"
AGAIN = '<meta http-equiv="refresh" content="10">\n'

LOCKED = "This page is closed", "Open it by the link that you were given, or ask for a new one."
CUT = (
    "This link does not work",
    "It may have been cut short: open it again from the message it came in, or ask for a new one.",
)
EXPIRED = "This link has expired", "Please ask whoever sent it for a new one."
GONE = "This album is not there any more", "It may have been erased."
WAITING = (
    "The photos are being looked at",
    "The page is there once they are grouped. It looks by itself every ten seconds.",
)
UNGROUPED = (
    "The photos could not be grouped",
    "Please tell whoever looks after this album.",
)
AWAY = (
    "The photos cannot be shown now",
    "Please come back in a while, or tell whoever looks after this album.",
)
OFTEN = "That was very often", "Please wait a minute, then load the page again."
BY_CODE = {
    "unauthorized": LOCKED,
    "forbidden": LOCKED,
    "link_invalid": CUT,
    "link_expired": EXPIRED,
    "not_found": GONE,
    "too_many_requests": OFTEN,
    "group_again": UNGROUPED,
    "unavailable": AWAY,
    "storage_full": AWAY,
}


def told_page(
    request: Request, refusal: RefusedRequestError, album: AlbumRecord | None
) -> HTMLResponse:
    """Return a page that says why the gallery cannot be shown, with the status of the refusal.

    Args:
        request: of a browser.
        refusal: of the gallery.
        album: where it is known; says whether waiting helps.

    Raises:
        RefusedRequestError: the refusal, where a program asks, or nobody has words for it.
    """
    if "text/html" not in request.headers.get("accept", ""):
        raise refusal
    said = BY_CODE.get(refusal.code)
    if said is None and album is not None and refusal.status == 409:
        said = UNGROUPED if album.state == FAILED else WAITING
    if said is None:
        raise refusal
    text = _file().replace("{{title}}", said[0]).replace("{{words}}", said[1])
    text = text.replace("{{again}}", AGAIN if said is WAITING else "")
    headers = {**refusal.headers, "Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(text, refusal.status, headers)


@cache
def _file() -> str:
    return FILE.read_text("utf-8")
