"""Programs that measure; run as ``python -m tests.benchmarks.NAME`` from the root of the clone."""
