"""Notices to a caller's own server: signed, tried again for a while, never to a private address.

A receiver checks ``Webhook-Signature``: ``v1=`` and the HMAC-SHA256, hexadecimal, of the text of
``Webhook-Timestamp``, a full stop and the body, under the secret of the API key that made the
album. It refuses timestamps that are minutes old, and takes a ``Webhook-Id`` once: a notice whose
answer was lost is sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from grouping.api import HttpOptions
from grouping.api.messages import check_post_address, post_message
from grouping.errors import FetchError
from grouping.service.safety.secret_file import derived_secret
from grouping.service.web.refusals import RefusedRequestError

ID_HEADER, TIME_HEADER = "Webhook-Id", "Webhook-Timestamp"
SIGNATURE_HEADER = "Webhook-Signature"
SECRET_PREFIX = "whsec_"
# Seconds after each failure, of which jitter takes up to half: nine tries in 7 to 14 hours.
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 14_400.0, 28_800.0)
LONGEST_PAUSE = PAUSES[-1]
GONE = 410
LONGEST_URL = 2000
TIMES = HttpOptions(connect_timeout=5.0, read_timeout=5.0, total_timeout=10.0)


@dataclass(frozen=True)
class Delivery:
    """What one try to deliver a notice gave.

    Attributes:
        delivered: the receiver answered with a status of 2xx.
        again_in: seconds until the next try; None for none, as it is delivered or given up.
        reason: why it was not delivered, one line without the address; empty where it was.
    """

    delivered: bool
    again_in: float | None = None
    reason: str = ""


def webhook_secret(secret: bytes, key_id: str) -> str:
    """Return the secret that notices to the holder of an API key are signed with.

    It follows from the secret of the service: nothing more is stored, and it can be shown again.
    """
    return SECRET_PREFIX + derived_secret(secret, "webhook", key_id).hex()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``Webhook-Signature``."""
    message = f"{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def check_webhook(url: str, *, allow_http: bool = False) -> None:
    """Find out whether notices may be sent to an address, as far as its text tells.

    Where its name leads is checked at each connection.

    Raises:
        RefusedRequestError: 422: it is no https address, or holds a login.
    """
    if len(url) > LONGEST_URL:
        raise RefusedRequestError(422, "webhook_refused", "the webhook's address is too long")
    try:
        check_post_address(url, allow_http=allow_http)
    except FetchError as error:
        raise RefusedRequestError(422, "webhook_refused", f"the webhook: {error}") from None


class WebhookSender:
    """Sends notices.

    Args:
        options: limits, and hosts that may be private.
        allow_http: send to ``http://`` as well; for tests and networks of one's own.
        clock: seconds of Unix time.
    """

    def __init__(
        self,
        options: HttpOptions = TIMES,
        *,
        allow_http: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options, self._allow_http, self._clock = options, allow_http, clock

    def deliver(self, url: str, notice_id: str, body: bytes, secret: str, tries: int) -> Delivery:
        """Try once, within some seconds.

        Args:
            url: of the receiver.
            notice_id: the same at every try.
            body: JSON.
            secret: see :func:`webhook_secret`.
            tries: how many there were before.
        """
        timestamp = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            ID_HEADER: notice_id,
            TIME_HEADER: str(timestamp),
            SIGNATURE_HEADER: signature(secret, timestamp, body),
        }
        try:
            check_post_address(url, allow_http=self._allow_http)
        except FetchError as error:
            return Delivery(False, None, str(error))
        try:
            answer = post_message(
                url, body, headers, options=self._options, allow_http=self._allow_http
            )
        except FetchError as error:
            # Names, certificates and rules of a network are put right within hours, too.
            return _failed(str(error), tries)
        if 200 <= answer.status < 300:
            return Delivery(True)
        reason = f"the receiver answered {answer.status}"
        if answer.status == GONE:
            return Delivery(False, None, reason)
        return _failed(reason, tries, answer.retry_after)


def _failed(reason: str, tries: int, wait: float = 0.0) -> Delivery:
    """Not delivered; again after the pause of this try, unless it was the last."""
    if tries >= len(PAUSES):
        return Delivery(False, None, reason)
    pause = PAUSES[tries] * random.uniform(0.5, 1.0)
    return Delivery(False, min(LONGEST_PAUSE, max(pause, wait)), reason)
