"""Tasks that the cluster has been sent, each until its result is here.

Ray is asked to retry nothing: where a machine went away with a result, or with a piece that it was
fetching, Ray may wait for it without end. Here every task is remembered with its arguments, and
sent again as a new one where its worker, its machine or its result was lost, or where it is not
done long after a machine went away. Tasks are pure, so that whoever is late does no harm.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from grouping.errors import GroupingError, one_line
from grouping.execution.on_ray.cluster import living_nodes, ray_module
from grouping.similarity.inner_products import arithmetic_digest

log = logging.getLogger(__name__)

# How often a task is sent again.
RETRIES = 5
# Seconds between two looks at which machines are there.
LOOK_SECONDS = 3.0
# Seconds that a task may take on after a machine went away: at least so many, or so many times what
# the longest has taken until now. What is not done by then is sent again.
PATIENCE_SECONDS = 30.0
PATIENCE = 3
# Seconds that it may take to fetch a result: some megabytes.
FETCH_SECONDS = 120.0
# Seconds without any result: after the first it is said, after the second given up.
QUIET_SECONDS = 60.0
STUCK_SECONDS = 1800.0


@dataclass(eq=False)
class Shared:
    """A value in the object store, and here, so that it can be put there again.

    Attributes:
        value: it.
        reference: Ray's, of the copy that tasks are given now.
    """

    value: Any
    reference: Any


@dataclass(frozen=True)
class TaskReport:
    """Who did a task.

    Attributes:
        node: host name and the start of Ray's id.
        seconds: that it took.
        arithmetic: see :func:`grouping.similarity.inner_products.arithmetic_digest`.
    """

    node: str
    seconds: float
    arithmetic: str


@dataclass(eq=False)
class _Sent:
    """A task in flight.

    Attributes:
        place: its number.
        arguments: with :class:`Shared` ones.
        tries: how often it has been sent.
        since: seconds of a steady clock.
        due: when it is sent again, if it is not done by then.
    """

    place: int
    arguments: tuple[Any, ...]
    tries: int
    since: float
    due: float = float("inf")


class TasksInFlight:
    """Sends tasks to the cores of the cluster, and gives their results.

    Args:
        work: a function of a module, without side effects.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        self._ray = ray_module()
        self._errors = self._ray.exceptions
        self._task = self._ray.remote(num_cpus=1, max_retries=0)(_on_one_core)
        self._work = work
        self._sent: dict[Any, _Sent] = {}
        self._nodes = _node_ids()
        self._looked = self._heard = self._said = time.monotonic()
        self._longest = 0.0

    def __len__(self) -> int:
        return len(self._sent)

    def send(self, place: int, arguments: tuple[Any, ...], tries: int = 1) -> None:
        """Send a task; ``tries`` counts how often, this time included."""
        if not self._sent:
            self._heard = self._said = time.monotonic()
        given = (a.reference if isinstance(a, Shared) else a for a in arguments)
        reference = self._task.remote(self._work, *given)
        self._sent[reference] = _Sent(place, arguments, tries, time.monotonic())

    def done(self) -> Iterator[tuple[int, Any, TaskReport]]:
        """Wait until something is done, for some seconds; yield places, results and who did it.

        Raises:
            GroupingError: what the work raises; a task that was sent in vain again and again; no
                result for far too long.
        """
        ready, _ = self._ray.wait(
            list(self._sent), num_returns=1, timeout=LOOK_SECONDS, fetch_local=False
        )
        for reference in ready:
            found = self._fetched(reference)
            if found is not None:
                place = self._sent.pop(reference).place
                result, report = found
                self._longest = max(self._longest, report.seconds)
                yield place, result, report
                self._heard = time.monotonic()  # whoever takes results may be slow
        self._look()
        self._send_overdue_again()
        self._check_heard()

    def cancel(self) -> None:
        """End tasks whose results nobody wants any longer."""
        for reference in list(self._sent):
            self._drop(reference)

    def _fetched(self, reference: Any) -> tuple[Any, TaskReport] | None:
        """Return what a task gave; None where that is lost, and the task is sent again."""
        give_up = time.monotonic() + FETCH_SECONDS
        error: Exception
        while True:
            try:
                found: tuple[Any, TaskReport] = self._ray.get(reference, timeout=LOOK_SECONDS)
                return found
            except self._errors.GetTimeoutError as timeout:
                self._look()
                if time.monotonic() < min(give_up, self._sent[reference].due):
                    continue
                error = timeout
            except self._errors.RayTaskError as raised:
                cause = getattr(raised, "cause", None)
                if not isinstance(cause, self._errors.RayError):  # a piece that was not there
                    raise (cause if isinstance(cause, GroupingError) else raised) from None
                error = cause
            except self._errors.RayError as lost:
                error = lost
            self._send_again(reference, error)
            return None

    def _send_again(self, reference: Any, error: Exception) -> None:
        """Send a task again as a new one, with pieces that are there.

        Raises:
            GroupingError: that was done too often.
        """
        sent = self._drop(reference)
        if sent.tries > RETRIES:
            raise GroupingError(
                f"a task of the graph failed {sent.tries} times, each time with its worker or its "
                f"machine ({one_line(error)}); see `ray status`, and give each core more memory"
            ) from error
        log.debug("a task of the graph is sent again (%s)", one_line(error))
        lost = getattr(error, "object_ref_hex", None)
        for argument in sent.arguments:
            if isinstance(argument, Shared) and argument.reference.hex() == lost:
                argument.reference = self._ray.put(argument.value)
        self.send(sent.place, sent.arguments, sent.tries + 1)

    def _drop(self, reference: Any) -> _Sent:
        """Forget a task, and have it ended where it is."""
        with suppress(self._errors.RayError):
            self._ray.cancel(reference, force=True)
        return self._sent.pop(reference)

    def _look(self) -> None:
        """See whether machines went away; what is in flight then has a time to be done by."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        before, self._nodes, self._looked = self._nodes, _node_ids(), now
        if not before <= self._nodes:
            patience = max(PATIENCE_SECONDS, PATIENCE * self._longest)
            for sent in self._sent.values():
                sent.due = min(sent.due, now + patience)

    def _send_overdue_again(self) -> None:
        now = time.monotonic()
        late = [reference for reference, sent in self._sent.items() if sent.due < now]
        if not late:
            return
        _, undone = self._ray.wait(late, num_returns=len(late), timeout=0, fetch_local=False)
        for reference in undone:
            self._send_again(reference, TimeoutError("not done long after a machine went away"))

    def _check_heard(self) -> None:
        """Say that nothing is done for long.

        Raises:
            GroupingError: far too long.
        """
        now = time.monotonic()
        if now - self._heard > STUCK_SECONDS:
            raise GroupingError(
                f"no task of the graph was done for {STUCK_SECONDS:.0f} seconds; what photos gave "
                "is kept in the cache: see `ray status`, then run again"
            )
        if now - max(self._heard, self._said) > QUIET_SECONDS:
            self._said = now
            log.info(
                "no task of the graph is done for %.0f s; the cluster has %s of %s cores free",
                now - self._heard,
                self._ray.available_resources().get("CPU", 0),
                self._ray.cluster_resources().get("CPU", 0),
            )


def _node_ids() -> set[str]:
    return {node.id for node in living_nodes()}


def _on_one_core(work: Callable[..., Any], *arguments: Any) -> tuple[Any, TaskReport]:
    """Do a task in a worker, as a thread of a pool does it that works on one core."""
    import ray
    import torch

    torch.set_num_threads(1)
    arithmetic = arithmetic_digest()
    started = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    node = f"{platform.node()} ({ray.get_runtime_context().get_node_id()[:6]})"
    return result, TaskReport(node, seconds, arithmetic)
