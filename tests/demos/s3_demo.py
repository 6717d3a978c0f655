"""A run against an S3 server, from bucket to bucket, twice: ``python -m tests.demos.s3_demo``.

Starts moto's server on a free port of this machine, uploads the sample photos, groups them
with the command line and shows what lies in the bucket then. The second run finds all photos
in the cache.
"""

import os
import subprocess
import sys
import tempfile
import time

import boto3

from tests.helpers.paths import ROOT
from tests.helpers.services.servers import s3_server

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "demo",
    "AWS_SECRET_ACCESS_KEY": "demo",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def main() -> int:
    os.environ.update(CREDENTIALS)
    endpoint = s3_server()
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="demo")
    for photo in sorted((ROOT / "tests" / "photos").glob("*.jpg")):
        client.upload_file(str(photo), "demo", f"event/{photo.name}")
    with tempfile.TemporaryDirectory() as folder:
        command = ["run_grouping.py", "s3://demo/event", "--out", "s3://demo/people"]
        command += ["--s3-endpoint-url", endpoint, "--cache", f"{folder}/event.sqlite"]
        for _ in range(2):
            print("$ python", *command, flush=True)
            start = time.monotonic()
            subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
            print(f"({time.monotonic() - start:.1f} s)\n")
    for item in client.list_objects_v2(Bucket="demo")["Contents"]:
        print(f"{item['Size']:>9}  s3://demo/{item['Key']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
