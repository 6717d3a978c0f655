"""Where the time of runs goes, for those who watch a service; see :mod:`grouping.stage_clock`."""

from grouping.stage_clock import StageClock, measure_stages

__all__ = ["StageClock", "measure_stages"]
