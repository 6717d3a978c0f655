"""What several test files use: made photos and vectors, faulty servers, references."""
