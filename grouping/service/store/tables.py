"""The tables of the store: albums with their jobs, photos, keys of requests, API keys, notices.

Times are seconds since 1970, by the clock of the database where it has one.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

store_info = Table(
    "store_info",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

# One row an album. Its job is the same row: an album has one at a time.
# wanted counts what callers asked for, done what the results hold; they differ while work is left.
albums = Table(
    "albums",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("key_id", String(64), nullable=False),  # of the API key that made it
    Column("created", Float(53), nullable=False),
    Column("changed", Float(53), nullable=False),
    Column("queued", Float(53), nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("photos", Integer, nullable=False),  # rows in the table photos
    Column("settings", Text, nullable=False),  # JSON
    Column("prefixes", Text, nullable=False),  # JSON: addresses in S3
    Column("webhook", Text),  # address, told at the end of each job
    Column("progress", Text, nullable=False),  # JSON
    Column("counts", Text, nullable=False),  # JSON
    Column("failures", Text, nullable=False),  # JSON
    Column("error", Text),  # why the last job failed
    Column("lease", String(22)),  # of the job at work; another one for each start
    Column("lease_until", Float(53)),
    Column("starts", Integer, nullable=False),  # of a job, without an end
    Column("runs", Integer, nullable=False),  # jobs that were finished
    Index("albums_queue", "state", "queued"),
    Index("albums_changed", "changed"),
    Index("albums_created", "created", "id"),
)

photos = Table(
    "photos",
    metadata,
    Column("album", String(22), ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("photo_id", Text, nullable=False),  # JSON: a string or a whole number
    Column("url", Text),  # may carry a signature; None for an upload
    Column("file", String(40)),  # name of an upload in the album's folder
    Index("photos_id", "album", "photo_id"),
)

# Requests with an Idempotency-Key, so that the same one again changes nothing.
requests = Table(
    "requests",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("request_key", String(64), primary_key=True),  # SHA-256 of what the caller sent
    Column("digest", String(64), nullable=False),  # of the request
    Column("created", Float(53), nullable=False),
    Column("album", String(22), nullable=False),
    Index("requests_created", "created"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("revoked", Float(53)),
)

# Notices to webhooks that are not delivered yet.
notices = Table(
    "notices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("album", String(22), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due", Float(53), nullable=False),
    Column("lease_until", Float(53)),
    Column("number", BigInteger, nullable=False, default=0),
    Index("notices_due", "due"),
)
