"""Programs that measure; ``python -m tests.benchmarks`` lists them, ``... NAME`` runs one."""
