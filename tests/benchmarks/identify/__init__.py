"""Are people found again, named, and left out when they want it?"""
