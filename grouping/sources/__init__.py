"""Folders, lists, addresses and buckets to photos."""
