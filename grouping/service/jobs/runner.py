"""Groups albums in threads of the service: takes jobs, tells how far they are, resumes them.

What a process that was killed had found is in the album's cache, so that the next one goes on from
there. A job that was taken over ends in the process that lost it, without a word to anybody.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from grouping.api import GroupingConfig
from grouping.api.albums.album_folder import AlbumPhoto, group_into_folder
from grouping.api.albums.published import publish_folder
from grouping.errors import FolderInUseError, GroupingError, Interrupted
from grouping.service.albums.folders import AlbumFolders
from grouping.service.jobs.progress import JobProgress, counts_of, failures_of
from grouping.service.metrics import Metrics
from grouping.service.settings import ServiceSettings
from grouping.service.store.albums import AlbumStore
from grouping.service.store.jobs import Job, JobStore, Notice
from grouping.service.web.wording import for_callers

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between looks for jobs that another process was given
BEATS = 6  # of the heart in the time of a lease, or more
PROGRESS_SECONDS = 2.0  # between two of them at most, as callers look how far it is
PAUSE_SECONDS = 5.0  # after the store could not be reached
INTERNAL = "the service failed; its log says how"


class JobRunner:
    """Threads that group albums.

    Args:
        settings: of the service.
        albums, jobs: of the store.
        folders: of the albums.
        config: settings that callers do not choose.
        metrics: is told what was done.
        on_end: is told the album of each job that ended, whatever the end.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        albums: AlbumStore,
        jobs: JobStore,
        folders: AlbumFolders,
        config: GroupingConfig,
        metrics: Metrics,
        on_end: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._albums, self._jobs, self._folders = albums, jobs, folders
        self._config, self._metrics, self._on_end = config, metrics, on_end
        self._at_work: dict[str, threading.Event] = {}
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to take jobs."""
        for number in range(self._settings.jobs_at_once):
            thread = threading.Thread(target=self._work, name=f"jobs-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Have photos in flight finished, put jobs back into the queue, and wait for that."""
        self._stop.set()
        for stop in list(self._at_work.values()):
            stop.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Say that there may be a job."""
        with self._news:
            self._news.notify_all()

    def let_go(self, album: str) -> None:
        """Have a job on an album ended that this process may be at."""
        stop = self._at_work.get(album)
        if stop is not None:
            stop.set()

    def is_well(self) -> bool:
        """Whether jobs are taken."""
        return not self._stop.is_set() and all(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                job = self._jobs.claim()
                if job is not None:
                    self._run(job)
                    continue
                pause = POLL_SECONDS
            except SQLAlchemyError as error:
                log.error("the store cannot be reached: %s", type(error).__name__)
                pause = PAUSE_SECONDS
            except Exception:
                log.exception("a job has no end; its lease runs out")
                pause = PAUSE_SECONDS
            with self._news:
                if not self._stop.is_set():
                    self._news.wait(pause)

    def _run(self, job: Job) -> None:
        """Do a job, and say how it ended."""
        progress = JobProgress(self._metrics)
        with self._kept_alive(job, progress) as stop:
            try:
                document = self._grouped(job, progress, stop)
            except Interrupted:
                self._interrupted(job)
                return
            except FolderInUseError:  # of a process that was taken for dead
                self._interrupted(job)
                self._stop.wait(PAUSE_SECONDS)
                return
            except GroupingError as error:
                log.warning("job failed: %s", error, extra=_fields(job))
                self._failed(job, str(error))
                return
            except Exception:
                log.exception("job failed", extra=_fields(job))
                self._failed(job, INTERNAL)
                return
        self._done(job, document, progress)

    def _grouped(self, job: Job, progress: JobProgress, stop: threading.Event) -> Any:
        album = job.album
        photos = (
            AlbumPhoto(photo.id, photo.url or self._folders.upload(album.id, photo.file or ""))
            for photo in self._albums.photos_of(album.id)
        )
        progress.total = album.photos
        settings = self._settings
        folder = self._folders.of(album.id)
        document = group_into_folder(
            photos,
            folder,
            prefixes=album.prefixes,
            most_photos=settings.photos_a_job,
            config=self._config.with_settings(workers=settings.workers, **album.settings),
            options=settings.sources,
            on_photo=progress.photo,
            stop=stop,
        )
        if (place := settings.results_of(album.id)) is not None:
            publish_folder(folder, place, settings.s3)
        return document

    @contextmanager
    def _kept_alive(self, job: Job, progress: JobProgress) -> Iterator[threading.Event]:
        """Tell the store that the job goes on; what is given is set once it must not."""
        stop, over = threading.Event(), threading.Event()
        thread = threading.Thread(
            target=self._beat, args=(job, progress, stop, over), name="heartbeat", daemon=True
        )
        self._at_work[job.album.id] = stop
        if self._stop.is_set():
            stop.set()
        thread.start()
        try:
            yield stop
        finally:
            del self._at_work[job.album.id]
            over.set()
            thread.join()

    def _beat(
        self, job: Job, progress: JobProgress, stop: threading.Event, over: threading.Event
    ) -> None:
        lease = self._settings.lease_seconds
        until = time.monotonic() + lease
        while True:
            since = time.monotonic()
            try:
                ours = self._jobs.beat(job, progress.as_json())
                until = since + lease
            except SQLAlchemyError as error:
                log.warning("no heartbeat: %s", type(error).__name__, extra=_fields(job))
                ours = time.monotonic() < until - lease / BEATS
            if not ours:
                stop.set()
                return
            if over.wait(min(PROGRESS_SECONDS, lease / BEATS)):
                return

    def _done(self, job: Job, document: Any, progress: JobProgress) -> None:
        failures = failures_of(document)
        counts = counts_of(document)
        notice = self._notice(job, "done", counts)
        kept = self._jobs.finish(
            job, progress=progress.as_json(), counts=counts, failures=failures, notice=notice
        )
        self._ended("done" if kept else "lost", job, **counts)

    def _failed(self, job: Job, reason: str) -> None:
        """What is said of a failure names no place of this machine, and no option of it."""
        told = for_callers(reason.replace(str(self._folders.of(job.album.id)), "the album"))
        kept = self._jobs.fail(job, told, self._notice(job, "failed", {}))
        self._ended("failed" if kept else "lost", job)

    def _interrupted(self, job: Job) -> None:
        """Let go of a job that was stopped: by us, since the album is gone, or it is not ours."""
        self._ended("put_back" if self._jobs.put_back(job) else "lost", job)

    def _ended(self, how: str, job: Job, **counts: int) -> None:
        self._metrics.jobs.labels(how).inc()
        log.info("job ended", extra=_fields(job, end=how, **counts))
        self._on_end(job.album.id)

    def _notice(self, job: Job, state: str, counts: dict[str, int]) -> Notice | None:
        if job.album.webhook is None:
            return None
        id = secrets.token_urlsafe(16)
        body = {"id": id, "event": f"album.{state}", "album_id": job.album.id, "counts": counts}
        return Notice(id, job.album.webhook, json.dumps(body).encode())


def _fields(job: Job, **more: Any) -> dict[str, Any]:
    return {"fields": {"album": job.album.id, **more}}
