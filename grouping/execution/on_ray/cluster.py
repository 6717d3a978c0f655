"""A connection to a Ray cluster: one that runs, or one that is started on this machine for the run.

Nothing is sent to Ray's makers: their statistics are switched off before Ray is imported. A cluster
that is started here takes work from nobody without its token, and its dashboard listens to this
machine alone.

A cluster whose machines cannot be reached from here is used through its client server (``ray://``):
a process of its head that makes every call for this one.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grouping.errors import GroupingError, ModelError, one_line
from grouping.execution.on_ray.token import make_token_private

log = logging.getLogger(__name__)

STATISTICS = "RAY_USAGE_STATS_ENABLED"
DASHBOARD_PACKAGES = ("aiohttp", "aiohttp_cors", "opencensus")
CODE = Path(__file__).resolve().parents[3]  # the folder that workers import this package from

_lock = threading.RLock()
_users = 0  # of the connection that this module has made
_keepers = 0  # who will use it again
_made = False  # whether there is one


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, as far as it is known.

    Attributes:
        id: as Ray has it, hex.
        name: host name and address, for people.
        cpus, gpus: that Ray may use.
        memory: bytes that Ray may use.
    """

    id: str
    name: str
    cpus: int
    gpus: int
    memory: int


@contextmanager
def connected(address: str | None, cpus: int, *, dashboard: bool = True) -> Iterator[None]:
    """Be connected to a cluster within the block; blocks may lie within each other.

    A connection that the calling program has made itself is used, and left as it is.

    Args:
        address: of a running cluster; None starts one on this machine, which ends with the last
            block.
        cpus: cores of the one that is started.
        dashboard: whether the one that is started has Ray's dashboard.

    Raises:
        ModelError: the extra is not installed.
        GroupingError: there is no such cluster, it cannot be started, or the connection was lost.
    """
    ray = ray_module()
    ours = _joined(ray, address, cpus, dashboard)
    try:
        yield
    except ConnectionError as error:
        if type(error) is not ConnectionError:  # of a socket, not of Ray's client
            raise
        raise GroupingError(
            f"the connection to the Ray cluster {address} was lost ({one_line(error)}); what was "
            "done is kept in the cache: run again"
        ) from error
    finally:
        if ours:
            _left(ray)


@contextmanager
def kept_connected() -> Iterator[None]:
    """Keep a connection that is made within the block until its end; make none."""
    global _keepers
    with _lock:
        _keepers += 1
    try:
        yield
    finally:
        with _lock:
            _keepers -= 1
            if _made:
                _end_unused(ray_module())


def _joined(ray: Any, address: str | None, cpus: int, dashboard: bool) -> bool:
    """Use the connection that there is, or make one; tell whether it is of this module."""
    global _users, _made
    with _lock:
        if not _made:
            if ray.is_initialized():
                return False
            _connect(ray, address, cpus, dashboard)
            _made = True
        _users += 1
        return True


def _left(ray: Any) -> None:
    """Use it no longer."""
    global _users
    with _lock:
        _users -= 1
        _end_unused(ray)


def _end_unused(ray: Any) -> None:
    """End the connection of this module, if nobody uses it now or later."""
    global _made
    if not _users and not _keepers:
        _made = False
        _disconnect(ray)


def ray_module() -> Any:
    """Import Ray, with nothing sent to its makers.

    Raises:
        ModelError: the extra is not installed.
    """
    os.environ[STATISTICS] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else each worker warns
    try:
        import ray
    except ImportError:
        raise ModelError("the backend 'ray' needs the extra: pip install '.[ray]'") from None
    return ray


def shared(data: bytes) -> Any:
    """Put bytes where every machine of the cluster finds them; return the reference."""
    return ray_module().put(data)


def living_nodes() -> list[Node]:
    """Return the machines of the cluster that are alive now, in a lasting order."""
    found = [node for node in ray_module().nodes() if node["Alive"]]
    return sorted(map(_node, found), key=lambda node: (node.name, node.id))


def _node(told: dict[str, Any]) -> Node:
    resources = told["Resources"]
    host, address = told["NodeManagerHostname"], told["NodeManagerAddress"]
    return Node(
        id=told["NodeID"],
        name=f"{host} ({address}, {told['NodeID'][:6]})",
        cpus=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        memory=int(resources.get("memory", 0)),
    )


def _connect(ray: Any, address: str | None, cpus: int, dashboard: bool) -> None:
    started: dict[str, Any] = {}
    if address is None:
        make_token_private()
        has_dashboard = dashboard and all(find_spec(name) for name in DASHBOARD_PACKAGES)
        started = {"address": "local", "num_cpus": cpus, "include_dashboard": has_dashboard}
        started |= {"dashboard_host": "127.0.0.1"}
        started |= {"runtime_env": {"env_vars": {"PYTHONPATH": _search_path()}}}
    else:
        started = {"address": address}
    try:
        with _signals_kept(), _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters comes as an error
            context = ray.init(
                **started,
                namespace="face-grouping",
                configure_logging=False,
                log_to_driver=False,
            )
    except BaseException as error:
        with suppress(Exception):
            ray.shutdown()
        if not isinstance(error, Exception):
            raise  # Ctrl-C, with half of it begun
        what = (
            "cannot be started on this machine"
            if address is None
            else f"{address} cannot be reached"
        )
        hint = "" if address is None else "; see `ray status` there"
        raise GroupingError(f"the Ray cluster {what}{hint} ({one_line(error)})") from error
    page = getattr(context, "dashboard_url", None)
    where = f"http://{page}" if page else "none"
    log.info("Ray's dashboard: %s", where, extra={"fields": {"dashboard": where}})


def _search_path() -> str:
    """Where the workers of a cluster on this machine find the code, installed or not."""
    return os.pathsep.join(filter(None, [str(CODE), os.environ.get("PYTHONPATH")]))


def _disconnect(ray: Any) -> None:
    with _signals_kept():
        ray.shutdown()


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Ray say nothing below an error while it starts: what matters is said here."""
    ray = logging.getLogger("ray")
    before = ray.level
    ray.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.setLevel(before)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Have SIGTERM handled as before: Ray puts a handler of its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
