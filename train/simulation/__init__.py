"""Depth sensors simulated from true depth, so that a network learns to correct them."""
