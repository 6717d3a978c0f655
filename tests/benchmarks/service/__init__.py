"""How does the service answer under load, and how large is its image?"""
