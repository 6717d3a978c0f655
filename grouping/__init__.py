"""Who is in which photo: face grouping for photo albums."""
