"""Objects in S3: the client, objects that surely are there, results under a prefix."""
