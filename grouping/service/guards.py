"""What guards a running service and answers its questions, made from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from grouping.api import HttpOptions
from grouping.api.albums.opened_albums import OpenedAlbums, opened_albums
from grouping.service.jobs.notices import Notices
from grouping.service.questions.face_pool import FacePool
from grouping.service.safety.audit import AuditLog
from grouping.service.safety.guest_links import LinkSigner
from grouping.service.safety.rate_limits import TokenBuckets
from grouping.service.safety.strangers import Strangers
from grouping.service.safety.webhooks import TIMES, WebhookSender
from grouping.service.settings import ServiceSettings
from grouping.service.store.notices import NoticeStore
from grouping.service.store.store import Store

AUDIT_FOLDER = "audit"
BURST_SECONDS = 10.0  # of the rate, that a caller who was quiet may take at once
# Photos that one question may have, by the last word of its path.
MOST_SELFIES = 5
PHOTOS_OF = {"verify": 2, "represent": 1, "extract": 1, "find": MOST_SELFIES}
MOST_BODY_PHOTOS = 2  # of the largest size; several selfies share it
MARGIN_BYTES = 64 * 1024  # of a body, around its photos; of one that is told of nowhere
CORRECTIONS_BYTES = 8 * 2**20


def body_limits(settings: ServiceSettings) -> dict[str, int]:
    """Return how many bytes a request may send, by the last word of its path; base64 fits."""
    one = settings.question_bytes * 4 // 3
    questions = {
        path: min(count, MOST_BODY_PHOTOS) * one + MARGIN_BYTES for path, count in PHOTOS_OF.items()
    }
    albums = {"albums": settings.request_bytes, "photos": settings.request_bytes}
    corrections = {"people": CORRECTIONS_BYTES, "corrections": CORRECTIONS_BYTES}
    return {**questions, **albums, **corrections}


@dataclass(frozen=True)
class Guards:
    """The parts.

    Attributes:
        rates: how often keys may ask.
        strangers: how often those may ask who show no valid key or link.
        links: makes and checks links for browsers.
        audit: who did what.
        pool: threads that look at faces.
        opened: albums that are asked.
        notices: tells webhooks.
    """

    rates: TokenBuckets
    strangers: Strangers
    links: LinkSigner
    audit: AuditLog
    pool: FacePool
    opened: OpenedAlbums
    notices: Notices

    @classmethod
    def of(cls, settings: ServiceSettings, secret: bytes, store: Store) -> Guards:
        """Return the guards of a service; threads are started later."""
        rate = settings.requests_a_minute
        hosts = HttpOptions(
            allowed=settings.allowed_hosts,
            ca_file=settings.ca_file,
            connect_timeout=TIMES.connect_timeout,
            read_timeout=TIMES.read_timeout,
            total_timeout=TIMES.total_timeout,
        )
        return cls(
            rates=TokenBuckets(rate, max(1.0, rate * BURST_SECONDS / 60)),
            strangers=Strangers(settings.refusals_a_minute),
            links=LinkSigner(secret),
            audit=AuditLog(settings.data / AUDIT_FOLDER, secret),
            pool=FacePool(
                settings.questions_at_once, settings.questions_waiting, settings.question_seconds
            ),
            opened=opened_albums(),
            notices=Notices(NoticeStore(store), WebhookSender(hosts), secret),
        )

    def start(self) -> None:
        """Start the threads."""
        self.notices.start()

    def stop(self) -> None:
        """End them."""
        self.pool.stop()
        self.notices.stop()
