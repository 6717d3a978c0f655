"""What a person knows better: the corrections file, found again among the faces of a run."""
