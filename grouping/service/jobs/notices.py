"""Threads that deliver notices to webhooks, and try again what was not taken."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from grouping.service.safety.webhooks import WebhookSender, webhook_secret
from grouping.service.store.notices import DueNotice, NoticeStore

log = logging.getLogger(__name__)

THREADS = 2  # so that one slow receiver does not stop the others
POLL_SECONDS = 2.0


class Notices:
    """Delivers what is due.

    Args:
        store: of the notices, which several processes share.
        sender: sends them.
        secret: of the service.
        poll_seconds: between looks for what is due.
    """

    def __init__(
        self,
        store: NoticeStore,
        sender: WebhookSender,
        secret: bytes,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store, self._sender, self._secret = store, sender, secret
        self._poll = poll_seconds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"notices-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End with the tries that are under way; the rest is for the next start."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                notice = self._store.claim()
                if notice is not None:
                    self._deliver(notice)
                    continue
            except SQLAlchemyError as error:
                log.error("notices cannot be read: %s", type(error).__name__)
            except Exception:  # one notice must not end them all; its lease runs out
                log.exception("a notice cannot be delivered")
            self._stop.wait(self._poll)

    def _deliver(self, notice: DueNotice) -> None:
        secret = webhook_secret(self._secret, notice.key_id)
        found = self._sender.deliver(notice.url, notice.id, notice.body, secret, notice.tries)
        fields = {"notice": notice.id, "tries": notice.tries + 1, "reason": found.reason}
        if found.again_in is not None:
            self._store.again(notice, found.again_in)
            log.info("notice not delivered", extra={"fields": fields})
            return
        self._store.done(notice.id)
        if found.delivered:
            log.info("notice delivered", extra={"fields": fields})
        else:
            log.warning("notice given up", extra={"fields": fields})
