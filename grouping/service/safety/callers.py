"""Who calls: the API key of a request, what it may do and how often; dependencies of routes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from grouping.service.context import context_of
from grouping.service.safety.api_keys import ApiKey, Scope, check_scope, key_of_request
from grouping.service.web.refusals import too_many


def current_key(scope: Scope) -> Callable[[Request], ApiKey]:
    """Return a dependency that gives the key of a request, which must have a scope.

    Example: ``key: Annotated[ApiKey, Depends(current_key(Scope.WRITE))]``.
    """

    def dependency(request: Request) -> ApiKey:
        context = context_of(request)
        key = key_of_request(request.headers.getlist("authorization"), context.keys)
        request.state.key = key
        check_scope(key, scope)
        check_rate(request, key.id)
        return key

    return dependency


def check_rate(request: Request, name: str) -> None:
    """Take a request out of the allowance of a key or a link, whose id is ``name``.

    Raises:
        RefusedRequestError: 429: it is used up.
    """
    seconds = context_of(request).guards.rates.take(name)
    if seconds:
        raise too_many("too many requests; ask again after Retry-After seconds", seconds)
