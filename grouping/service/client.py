"""A thin client of the service: one method a request, answers as the JSON that came.

    client = Client("https://photos.example.org", "fg_...")
    album = client.wait(client.create_album(Path("party").glob("*.jpg"))["id"])
    for person in client.groups(album["id"]):
        print(person["name"], person["image_ids"])

Needs nothing but urllib3, which this package has anyway: the extra ``service`` is for servers.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from grouping.errors import ConfigError, ServiceError

Json = dict[str, Any]
PhotoFile = Path | bytes

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between two looks at an album
RETRIES = 5
# Answers that were lost, as on a connection that lay idle too long, are asked for again: every
# request may come twice, albums and photos by their Idempotency-Key.
LOST = 2
PAGE = 1000  # entries asked for at a time


class Client:
    """Asks one service with one key; threads may share it.

    What the service is too busy for (429, 503) is asked again after the time it says, a few times.

    Args:
        base_url: of the service, with or without a slash at the end.
        key: an API key.
        timeout: seconds that a connection, and the answer after each part of it, may take.
        ca_file: certificates that the service is checked against; None for the usual ones.

    Raises:
        ConfigError: ``base_url`` is no address of HTTP.
    """

    def __init__(
        self, base_url: str, key: str, *, timeout: float = 120.0, ca_file: str | None = None
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError("the service's address must begin with https:// or http://")
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        retries = urllib3.Retry(
            RETRIES,
            read=LOST,
            redirect=0,
            status_forcelist=(429, 503),
            allowed_methods=None,
            backoff_factor=0.5,
            raise_on_status=False,
        )
        self._pool = urllib3.PoolManager(retries=retries, timeout=timeout, ca_certs=ca_file)

    def create_album(
        self,
        photos: Iterable[PhotoFile | Mapping[str, Any]] = (),
        *,
        prefix: str | None = None,
        settings: Mapping[str, Any] | None = None,
        webhook: str | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Have photos grouped; the answer has the ``id``, and the work goes on.

        Args:
            photos: all files (paths, bytes), or all dictionaries ``{"id": ..., "url": ...}``.
            prefix: ``s3://bucket/prefix`` whose photos are the album's too.
            settings: as in the OpenAPI document, ``{"min_photos": 3}``.
            webhook: address that is told of the end.
            idempotency_key: the same request with the same key is done once; made up where None.

        Raises:
            ServiceError: the service refused it, or could not be reached.
        """
        told: Json = {"settings": dict(settings or {})}
        told |= {"webhook": {"url": webhook}} if webhook else {}
        return self._add("/v1/albums", photos, prefix, told, idempotency_key)

    def add_photos(
        self,
        album: str,
        photos: Iterable[PhotoFile | Mapping[str, Any]] = (),
        *,
        prefix: str | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Add photos, and have the album grouped again; arguments as of :meth:`create_album`."""
        return self._add(_of(album, "photos"), photos, prefix, {}, idempotency_key)

    def albums(self, state: str | None = None) -> Iterator[Json]:
        """Yield all albums, the newest first; those in one state where it is named."""
        return self._pages("/v1/albums", "albums", {"state": state} if state else {})

    def album(self, album: str) -> Json:
        """Return the state of an album, its counts and failures."""
        return self._json("GET", _of(album))

    def wait(
        self,
        album: str,
        *,
        seconds: float | None = None,
        on_progress: Callable[[Json], None] | None = None,
    ) -> Json:
        """Return an album once it is grouped.

        Args:
            album: its id.
            seconds: to wait at most; None for as long as it takes.
            on_progress: called with the album at each look.

        Raises:
            ServiceError: the job failed, or it takes longer.
        """
        until, pause = time.monotonic() + (seconds or float("inf")), FIRST_PAUSE
        while True:
            found = self.album(album)
            if on_progress is not None:
                on_progress(found)
            if found["state"] == "done":
                return found
            if found["state"] == "failed":
                raise ServiceError(f"the album could not be grouped: {found['error']}")
            if time.monotonic() + pause > until:
                raise ServiceError(f"the album is still {found['state']}; wait on")
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, 1.5 * pause)

    def groups(self, album: str) -> Iterator[Json]:
        """Yield all people, the largest first."""
        return self._pages(_of(album, "groups"), "groups")

    def images(self, album: str) -> Iterator[Json]:
        """Yield all photos with their faces, in the order of the album."""
        return self._pages(_of(album, "images"), "images")

    def person(self, album: str, group_id: str) -> Json:
        """Return a person with all faces."""
        return self._json("GET", _of(album, "people", group_id))

    def portrait(self, album: str, group_id: str) -> bytes:
        """Return the portrait of a person, a JPEG."""
        return self._ask("GET", _of(album, "people", group_id, "portrait"))

    def change_people(self, album: str, **changes: Any) -> Json:
        """Correct people: ``names``, ``merges``, ``splits`` ... as in the OpenAPI document."""
        return self._json("PATCH", _of(album, "people"), changes)

    def save_corrections(self, album: str, text: str) -> Json:
        """Save the text of a ``corrections.toml``."""
        headers = {"Content-Type": "application/toml"}
        return _parsed(self._ask("PUT", _of(album, "corrections"), text.encode(), headers))

    def delete_album(self, album: str) -> None:
        """Erase an album to the byte."""
        self._ask("DELETE", _of(album))

    def find(self, album: str, *selfies: PhotoFile, false_matches: float | None = None) -> Json:
        """Return in which photos of an album the person on the selfies is."""
        return self._question(_of(album, "find"), [("selfie", s) for s in selfies], false_matches)

    def verify(self, a: PhotoFile, b: PhotoFile, *, false_matches: float | None = None) -> Json:
        """Return whether two photos show one person: ``same``, ``different`` or ``unsure``."""
        return self._question("/v1/verify", [("a", a), ("b", b)], false_matches)

    def represent(self, photo: PhotoFile) -> list[Json]:
        """Return the faces of a photo with their vectors."""
        faces: list[Json] = self._question("/v1/represent", [("photo", photo)])["faces"]
        return faces

    def extract(self, photo: PhotoFile) -> list[Json]:
        """Return the faces of a photo with box, pose and quality."""
        faces: list[Json] = self._question("/v1/extract", [("photo", photo)])["faces"]
        return faces

    def guest_link(self, album: str, **settings: Any) -> Json:
        """Make a link under which guests find their own photos; ``expires_in_s``."""
        return self._json("POST", _of(album, "guest-links"), settings)

    def page_link(self, album: str, **settings: Any) -> Json:
        """Make a link to the gallery page; ``expires_in_s``, ``may_save``."""
        return self._json("POST", _of(album, "page-links"), settings)

    def _add(
        self,
        path: str,
        photos: Iterable[PhotoFile | Mapping[str, Any]],
        prefix: str | None,
        told: Json,
        idempotency_key: str | None,
    ) -> Json:
        listed = list(photos)
        told |= {"prefix": prefix} if prefix else {}
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        if not any(isinstance(photo, Path | bytes) for photo in listed):
            return self._json("POST", path, {**told, "photos": listed}, headers)
        fields: list[Any] = [("album", json.dumps(told))] if told else []
        fields += [("photos", _file(photo, n)) for n, photo in enumerate(listed)]
        return self._form(path, fields, headers)

    def _question(
        self, path: str, photos: list[tuple[str, PhotoFile]], share: float | None = None
    ) -> Json:
        query = "" if share is None else f"?{urlencode({'false_matches': share})}"
        return self._form(path + query, [(name, _file(photo, 0)) for name, photo in photos])

    def _form(self, path: str, fields: list[Any], headers: Mapping[str, str] | None = None) -> Json:
        body, kind = urllib3.encode_multipart_formdata(fields)
        return _parsed(self._ask("POST", path, body, {**(headers or {}), "Content-Type": kind}))

    def _pages(
        self, path: str, name: str, chosen: Mapping[str, str] | None = None
    ) -> Iterator[Json]:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": PAGE, **(chosen or {}), **({"cursor": cursor} if cursor else {})}
            page = self._json("GET", f"{path}?{urlencode(query)}")
            yield from page[name]
            cursor = page["next_cursor"]

    def _json(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        if body is None:
            return _parsed(self._ask(method, path))
        headers = {**(headers or {}), "Content-Type": "application/json"}
        return _parsed(self._ask(method, path, json.dumps(body).encode(), headers))

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The bytes of an answer.

        Raises:
            ServiceError: the service refused it, or could not be reached.
        """
        try:
            answer = self._pool.request(
                method,
                self._base + path,
                body=body,
                headers={**self._headers, **(headers or {})},
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(f"{self._base} cannot be reached: {type(error).__name__}") from error
        if not 200 <= answer.status < 300:
            raise _refusal(answer.status, answer.data)
        return answer.data


def _of(album: str, *parts: str) -> str:
    return "/".join(["/v1/albums", *(quote(part, safe="") for part in (album, *parts))])


def _file(photo: Any, number: int) -> tuple[str, bytes, str]:
    """A part of a form: the name of the file, its bytes, its kind (which the service finds out)."""
    if isinstance(photo, Path):
        return photo.name, photo.read_bytes(), "application/octet-stream"
    if isinstance(photo, bytes):
        return f"photo-{number + 1}", photo, "application/octet-stream"
    raise ConfigError("send all photos as files, or all as addresses")


def _parsed(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceError("the answer is not one of this service; is the address right?")
    return found


def _refusal(status: int, body: bytes) -> ServiceError:
    try:
        told = json.loads(body)["error"]
        message, code, request_id = str(told["message"]), str(told["code"]), str(told["request_id"])
    except (ValueError, KeyError, TypeError):
        message, code, request_id = f"the service answered {status}", "error", ""
    return ServiceError(message, status=status, code=code, request_id=request_id)
