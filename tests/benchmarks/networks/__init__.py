"""How fast are the networks, on what and why not faster?"""
