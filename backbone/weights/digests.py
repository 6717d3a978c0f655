"""Digests of weight files, without torch, so that a run that finds all its work done is quick."""

from __future__ import annotations

import hashlib
from pathlib import Path

MTCNN_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


def mtcnn_digest() -> str:
    """Return one hex digest that changes when any of the detector's weight files does."""
    return hashlib.sha256("".join(sorted(MTCNN_SHA256.values())).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
