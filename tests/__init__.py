"""Tests, their helpers, and benchmarks; run from the root of the clone."""
