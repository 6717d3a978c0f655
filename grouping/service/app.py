"""The service: :func:`create_app` wires its parts together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from grouping.api import GroupingConfig
from grouping.api.albums.album_document import album_documents
from grouping.errors import OutputError
from grouping.service.albums.erasing import Eraser
from grouping.service.albums.folders import AlbumFolders
from grouping.service.context import Context
from grouping.service.guards import MARGIN_BYTES, Guards, body_limits
from grouping.service.jobs.runner import JobRunner
from grouping.service.metrics import Metrics
from grouping.service.pages.shared import LinkRates
from grouping.service.questions.asking import load_networks
from grouping.service.routes import albums, guests, links, operations, pages, people, questions
from grouping.service.safety.audited import Audited
from grouping.service.safety.secret_file import derived_secret, load_secret
from grouping.service.settings import ServiceSettings
from grouping.service.store.albums import AlbumStore
from grouping.service.store.jobs import JobStore
from grouping.service.store.keys import ApiKeyStore, ListedKeys
from grouping.service.store.remembered import Remembered
from grouping.service.store.store import Store
from grouping.service.web.body_limit import BodyLimit, limit_by_path
from grouping.service.web.error_envelope import add_error_handlers
from grouping.service.web.middleware import EveryRequest
from grouping.service.web.stopping import Stopping
from grouping.version import __version__

DESCRIPTION = """\
Who is in which photo. Albums are jobs: post photos, ask how far it is, read people and photos.
Faces are personal data: an album is for the holders of your API keys, and gone once it is deleted.
"""


def create_app(settings: ServiceSettings) -> FastAPI:
    """Return the service as an ASGI application; jobs are taken while its lifespan lasts.

    Raises:
        OutputError: the data folder or the store cannot be used.
        ConfigError: a setting is out of its range.
        ModelError: a driver is not installed.
    """
    context = create_context(settings)
    app = FastAPI(
        title="Photo albums",
        version=__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # would load scripts of others beside the pages of albums
        redoc_url=None,
    )
    app.state.context = context
    app.state.link_rates = LinkRates()
    add_error_handlers(app)
    app.state.stopping = Stopping()
    limit_of = limit_by_path(body_limits(settings), MARGIN_BYTES)
    app.add_middleware(BodyLimit, limit_of=limit_of, stopping=app.state.stopping)
    app.add_middleware(Audited, log=context.guards.audit, strangers=context.guards.strangers)
    app.add_middleware(EveryRequest, app_state=app.state)
    app.include_router(operations.router)
    for routes in (albums, people, questions, links, pages, guests):
        app.include_router(routes.router, prefix="/v1")
    return app


def create_context(settings: ServiceSettings) -> Context:
    """Return the parts of a service; nothing runs yet.

    Raises:
        As :func:`create_app`.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{settings.data} cannot be made: {error.strerror}") from None
    secret = load_secret(settings.data)
    folders = AlbumFolders(settings.data)
    store = Store(settings.database_url)
    mark = derived_secret(secret, "store").hex()[:32]
    store.belongs_to(mark, has_albums=bool(folders.known()))
    kept, jobs = AlbumStore(store), JobStore(store, settings.lease_seconds)
    keys = ApiKeyStore(store)
    config = GroupingConfig(
        checkpoint=settings.checkpoint,
        device=settings.device,
        photo_seconds=settings.photo_seconds,
    )
    metrics = Metrics(Remembered(kept.numbers))
    eraser = Eraser(kept, folders, settings)
    runner = JobRunner(settings, kept, jobs, folders, config, metrics, eraser.after_job)
    return Context(
        settings=settings,
        store=store,
        albums=kept,
        jobs=jobs,
        keys=keys,
        listed_keys=ListedKeys(keys),
        folders=folders,
        config=config,
        metrics=metrics,
        runner=runner,
        eraser=eraser,
        documents=album_documents(),
        secret=secret,
        guards=Guards.of(settings, secret, store),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.metrics.start()
    context.eraser.start()
    context.runner.start()
    context.guards.start()
    context.guards.pool.begin(lambda: load_networks(context))
    try:
        yield
    finally:
        await run_in_threadpool(context.guards.stop)
        await run_in_threadpool(context.runner.stop)
        await run_in_threadpool(context.eraser.stop)
        context.metrics.stop()
        context.store.close()
