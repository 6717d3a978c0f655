"""Are photos put together by people, and copies found?"""
