"""Bodies that are read by hand, since they may be JSON or multipart: checks and examples."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from grouping.service.safety.api_keys import ApiKey
from grouping.service.store.records import Repeat
from grouping.service.web.refusals import RefusedRequestError, invalid, too_large

Model = TypeVar("Model", bound=BaseModel)

LONGEST_KEY = 255
MOST_JSON = 32 * 2**20  # of 100 000 photos with addresses


def kind_of(request: Request) -> str:
    """Return whether a body is ``json`` or ``multipart``.

    Raises:
        RefusedRequestError: 415: it is neither.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return "json"
    if kind == "multipart/form-data":
        return "multipart"
    raise RefusedRequestError(
        415, "unsupported_media_type", "send application/json or multipart/form-data"
    )


async def json_body(request: Request) -> bytes:
    """Return a body of JSON as it came, in memory.

    Raises:
        RefusedRequestError: 413.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON:
            raise too_large(MOST_JSON)
    return bytes(body)


def parsed(model: type[Model], body: bytes) -> Model:
    """Return a body as a model.

    Raises:
        RequestValidationError: it is none; answered 422 as for all other routes.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in errors]
        ) from None


def repeat_of(request: Request, key: ApiKey, digest: str) -> Repeat | None:
    """Return how a request is known again; None without an ``Idempotency-Key``.

    Raises:
        RefusedRequestError: 422: the key is none.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    text = given[0].strip()
    if len(given) > 1 or not 1 <= len(text) <= LONGEST_KEY or not text.isprintable():
        raise invalid(f"Idempotency-Key must be one of 1 to {LONGEST_KEY} printable characters")
    whole = f"{request.method} {request.url.path}\n{digest}"
    return Repeat(key.id, _digest(text.encode("utf-8", "replace")), _digest(whole.encode()))


def digest_of_body(body: bytes) -> str:
    """Return the SHA-256 of a body."""
    return _digest(body)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def documented(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is JSON, or photos with ``album`` beside them."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema = _inlined(schema, schema.pop("$defs", {}))
    parts = {
        "photos": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "album": {"type": "string", "description": "JSON as above, without photos"},
    }
    form = {"type": "object", "properties": parts, "required": ["photos"]}
    content = {
        "application/json": {"schema": schema, "example": example},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: Any, models: dict[str, Any]) -> Any:
    """The schema without references, which nothing else would define."""
    if isinstance(schema, list):
        return [_inlined(item, models) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(models[schema["$ref"].rpartition("/")[2]], models)
    return {name: _inlined(value, models) for name, value in schema.items()}
