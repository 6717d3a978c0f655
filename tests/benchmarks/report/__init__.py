"""What do pages, pictures and the map of an album cost?"""
