"""How long do whole runs take, in which stages, in how much memory?"""
