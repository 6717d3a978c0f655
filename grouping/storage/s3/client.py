"""S3 and what speaks its protocol (MinIO, R2, Ceph): options, client, errors in plain words.

Credentials, region and profile are the user's ordinary ones. boto3 is imported where it is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from grouping.errors import FetchError, GroupingError
from grouping.storage.retry import PASSING_STATUS, check_positive
from grouping.version import PRODUCT

MAX_CONNECTIONS = 32
# Of what every listing of objects holds, at least one.
LISTING_SIGNS = frozenset({"Contents", "CommonPrefixes", "IsTruncated", "KeyCount", "Name"})

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

_lock = threading.RLock()


@dataclass(frozen=True)
class S3Options:
    """How S3 is reached; what is not set is taken from the user's AWS configuration.

    Attributes:
        endpoint_url: of another service that speaks S3, such as ``http://nas:9000``. It is the
            operator's choice and may be private.
        region, profile: names as in the AWS configuration.
        anonymous: sign nothing, for public buckets.
        requester_pays: agree to pay for requests to buckets that ask for it.
        buckets: the only buckets that photos are read from; empty for all that the credentials
            reach. Dictionaries of an API caller may name no others.
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
        check_positive(self, "attempts", "connect_timeout", "read_timeout", "total_timeout")

    @property
    def payer(self) -> dict[str, str]:
        """The argument of each request that says who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}


def split_url(url: str) -> tuple[str, str]:
    """``s3://bucket/key`` into bucket and key; the key may be empty."""
    bucket, _, key = url.partition("://")[2].partition("/")
    return bucket, key


def s3_client(options: S3Options, attempts: int) -> Any:
    """The boto3 client that tries each request so often; made once, shared by all threads."""
    with _lock:  # sessions of boto3 are not safe to use from several threads
        return _client(options, attempts)


@contextmanager
def as_fetch_errors(options: S3Options) -> Iterator[None]:
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
    except GroupingError:
        raise
    except Exception as error:
        raise FetchError(
            f"S3 gave an answer that cannot be understood ({type(error).__name__})", retryable=True
        ) from error


def _raise_answer(error: Any) -> NoReturn:
    code = error.response.get("Error", {}).get("Code", "unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = REASONS.get(code, f"S3 answered {status} {code}")
    passing = status in PASSING_STATUS or code in PASSING_CODES
    raise FetchError(reason, retryable=passing) from error


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
        user_agent_extra=PRODUCT,
        **settings,
    )
    region = session.region_name or "us-east-1"
    try:
        return session.client("s3", region, endpoint_url=options.endpoint_url, config=config)
    except ValueError as error:
        raise FetchError("the S3 endpoint is not a valid address; use http://host:port") from error


def _libraries() -> tuple[Any, Any]:
    """boto3 and botocore; one thread at a time, as for urllib3 in ``http_photo``."""
    with _lock:
        import urllib3  # noqa: F401 - as a whole, before botocore asks for parts of it

        import boto3  # isort: skip
        import botocore.config
        import botocore.exceptions

        return boto3, botocore
