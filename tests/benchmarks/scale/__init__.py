"""What do clusters take, and what would a million photos?"""
