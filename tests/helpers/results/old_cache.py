"""Cache files as version 0.1.0 wrote them, made with sqlite alone."""

import hashlib
import json
import sqlite3
from pathlib import Path

from grouping.records import PhotoFaces

SCHEMA = """
CREATE TABLE sources (
    key TEXT NOT NULL, sha256 TEXT NOT NULL, version TEXT,
    PRIMARY KEY (key, sha256)
) WITHOUT ROWID;
CREATE INDEX sources_by_content ON sources (sha256);
CREATE TABLE detections (
    sha256 TEXT NOT NULL, detector TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    boxes BLOB NOT NULL, scores BLOB NOT NULL, landmarks BLOB NOT NULL,
    quality BLOB NOT NULL, measures BLOB NOT NULL,
    warnings TEXT NOT NULL, failure TEXT,
    checksum BLOB NOT NULL,
    PRIMARY KEY (sha256, detector)
);
CREATE TABLE embeddings (
    sha256 TEXT NOT NULL, detector TEXT NOT NULL, model TEXT NOT NULL,
    vectors BLOB NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (sha256, detector, model)
);
PRAGMA application_id = 0x46434743;
PRAGMA user_version = 1;
"""

# What it used with the bundled network and the default settings.
OLD_DETECTOR = "05e400263ee4fc862f06c4410b7fe4b4905b2c9469e05fce4e7b088fe6c9c7ce"
OLD_MODEL = "715a3afbc076956b40a7657f7eb6963d4984135f6031df687403cc1d73ea50c8"


def write_old_cache(path: Path, *results: PhotoFaces) -> None:
    """A file that holds these results, without what was not known then."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for result in results:
        names = (result.sha256, OLD_DETECTOR)
        faces = result.faces
        detection = (
            *(result.width, result.height),
            *(blob(faces.boxes), blob(faces.scores), blob(faces.landmarks), blob(faces.quality)),
            blob(faces.measures[:, :6]),
            json.dumps(result.warnings),
            None,
        )
        columns = (*names, *detection)
        connection.execute(
            "INSERT INTO detections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*columns, checksum(*columns)),
        )
        embedding = (*names, OLD_MODEL, blob(faces.embeddings))
        connection.execute(
            "INSERT INTO embeddings VALUES (?, ?, ?, ?, ?)", (*embedding, checksum(*embedding))
        )
    connection.commit()
    connection.close()


def blob(array) -> bytes:
    return array.astype("<f4").tobytes()


def checksum(*values) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for value in values:
        part = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()
