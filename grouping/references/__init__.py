"""Photos of people known beforehand: who they are, and who wants to be left out."""
