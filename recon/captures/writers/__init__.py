"""Captures written in the layouts of the apps that record them."""
