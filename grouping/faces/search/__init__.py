"""The search for faces in one photo: the cascade, tiles of crowds, another look where in doubt."""
