"""Fixtures of several test files: an empty cache; S3, which is moto's server in another process."""

import functools
import random

import boto3
import pytest

from grouping.storage.cache import Cache
from tests.helpers.servers import s3_server


@pytest.fixture
def s3_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@functools.cache
def made_client():
    return boto3.client("s3", endpoint_url=s3_server())


@pytest.fixture
def client(s3_credentials):
    return made_client()


@pytest.fixture
def bucket(client):
    name = f"bucket-{random.randrange(10**12)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def cache(tmp_path):
    with Cache.open(tmp_path / "store" / "cache.sqlite") as opened:
        yield opened
