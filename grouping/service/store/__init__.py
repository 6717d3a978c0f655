"""What several processes of the service share: albums, their jobs, and who called."""
