"""A real service on loopback, and an album in it that was really grouped."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from grouping.service.app import create_app
from grouping.service.browser_pages import BrowserPages
from grouping.service.context import Context
from grouping.service.safety.api_keys import new_key
from grouping.service.settings import ServiceSettings
from grouping.service.store.albums import NewPhoto, new_id

GIVE_UP = 120.0  # seconds


@dataclass(frozen=True)
class RunningService:
    """Where it is, and what it works with."""

    url: str
    context: Context
    pages: BrowserPages

    def key(self, *scopes: str) -> dict[str, str]:
        """The header of a new API key."""
        text, kept = new_key("test", scopes or ("read", "write", "find"))
        self.context.keys.add_key(kept)
        return {"Authorization": f"Bearer {text}"}

    def add_album(self, photos: Iterable[Path]) -> str:
        """An album of uploads, called by their names, once it is grouped."""
        id, new = new_id(), []
        for photo in photos:
            place = self.context.folders.new_upload(id)
            shutil.copy(photo, place)
            new.append(NewPhoto(photo.stem, file=place.name))
        self.context.albums.add(self.context_key, new, id=id, queue_length=10)
        self.context.runner.wake()
        return self.grouped(id)

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

    @property
    def context_key(self) -> str:
        """The id of a key that albums are made with."""
        return "0" * 16


@contextmanager
def running_service(data: Path, **settings: object) -> Iterator[RunningService]:
    """Serve from a data folder while the block lasts."""
    app = create_app(ServiceSettings(data=data, **settings))  # type: ignore[arg-type]
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        port = taken.getsockname()[1]
        yield RunningService(f"http://127.0.0.1:{port}", app.state.context, app.state.browser_pages)
    finally:
        server.should_exit = True
        thread.join(30)
        taken.close()
