"""Who calls: the key or the link of a request, what it may do and how often; for routes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from grouping.service.context import context_of
from grouping.service.safety.api_keys import ApiKey, Scope, check_scope, key_of_request
from grouping.service.safety.guest_links import EXPIRED, Link
from grouping.service.safety.strangers import address_of
from grouping.service.web.refusals import RefusedRequestError, too_many


def current_key(scope: Scope) -> Callable[[Request], ApiKey]:
    """Return a dependency that gives the key of a request, which must have a scope.

    Example: ``key: Annotated[ApiKey, Depends(current_key(Scope.WRITE))]``.
    """

    def dependency(request: Request) -> ApiKey:
        key = key_of(request)
        check_scope(key, scope)
        check_rate(request, key.id)
        return key

    return dependency


def key_of(request: Request) -> ApiKey:
    """Return the key of a request; what shows none is counted by its address.

    Where an address sent too much of that, its keys are compared with those that the store had a
    second ago: strangers cost no look-ups, and a good key goes through whoever else is behind the
    same address.

    Raises:
        RefusedRequestError: 401: there is none, or an unknown one; 429: that was so too often.
    """
    known = getattr(request.state, "key", None)
    if isinstance(known, ApiKey):
        return known
    context, address = context_of(request), address_of(request)
    strangers = context.guards.strangers
    keys = context.listed_keys if strangers.are_many(address) else context.keys
    try:
        key = key_of_request(request.headers.getlist("authorization"), keys)
    except RefusedRequestError as refusal:
        raise strangers.refused(address, refusal) from None
    request.state.key = key
    return key


def link_of(request: Request, token: str, kind: str, album: str) -> Link:
    """Return what a link says; what is none is counted by its address.

    Args:
        request: that it came with.
        token: as a stranger sent it.
        kind, album: what it has to be for.

    Raises:
        RefusedRequestError: 403: it is none, or it is over; 429: it was none too often.
    """
    guards = context_of(request).guards
    try:
        link = guards.links.check(token, kind, album)
    except RefusedRequestError as refusal:
        if refusal.code == EXPIRED:  # of somebody who was invited
            raise
        raise guards.strangers.refused(address_of(request), refusal) from None
    request.state.link = link
    return link


def check_rate(request: Request, name: str) -> None:
    """Take a request out of the allowance of a key, whose id is ``name``.

    Raises:
        RefusedRequestError: 429: it is used up.
    """
    seconds = context_of(request).guards.rates.take(name)
    if seconds:
        raise too_many("too many requests; ask again after Retry-After seconds", seconds)


class KeyFirst(APIRoute):
    """A route of callers with keys whose body FastAPI reads: not before the key was seen."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""
        handler = super().get_route_handler()

        async def after_the_key(request: Request) -> Response:
            await run_in_threadpool(key_of, request)
            return await handler(request)

        return after_the_key
