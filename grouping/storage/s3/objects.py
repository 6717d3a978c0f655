"""Objects of one bucket, written, read and removed so that it is certain: results go there.

A night's work is handed over here. So what fails is tried again, whatever the reason, once the
first request has shown that the bucket can be written. And no answer is believed that anybody
between could have given: what was stored has an ETag, a listing says that it is one, what was
removed is not listed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from grouping.errors import FetchError
from grouping.storage.retry import Deadline, with_retries
from grouping.storage.s3.client import LISTING_SIGNS, S3Options, as_fetch_errors, s3_client
from grouping.version import PRODUCT

T = TypeVar("T")

IN_PARTS = 8 * 2**20  # bytes from which files go up in parts
COPIED_IN_PARTS = 2**28  # within S3; nothing is left of smaller copies that break off
KEYS_PER_DELETE = 1000  # the most that S3 takes in one request
MOST_PAGES = 10_000  # of a listing, of 1,000 objects each
MADE_BY = {"made-by": PRODUCT}  # metadata of every object, by which it is known again
# What tells that a request which writes was done; anybody can answer 200.
DONE_SIGNS = {
    "PutObject": "ETag",
    "UploadPart": "ETag",
    "CompleteMultipartUpload": "ETag",
    "CopyObject": "CopyObjectResult",
    "UploadPartCopy": "CopyPartResult",
}


class S3Objects:
    """The objects of a bucket; threads may share it. Every method raises FetchError."""

    def __init__(self, bucket: str, options: S3Options) -> None:
        self._options = options
        self._bucket = bucket
        self._names = {"Bucket": bucket, **options.payer}
        self._client = s3_client(options, options.attempts)
        for operation in DONE_SIGNS:
            self._client.meta.events.register(
                f"after-call.s3.{operation}", _check_done, unique_id=f"done-{operation}"
            )

    def try_to_write(self, key: str) -> None:
        """Store an empty object: what is refused here is refused for good."""
        with as_fetch_errors(self._options):
            self._client.put_object(**self._names, Key=key, Body=b"")

    def upload(self, path: Path, key: str, content_type: str) -> None:
        """Store a file, in parts where it is large."""
        extra = {"ContentType": content_type, "Metadata": MADE_BY, **self._options.payer}
        config = _transfer_config(IN_PARTS)
        self._surely(
            lambda: self._client.upload_file(
                str(path), self._bucket, key, ExtraArgs=extra, Config=config
            )
        )

    def copy(self, key: str, target: str) -> None:
        """Have S3 copy an object, with its type and metadata."""
        source = {"Bucket": self._bucket, "Key": key}
        extra, config = self._options.payer, _transfer_config(COPIED_IN_PARTS)
        self._surely(
            lambda: self._client.copy(source, self._bucket, target, ExtraArgs=extra, Config=config)
        )

    def read(self, key: str, most: int) -> bytes | None:
        """Return the bytes of an object, at most so many; None where there is none."""

        def once() -> bytes | None:
            try:
                answer = self._client.get_object(**self._names, Key=key)
            except self._client.exceptions.NoSuchKey:
                return None
            if not answer.get("ETag"):
                raise _untrue("an object")
            data: bytes = answer["Body"].read(most + 1)
            if len(data) <= most and len(data) != answer.get("ContentLength", len(data)):
                raise _untrue("the whole object")
            return data

        data = self._surely(once)
        if data is not None and len(data) > most:
            raise FetchError(f"{key!r} is larger than {most / 2**20:.0f} MB")
        return data

    def listed(self, prefix: str, *, below: bool = True) -> list[dict[str, Any]]:
        """What S3 says of each object whose key begins so; without ``below``, of no folder's.

        Of a folder its ``Prefix`` is told in their place.
        """
        more = {} if below else {"Delimiter": "/"}
        return self._surely(lambda: list(self._pages(prefix, **more)))

    def is_ours(self, key: str) -> bool:
        """Whether this program made the object."""

        def once() -> bool:
            answer = self._client.head_object(**self._names, Key=key)
            if not answer.get("ETag"):
                raise _untrue("about an object")
            return bool(answer.get("Metadata", {}).items() >= MADE_BY.items())

        return self._surely(once)

    def remove(self, keys: list[str]) -> None:
        """Remove objects."""
        for start in range(0, len(keys), KEYS_PER_DELETE):
            self._surely(partial(self._remove, keys[start : start + KEYS_PER_DELETE]))

    def remove_all(self, prefix: str) -> None:
        """Remove all objects whose keys begin so, until none is listed."""
        for _ in range(self._options.attempts):
            keys = [found["Key"] for found in self.listed(prefix)]
            if not keys:
                return
            self.remove(keys)
        raise FetchError("it is there again after it was removed")

    def end_uploads(self, prefix: str) -> None:
        """Remove the parts of uploads to keys that begin so, which nobody will end."""

        def once() -> None:
            answer = self._client.list_multipart_uploads(**self._names, Prefix=prefix)
            for upload in answer.get("Uploads", []):
                self._client.abort_multipart_upload(
                    **self._names, Key=upload["Key"], UploadId=upload["UploadId"]
                )

        self._surely(once)

    def now(self) -> datetime:
        """The time by the clock of S3, which dates the objects."""
        from email.utils import parsedate_to_datetime

        answer = self._surely(lambda: self._client.list_objects_v2(**self._names, MaxKeys=1))
        said = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        try:
            return parsedate_to_datetime(said).astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)

    def _pages(self, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            **self._names, Prefix=prefix, **more
        )
        for page in islice(pages, MOST_PAGES):
            if LISTING_SIGNS.isdisjoint(page):
                raise _untrue("a listing")
            yield from page.get("Contents", [])
            yield from page.get("CommonPrefixes", [])

    def _remove(self, keys: list[str]) -> None:
        objects = {"Objects": [{"Key": key} for key in keys]}
        answer = self._client.delete_objects(**self._names, Delete=objects)
        for error in answer.get("Errors", []):
            raise FetchError(f"S3 does not remove it ({error.get('Code')})")
        if {found.get("Key") for found in answer.get("Deleted", [])} != set(keys):
            raise _untrue("a list of what was removed")

    def _surely(self, operation: Callable[[], T]) -> T:
        """Do it, again where it fails."""
        options = self._options

        def once() -> T:
            try:
                with as_fetch_errors(options), _reasons_of_uploads():
                    return operation()
            except FetchError as error:
                error.retryable = True
                raise

        return with_retries(once, options.attempts, Deadline(options.total_timeout))


@contextmanager
def _reasons_of_uploads() -> Iterator[None]:
    """Why an upload failed, in place of that it did."""
    from boto3.exceptions import Boto3Error

    try:
        yield
    except Boto3Error as error:
        raise error.__context__ or error from None


def _check_done(parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """See to it that an answer of 200 comes from S3; botocore calls it."""
    if "Error" not in parsed and not parsed.get(DONE_SIGNS[model.name]):
        raise _untrue("what S3 answers when it has stored something")


def _untrue(what: str) -> FetchError:
    return FetchError(f"the answer is not {what}", retryable=True)


def _transfer_config(in_parts: int) -> object:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(
        multipart_threshold=in_parts,
        multipart_chunksize=max(in_parts // 4, IN_PARTS),
        use_threads=False,  # files go in parallel already
    )
