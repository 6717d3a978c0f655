"""Who calls: the API key of a request, what it may do and how often; dependencies of routes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from grouping.service.context import context_of
from grouping.service.safety.api_keys import ApiKey, Scope, check_scope, key_of_request


def current_key(scope: Scope) -> Callable[[Request], ApiKey]:
    """Return a dependency that gives the key of a request, which must have a scope.

    Example: ``key: Annotated[ApiKey, Depends(current_key(Scope.WRITE))]``.
    """

    def dependency(request: Request) -> ApiKey:
        context = context_of(request)
        key = key_of_request(request.headers.getlist("authorization"), context.keys)
        check_scope(key, scope)
        request.state.key = key
        return key

    return dependency
