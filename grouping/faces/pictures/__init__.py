"""What is made of the pixels of a photo besides faces: small pictures, hashes, covers."""
