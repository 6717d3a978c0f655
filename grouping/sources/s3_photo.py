"""Photos in S3: objects, listings of buckets, downloads.

Listings are retried by botocore; downloads by :mod:`grouping.storage.retry`, since botocore stops
retrying where many requests fail (its retry quota) and begins with longer pauses. A body that
breaks off is continued from where it broke off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grouping.errors import FetchError, SourceError
from grouping.records import Fingerprint
from grouping.sources.file_kinds import HEAD_BYTES, OTHER, LeftOut, kind_by_content, kind_by_name
from grouping.sources.folders import is_hidden_or_junk
from grouping.sources.photo import MAX_PHOTO_BYTES, Photo, too_large_error
from grouping.sources.web.content_encoding import PACKED, unpacked
from grouping.storage.locations import printable, shown_url
from grouping.storage.retry import Deadline, with_retries
from grouping.storage.s3.client import (
    LISTING_SIGNS,
    S3Options,
    as_fetch_errors,
    s3_client,
    split_url,
)

CHUNK_BYTES = 256 * 1024
DOT_FOLDERS = frozenset({".", ".."})


@dataclass(frozen=True)
class S3Photo(Photo):
    """An object in a bucket; ``etag`` and ``size`` where a listing has told them."""

    bucket: str
    key: str
    options: S3Options = field(default=S3Options(), repr=False)
    etag: str | None = None
    max_bytes: int = MAX_PHOTO_BYTES
    size: int | None = None

    @property
    def expected_bytes(self) -> int | None:
        """See :attr:`Photo.expected_bytes`."""
        return None if self.size is None else min(self.size, self.max_bytes)

    def _read(self) -> bytes:
        if self.options.buckets and self.bucket not in self.options.buckets:
            raise FetchError(f"refused: the bucket {self.bucket} is not among those allowed")
        if not DOT_FOLDERS.isdisjoint(self.key.split("/")):
            # Clients take them out of the address, and another object would be read.
            raise FetchError("its key holds a folder . or .., which no request can name; rename it")
        return _Download(self).run()

    def _fingerprint(self) -> Fingerprint:
        """Its address and ETag; one small request where no listing has told the ETag."""
        return Fingerprint(f"s3://{self.bucket}/{printable(self.key)}", self.etag or self._ask())

    def _ask(self) -> str | None:
        try:
            with as_fetch_errors(self.options):
                answer = s3_client(self.options, attempts=1).head_object(
                    Bucket=self.bucket, Key=self.key, **self.options.payer
                )
        except FetchError:
            return None  # reading will say why
        etag = answer.get("ETag")
        return None if etag is None else str(etag)


def s3_photo(url: str, id: Any, options: S3Options, max_bytes: int) -> S3Photo:
    """The photo at ``s3://bucket/key``."""
    return S3Photo(id, shown_url(url), *split_url(url), options, None, max_bytes)


def photos_in_bucket(
    url: str,
    options: S3Options,
    *,
    skip: str | None = None,
    max_bytes: int = MAX_PHOTO_BYTES,
    left_out: LeftOut | None = None,
) -> Iterator[S3Photo]:
    """Photos under ``s3://bucket/prefix``, in the order of their keys, listed page by page.

    The prefix is a folder: ``s3://b/2024`` holds ``2024/a.jpg`` and not ``2024-private/a.jpg``.
    It may also be one object, whatever its name. Hidden keys and junk are left out as in
    :func:`grouping.sources.folders.photos_in_folder`. Where a name does not tell what it is, the
    first bytes are asked for.

    Args:
        url: where to look.
        options: how to get there.
        skip: the address of the results, left out where it lies below ``url``.
        max_bytes: size limit of the photos.
        left_out: is told of objects that are no photos.

    Raises:
        SourceError: the bucket cannot be listed.
    """
    bucket, key = split_url(url)
    folder = key if not key or key.endswith("/") else key + "/"
    skipped = "/".join(split_url(skip.rstrip("/"))) + "/" if skip else None
    left_out = LeftOut() if left_out is None else left_out
    for found in _objects(bucket, key, folder, options, url):
        name = found.get("Key", "")
        if skipped and f"{bucket}/{name}".startswith(skipped):
            continue
        location = printable(f"s3://{bucket}/{name}")
        etag, size = found.get("ETag"), found.get("Size")
        photo = S3Photo(location, location, bucket, name, options, etag, max_bytes, size)
        if name == key != folder:
            yield photo
        elif _is_shown(name.removeprefix(folder)):
            if (kind := _kind_of(photo)) == "photo":
                yield photo
            else:
                left_out.add(location, kind)


class _Download:
    """The body of one object, continued where it breaks off."""

    def __init__(self, photo: S3Photo) -> None:
        self._photo = photo
        self._body = bytearray()
        self._deadline = Deadline(photo.options.total_timeout)
        self._etag = self._encoding = ""

    def run(self) -> bytes:
        options = self._photo.options
        with_retries(self._continue, options.attempts, self._deadline)
        return unpacked(bytes(self._body), self._encoding, self._photo.max_bytes)

    def _continue(self) -> None:
        photo = self._photo
        rest = {}
        if self._body and self._etag:
            rest = {"Range": f"bytes={len(self._body)}-", "IfMatch": self._etag}
        else:
            self._body.clear()
        with as_fetch_errors(photo.options):
            answer = s3_client(photo.options, attempts=1).get_object(
                Bucket=photo.bucket, Key=photo.key, **rest, **photo.options.payer
            )
            self._etag = answer.get("ETag", "")
            self._encoding = answer.get("ContentEncoding", "")
            if len(self._body) + answer.get("ContentLength", 0) > photo.max_bytes:
                answer["Body"].close()
                raise too_large_error(photo.max_bytes)
            self._take(answer["Body"])
            self._check_length()

    def _check_length(self) -> None:
        """See to it that what has come is what was listed.

        The ETag tells; one that was not sent, though it was listed, is made up for by the length.

        Raises:
            FetchError: it is what somebody in between answered.
        """
        listed, etag = self._photo.size, self._photo.etag
        if listed is not None and etag and not self._etag and len(self._body) != listed:
            raise FetchError(
                f"{len(self._body)} bytes came where {listed} are listed", retryable=True
            )

    def _take(self, stream: Any) -> None:
        for chunk in stream.iter_chunks(CHUNK_BYTES):
            self._body += chunk
            if len(self._body) > self._photo.max_bytes:  # whatever length was announced
                stream.close()
                raise too_large_error(self._photo.max_bytes)
            if not self._deadline.remaining:
                stream.close()
                raise self._deadline.error()


def _objects(
    bucket: str, key: str, folder: str, options: S3Options, url: str
) -> Iterator[dict[str, Any]]:
    """The object of exactly this key, if there is one, then all in the folder of this name."""
    try:
        with as_fetch_errors(options):
            client = s3_client(options, options.attempts)
            if key and not key.endswith("/"):
                page = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1, **options.payer)
                yield from (found for found in _contents(page) if found.get("Key") == key)
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=folder, **options.payer
            )
            for page in pages:
                yield from _contents(page)
    except FetchError as error:
        raise SourceError(f"{shown_url(url)} cannot be listed: {error}") from error


def _contents(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one page of a listing.

    Raises:
        FetchError: it is none: whoever stands between may answer with an empty page or his own,
            which would pass for a bucket without photos.
    """
    if LISTING_SIGNS.isdisjoint(page):
        raise FetchError("the answer is not a listing; try again", retryable=True)
    found: list[dict[str, Any]] = page.get("Contents", [])
    return found


def _is_shown(name: str) -> bool:
    """Whether this is an object and neither hidden nor junk."""
    *folders, file = name.split("/")
    return bool(file) and not file.startswith(".") and not any(map(is_hidden_or_junk, folders))


def _kind_of(photo: S3Photo) -> str:
    """What an object is; one whose first bytes cannot be had will say so where it is read."""
    named = kind_by_name(photo.key)
    if named is not None:
        return named
    try:
        with as_fetch_errors(photo.options):
            answer = s3_client(photo.options, photo.options.attempts).get_object(
                Bucket=photo.bucket,
                Key=photo.key,
                Range=f"bytes=0-{HEAD_BYTES - 1}",
                **photo.options.payer,
            )
            head = answer["Body"].read(HEAD_BYTES)
            answer["Body"].close()
    except FetchError:
        return OTHER if photo.size == 0 else "photo"
    packed = answer.get("ContentEncoding") in PACKED
    return "photo" if packed else kind_by_content(photo.key, head)
