"""A request that is refused: the status, a code for programs and a line for people."""

from __future__ import annotations

import math
from collections.abc import Mapping

FULL_SECONDS = 60  # after which a disk that is full may have room


class RefusedRequestError(Exception):
    """What the service answers in place of a result.

    Attributes:
        status: of HTTP, from 400.
        code: one word for programs, as ``"not_found"``.
        message: one line that says what to do; holds nothing that the caller sent.
        headers: of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def too_many(message: str, seconds: float, code: str = "too_many_requests") -> RefusedRequestError:
    """Return the refusal of somebody who is to come back after so many seconds."""
    return RefusedRequestError(429, code, message, {"Retry-After": str(max(1, math.ceil(seconds)))})


def too_large(most: int, what: str = "the request") -> RefusedRequestError:
    """Return the refusal of what has more than so many bytes."""
    return RefusedRequestError(
        413, "too_large", f"{what} is larger than the limit of {most} bytes; send less"
    )


def storage_full() -> RefusedRequestError:
    """Return the refusal of what there is no room for."""
    return RefusedRequestError(
        503,
        "storage_full",
        "there is no room for it; erase albums, or ask for more",
        {"Retry-After": str(FULL_SECONDS)},
    )


def bad_request(message: str) -> RefusedRequestError:
    """Return the refusal of a body that cannot be understood."""
    return RefusedRequestError(400, "bad_request", message)


def invalid(message: str) -> RefusedRequestError:
    """Return the refusal of a body that says what it must not."""
    return RefusedRequestError(422, "invalid", message)
