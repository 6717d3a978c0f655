"""A real service on loopback with an album in it that was really grouped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from grouping.service.app import create_app
from grouping.service.context import Context
from grouping.service.pages.shared import LinkRates
from grouping.service.settings import ServiceSettings
from tests.helpers.services.serving import client_of, serving

GIVE_UP = 120.0  # seconds


@dataclass(frozen=True)
class RunningService:
    """Where it is, and what it works with."""

    url: str
    context: Context
    rates: LinkRates
    app: object

    def key(self, *scopes: str) -> dict[str, str]:
        """The header of a new API key."""
        return {"Authorization": f"Bearer {client_of(self.app, self.url, *scopes).key}"}

    def add_album(self, photos: Iterable[Path]) -> str:
        """An album of uploads, once it is grouped; each is called as its file."""
        files = [("photos", (photo.name, photo.read_bytes())) for photo in photos]
        answer = httpx.post(
            f"{self.url}/v1/albums", files=files, headers=self.key("write"), timeout=60
        )
        assert answer.status_code == 202, answer.text
        return self.grouped(answer.json()["id"])

    def grouped(self, id: str) -> str:
        """Wait for the jobs of an album."""
        until = time.monotonic() + GIVE_UP
        while time.monotonic() < until:
            album = self.context.albums.get(id)
            assert album is not None
            if album.state == "done" and album.done == album.wanted:
                return id
            assert album.state != "failed", album.error
            time.sleep(0.05)
        raise AssertionError("the album is not grouped")


@contextmanager
def running_service(data: Path, **settings: object) -> Iterator[RunningService]:
    """Serve from a data folder while the block lasts."""
    app = create_app(ServiceSettings(data=data, **settings))  # type: ignore[arg-type]
    with serving(app) as url:
        yield RunningService(url, app.state.context, app.state.link_rates, app)
