"""Made-up albums and results: what a run leaves behind, without a run."""
