"""What the OpenAPI document says of questions beyond their code: bodies, errors, examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grouping.service.questions.sent_photos import JSON, MULTIPART
from grouping.service.schemas import ErrorAnswer
from grouping.service.web.error_envelope import CODES

MESSAGES = {
    400: "the multipart body is damaged; send it again",
    401: "send an API key as 'Authorization: Bearer fg_...'",
    403: "this needs a key with the scope 'find'; make one with 'keys create'",
    404: "there is no such album; it may have been erased",
    408: "the request came in too slowly; send it again over a better line",
    409: "the album has no results yet; ask again once its state is 'done'",
    413: "a photo is larger than the limit of 20971520 bytes; send less",
    415: "send photos as multipart/form-data or application/json with base64",
    422: "no face in <a>",
    429: "too many requests; ask again after Retry-After seconds",
    503: "the photo took too long, as the service is busy; ask again in a moment",
}
PIXEL = (  # a PNG of one pixel, so that the example can be sent
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors that a route may answer, each with an example."""
    return {status: _error(status) for status in statuses}


def _error(status: int) -> dict[str, Any]:
    detail = {"code": CODES[status], "message": MESSAGES[status], "request_id": "5f2c9d01a7b3c4d8"}
    return {
        "model": ErrorAnswer,
        "description": MESSAGES[status],
        "content": {JSON: {"example": {"error": detail}}},
    }


def photos_body(names: Mapping[str, int]) -> dict[str, Any]:
    """Return the body of a question.

    Args:
        names: of its photos, and how many of each there may be.
    """
    required = list(names)
    parts = {name: _part(count) for name, count in names.items()}
    texts = {name: _text(count) for name, count in names.items()}
    form = {"type": "object", "required": required, "properties": parts}
    values = {"type": "object", "required": required, "properties": texts}
    return {
        "requestBody": {
            "required": True,
            "content": {
                MULTIPART: {"schema": {**form, "additionalProperties": False}},
                JSON: {
                    "schema": {**values, "additionalProperties": False},
                    "example": dict.fromkeys(names, PIXEL),
                },
            },
        }
    }


def _part(count: int) -> dict[str, Any]:
    photo = {"type": "string", "format": "binary", "description": "the file of a photo"}
    if count == 1:
        return photo
    return {"type": "array", "items": photo, "minItems": 1, "maxItems": count}


def _text(count: int) -> dict[str, Any]:
    photo = {"type": "string", "contentEncoding": "base64", "description": "the file of a photo"}
    if count == 1:
        return photo
    several = {"type": "array", "items": photo, "minItems": 1, "maxItems": count}
    return {"anyOf": [photo, several]}
