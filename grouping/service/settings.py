"""Every setting of the service, in one frozen dataclass that is checked on construction."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from grouping.api import HttpOptions, S3Options, SourceOptions
from grouping.errors import ConfigError

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
RESULTS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[\w.=-]+)+/?")
LOCAL_DATABASE = "service.sqlite"


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of the service; the defaults are safe for callers that nobody knows.

    Attributes:
        data: folder of everything that is kept: the store, and a folder of results an album.
        database: ``postgresql+psycopg://...`` or ``sqlite:////path``; None for a file in ``data``.
        results: ``s3://bucket/prefix`` that results are brought to as well; None: they stay in
            ``data``, from where they are served.
        public_url: how browsers reach the service, for links to guests; None where links are
            relative.
        jobs_at_once: albums that this process groups at a time; 0 leaves them to other processes.
        workers: processes that look at the photos of one album.
        checkpoint, device: the face network, as in :class:`grouping.GroupingConfig`.
        photos_a_job: photos that an album may have.
        queue_length: albums that may wait; more are answered 429.
        upload_bytes: of one uploaded photo.
        request_bytes: of the whole body of one request.
        photo_seconds: that one photo may be looked at.
        requests_a_minute: that one API key may make.
        refusals_a_minute: requests without a valid key or link that one address may make.
        proxies: addresses or networks of proxies that are believed who calls.
        question_bytes: of one photo that is asked about, which is held in memory.
        questions_at_once: photos that are looked at for questions at a time.
        questions_waiting: questions whose photos are in memory, those at work counted.
        question_seconds: that one may wait and take.
        keep_days: albums are erased so many days after they last changed; None keeps them.
        lease_seconds: after which a job is taken over from a process that died.
        buckets: the only S3 buckets that callers may name.
        allowed_hosts: hosts or networks that photos may come from though they are private.
        ca_file: certificates that servers of photos are checked against; None for the usual ones.
        s3: how S3 is reached.

    Raises:
        ConfigError: a setting is out of its range.
    """

    data: Path
    database: str | None = field(default=None, repr=False)  # may hold a password
    results: str | None = None
    public_url: str | None = None
    jobs_at_once: int = 1
    workers: int = 0
    checkpoint: Path | None = None
    device: str = "auto"
    photos_a_job: int = 10_000
    queue_length: int = 100
    upload_bytes: int = 50 * 2**20
    request_bytes: int = 500 * 2**20
    photo_seconds: float = 120.0
    requests_a_minute: int = 600
    refusals_a_minute: int = 60
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    question_bytes: int = 20 * 2**20
    questions_at_once: int = 2
    questions_waiting: int = 32
    question_seconds: float = 30.0
    keep_days: float | None = None
    lease_seconds: float = 30.0
    buckets: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    ca_file: str | None = None
    s3: S3Options = field(default_factory=S3Options)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Path(self.data))
        for name in ("photos_a_job", "queue_length", "upload_bytes", "request_bytes"):
            _at_least(name, getattr(self, name), 1)
        for name in ("question_bytes", "questions_at_once", "questions_waiting"):
            _at_least(name, getattr(self, name), 1)
        for name in ("photo_seconds", "question_seconds", "lease_seconds"):
            _at_least(name, getattr(self, name), 1)
        for name in ("requests_a_minute", "refusals_a_minute"):
            _at_least(name, getattr(self, name), 1)
        for proxy in self.proxies:
            _is_network(proxy)
        for name in ("jobs_at_once", "workers"):
            _at_least(name, getattr(self, name), 0)
        if self.keep_days is not None and not self.keep_days > 0:
            raise ConfigError(f"keep_days must be more than 0, got {self.keep_days!r}")
        if self.results is not None and not RESULTS.fullmatch(self.results):
            raise ConfigError(f"results must be s3://bucket/prefix, got {self.results!r:.80}")
        for name in ("checkpoint", "ca_file"):
            if (file := getattr(self, name)) is not None and not Path(file).is_file():
                raise ConfigError(f"{name}: there is no file {str(file)!r:.200}")
        if self.public_url is not None:
            object.__setattr__(self, "public_url", _address(self.public_url))
        for bucket in self.buckets:
            if not BUCKET.fullmatch(bucket):
                raise ConfigError(f"{bucket!r:.80} is not the name of a bucket")
        _ = self.sources  # hosts are checked

    @property
    def database_url(self) -> str:
        """Where the store is, as SQLAlchemy writes it."""
        return self.database or f"sqlite:///{self.data.absolute() / LOCAL_DATABASE}"

    @property
    def sources(self) -> SourceOptions:
        """How photos that callers name are fetched: by https, from public hosts, named buckets."""
        http = HttpOptions(allowed=self.allowed_hosts, ca_file=self.ca_file, https_only=True)
        return SourceOptions(max_bytes=self.upload_bytes, http=http, s3=self.s3_options)

    def results_of(self, album: str) -> str | None:
        """Return where the results of an album are brought to; None for nowhere."""
        return None if self.results is None else f"{self.results.rstrip('/')}/{album}"

    @property
    def s3_options(self) -> S3Options:
        """How S3 is reached; from no buckets but those that are named."""
        return replace(self.s3, buckets=self.buckets)


def _is_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ConfigError(f"{text!r:.80} is no address or network of a proxy") from None


def _address(url: str) -> str:
    """How browsers reach the service, without a slash at its end, which links bring along."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ConfigError(f"public_url must be https://host, with a path or not, got {url!r:.80}")
    return url.rstrip("/")


def _at_least(name: str, value: float, low: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
        raise ConfigError(f"{name} must be at least {low}, got {value!r}")
