"""A real Ray cluster on this machine, for tasks of the graph: raylets of one core each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.helpers.paths import ROOT

# Ray's processes read these when they start; nobody else gets at what a test has started.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "PYTHONPATH": str(ROOT),
}


@contextmanager
def connected_nodes(count: int, store: int) -> Iterator[Any]:
    """Start nodes, connect to the first, and end all of their processes.

    Args:
        count: nodes, of one core each.
        store: bytes of the object store of each.

    Yields:
        The cluster.
    """
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ |= ENVIRONMENT
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(shutdown_at_exit=True)
    try:
        for _ in range(count):
            cluster.add_node(num_cpus=1, object_store_memory=store, include_dashboard=False)
        ray.init(cluster.address, configure_logging=False, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
