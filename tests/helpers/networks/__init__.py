"""Weights, stand-ins, and independent references of networks."""
