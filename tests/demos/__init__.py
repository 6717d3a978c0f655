"""Programs to look at, run as ``python -m tests.demos.NAME`` from the root of the clone."""
