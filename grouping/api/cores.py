"""Cores that threads share which ask at a time; see :mod:`grouping.execution.shared_cores`."""

from grouping.execution.shared_cores import take_share

__all__ = ["take_share"]
