"""What is said about finished groups."""
