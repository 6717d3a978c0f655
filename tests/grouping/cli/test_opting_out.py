"""What is refused before any photo is looked at."""

from argparse import Namespace
from pathlib import Path

import pytest

from grouping.cli.opting_out import check_opt_out
from grouping.errors import ConfigError
from grouping.storage.destinations import open_destination


def options(**given):
    return Namespace(**{"opt_out": None, "redact": None, "sources": ["photos"], **given})


def test_a_bucket_with_earlier_results_is_refused(client, bucket):
    """Nothing is deleted in a bucket, so that what shows them would stay there."""
    from grouping.storage.s3.client import S3Options

    s3 = S3Options(endpoint_url=client.meta.endpoint_url)
    asked = options(opt_out=Path("people"))
    with open_destination(f"s3://{bucket}/out", s3) as destination:
        check_opt_out(asked, destination)
        (destination.folder / "groups.json").write_text("{}")
        destination.publish()
    with open_destination(f"s3://{bucket}/out", s3) as destination:
        destination.recall("groups.json")
        check_opt_out(options(), destination)
        with pytest.raises(ConfigError, match="holds results of an earlier run"):
            check_opt_out(asked, destination)
