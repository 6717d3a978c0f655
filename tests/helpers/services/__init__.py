"""Real servers: HTTP, S3, PostgreSQL, and the service itself."""
