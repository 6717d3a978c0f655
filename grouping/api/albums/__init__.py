"""Whole albums: grouped, opened, corrected, handed on."""
