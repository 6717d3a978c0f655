"""Photos in S3 and what speaks its protocol (MinIO, R2, Ceph), through boto3.

Credentials, region and profile are the user's ordinary ones. Listings and uploads are retried
by botocore; downloads by :mod:`grouping.storage.retry`, since botocore stops retrying where many
requests fail (its retry quota) and begins with longer pauses. A body that breaks off is
continued from where it broke off.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from grouping.errors import ConfigError, FetchError, SourceError
from grouping.sources.folders import is_hidden_or_junk, is_photo_name
from grouping.sources.photo import MAX_PHOTO_BYTES, Fingerprint, Photo, too_large
from grouping.storage.locations import printable
from grouping.storage.retry import Deadline, with_retries

CHUNK_BYTES = 256 * 1024
MAX_CONNECTIONS = 32

PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})
REASONS = {
    "NoSuchKey": "there is no such object",
    "NoSuchBucket": "there is no such bucket",
    "404": "there is no such object or bucket",
    "AccessDenied": "access is denied; check the credentials and the bucket's policy",
    "403": "access is denied; check the credentials and the bucket's policy",
    "InvalidObjectState": "it is archived (Glacier); restore it, then run again",
    "PreconditionFailed": "it was changed while it was read; run again",
    "InvalidAccessKeyId": "the access key is not known there; check the credentials",
    "SignatureDoesNotMatch": "the secret key does not fit; check the credentials",
    "ExpiredToken": "the credentials have expired; log in again",
    "PermanentRedirect": "the bucket is in another region; name it with --s3-region",
}
PASSING_CODES = frozenset({"PreconditionFailed", "ExpiredToken"})


@dataclass(frozen=True)
class S3Options:
    """How S3 is reached; what is not set is taken from the user's AWS configuration.

    Attributes:
        endpoint_url: of another service that speaks S3, such as ``http://nas:9000``. It is the
            operator's choice and may be private.
        region, profile: names as in the AWS configuration.
        anonymous: sign nothing, for public buckets.
        requester_pays: agree to pay for requests to buckets that ask for it.
        buckets: the only buckets that entries may name; empty for all that the credentials
            reach. A service that hands on its users' ``s3://`` addresses should set this.
        attempts: tries for one request.
        connect_timeout, read_timeout: seconds of silence before a try is given up.
        total_timeout: seconds for one photo.

    Raises:
        ConfigError: a number is not positive.
    """

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    requester_pays: bool = False
    buckets: tuple[str, ...] = ()
    attempts: int = 5
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    total_timeout: float = 300.0

    def __post_init__(self) -> None:
        for name in ("attempts", "connect_timeout", "read_timeout", "total_timeout"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")

    @property
    def payer(self) -> dict[str, str]:
        """The argument of each request that says who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}


@dataclass(frozen=True)
class S3Photo(Photo):
    """An object in a bucket; ``etag`` where a listing has told it."""

    bucket: str
    key: str
    options: S3Options = field(default=S3Options(), repr=False)
    etag: str | None = None
    max_bytes: int = MAX_PHOTO_BYTES

    def read(self) -> bytes:
        """See :meth:`Photo.read`."""
        if self.options.buckets and self.bucket not in self.options.buckets:
            raise FetchError(f"refused: the bucket {self.bucket} is not among those allowed")
        return _Download(self).run()

    def fingerprint(self) -> Fingerprint:
        """Its address and ETag; one small request where no listing has told the ETag."""
        return Fingerprint(self.location, self.etag or self._ask_etag())

    def _ask_etag(self) -> str | None:
        try:
            with explained(self.options):
                answer = s3_client(self.options, attempts=1).head_object(
                    Bucket=self.bucket, Key=self.key, **self.options.payer
                )
        except FetchError:
            return None  # reading will say why
        return str(answer["ETag"])


def split_url(url: str) -> tuple[str, str]:
    """``s3://bucket/key`` into bucket and key; the key may be empty."""
    bucket, _, key = url.partition("://")[2].partition("/")
    return bucket, key


def s3_photo(url: str, id: Any, options: S3Options, max_bytes: int) -> S3Photo:
    """The photo at ``s3://bucket/key``."""
    return S3Photo(id, printable(url), *split_url(url), options, None, max_bytes)


def photos_in_bucket(
    url: str, options: S3Options, *, skip: str | None = None, max_bytes: int = MAX_PHOTO_BYTES
) -> Iterator[S3Photo]:
    """Photos under ``s3://bucket/prefix``, in the order of their keys, listed page by page.

    The prefix is a folder: ``s3://b/2024`` holds ``2024/a.jpg`` and not ``2024-private/a.jpg``.
    It may also be one object, whatever its name. Hidden keys and junk are left out as in
    :func:`grouping.sources.folders.photos_in_folder`.

    Args:
        url: where to look.
        options: how to get there.
        skip: the address of the results, left out where it lies below ``url``.
        max_bytes: size limit of the photos.

    Raises:
        SourceError: the bucket cannot be listed.
    """
    bucket, key = split_url(url)
    folder = key if not key or key.endswith("/") else key + "/"
    skipped = "/".join(split_url(skip.rstrip("/"))) + "/" if skip else None
    for found in _objects(bucket, key, folder, options, url):
        name = found["Key"]
        if skipped and f"{bucket}/{name}".startswith(skipped):
            continue
        if name == key != folder or _is_photo_key(name.removeprefix(folder)):
            location = printable(f"s3://{bucket}/{name}")
            yield S3Photo(location, location, bucket, name, options, found["ETag"], max_bytes)


@lru_cache(maxsize=8)
def _client(options: S3Options, attempts: int) -> Any:
    boto3, botocore = _libraries()
    settings: dict[str, Any] = {"signature_version": botocore.UNSIGNED} if options.anonymous else {}
    if options.endpoint_url:
        # Other services often know neither bucket names in host names nor trailing checksums.
        settings |= {"s3": {"addressing_style": "path"}}
        settings |= {"request_checksum_calculation": "when_required"}
        settings |= {"response_checksum_validation": "when_required"}
    session = boto3.session.Session(profile_name=options.profile, region_name=options.region)
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        max_pool_connections=MAX_CONNECTIONS,
        user_agent_extra="photo-album-face-grouping",
        **settings,
    )
    region = session.region_name or "us-east-1"
    try:
        return session.client("s3", region, endpoint_url=options.endpoint_url, config=config)
    except ValueError as error:
        raise FetchError("the S3 endpoint is not a valid address; use http://host:port") from error


_lock = threading.RLock()


def _libraries() -> tuple[Any, Any]:
    """boto3 and botocore; one thread at a time, as for urllib3 in ``http_photo``."""
    with _lock:
        import urllib3  # noqa: F401 - as a whole, before botocore asks for parts of it

        import boto3  # isort: skip
        import botocore.config
        import botocore.exceptions

        return boto3, botocore


def s3_client(options: S3Options, attempts: int) -> Any:
    """The boto3 client that tries each request so often; made once, shared by all threads."""
    with _lock:  # sessions of boto3 are not safe to use from several threads
        return _client(options, attempts)


class _Download:
    """The body of one object, continued where it breaks off."""

    def __init__(self, photo: S3Photo) -> None:
        self._photo = photo
        self._body = bytearray()
        self._deadline = Deadline(photo.options.total_timeout)
        self._etag = ""

    def run(self) -> bytes:
        options = self._photo.options
        with_retries(self._continue, options.attempts, self._deadline)
        return bytes(self._body)

    def _continue(self) -> None:
        photo = self._photo
        rest = {}
        if self._body and self._etag:
            rest = {"Range": f"bytes={len(self._body)}-", "IfMatch": self._etag}
        else:
            self._body.clear()
        with explained(photo.options):
            answer = s3_client(photo.options, attempts=1).get_object(
                Bucket=photo.bucket, Key=photo.key, **rest, **photo.options.payer
            )
            self._etag = answer.get("ETag", "")
            if len(self._body) + answer["ContentLength"] > photo.max_bytes:
                answer["Body"].close()
                raise too_large(photo.max_bytes)
            self._take(answer["Body"])

    def _take(self, stream: Any) -> None:
        for chunk in stream.iter_chunks(CHUNK_BYTES):
            self._body += chunk
            if not self._deadline.remaining:
                stream.close()
                raise self._deadline.error()


def _objects(
    bucket: str, key: str, folder: str, options: S3Options, url: str
) -> Iterator[dict[str, Any]]:
    """The object of exactly this key, if there is one, then all in the folder of this name."""
    try:
        with explained(options):
            client = s3_client(options, options.attempts)
            if key and not key.endswith("/"):
                page = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1, **options.payer)
                yield from (found for found in page.get("Contents", []) if found["Key"] == key)
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=folder, **options.payer
            )
            for page in pages:
                yield from page.get("Contents", [])
    except FetchError as error:
        raise SourceError(f"{printable(url)} cannot be listed: {error}") from error


def _is_photo_key(name: str) -> bool:
    *folders, file = name.split("/")
    return is_photo_name(file) and not any(map(is_hidden_or_junk, folders))


@contextmanager
def explained(options: S3Options) -> Iterator[None]:
    """Errors of boto3 as FetchError, one line each, without keys or tokens in it."""
    exceptions = _libraries()[1].exceptions
    try:
        yield
    except exceptions.ClientError as error:
        _raise_answer(error)
    except exceptions.ProfileNotFound as error:
        raise FetchError(f"there is no AWS profile {options.profile!r}") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise FetchError(
            "there are no AWS credentials; configure them, or use --s3-anonymous"
        ) from error
    except exceptions.ParamValidationError as error:
        raise FetchError("the bucket or key is not a valid name") from error
    except exceptions.BotoCoreError as error:
        raise FetchError(
            f"the connection to S3 failed ({type(error).__name__})", retryable=True
        ) from error


def _raise_answer(error: Any) -> NoReturn:
    code = error.response.get("Error", {}).get("Code", "unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = REASONS.get(code, f"S3 answered {status} {code}")
    passing = status in PASSING_STATUS or code in PASSING_CODES
    raise FetchError(reason, retryable=passing) from error
