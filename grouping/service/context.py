"""What every request and the jobs share; lies at ``app.state.context``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from grouping.api import GroupingConfig
from grouping.api.albums.album_document import AlbumDocuments
from grouping.service.settings import ServiceSettings

if TYPE_CHECKING:
    from grouping.service.albums.erasing import Eraser
    from grouping.service.albums.folders import AlbumFolders
    from grouping.service.guards import Guards
    from grouping.service.jobs.runner import JobRunner
    from grouping.service.metrics import Metrics
    from grouping.service.store.albums import AlbumStore
    from grouping.service.store.jobs import JobStore
    from grouping.service.store.keys import ApiKeyStore, ListedKeys
    from grouping.service.store.store import Store


@dataclass(frozen=True)
class Context:
    """The parts of one running service.

    Attributes:
        settings: of the service.
        store: the database.
        albums: kept there.
        jobs: kept there.
        keys: kept there.
        listed_keys: all of them, a second old at most.
        folders: where albums are on the disk.
        config: of the networks that answer questions and look at photos.
        metrics: what is counted.
        runner: groups the albums.
        documents: results of albums that were read last.
        eraser: removes albums from the disk.
        secret: 32 bytes of this service, for signatures; see
            :mod:`grouping.service.safety.secret_file`.
        guards: how often and how much callers may ask, and what answers questions about faces.
    """

    settings: ServiceSettings
    store: Store
    albums: AlbumStore
    jobs: JobStore
    keys: ApiKeyStore
    listed_keys: ListedKeys
    folders: AlbumFolders
    config: GroupingConfig
    metrics: Metrics
    runner: JobRunner
    eraser: Eraser
    documents: AlbumDocuments
    secret: bytes
    guards: Guards


def context_of(request: Request) -> Context:
    """The context of the app that a request came to."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


InContext = Annotated[Context, Depends(context_of)]
