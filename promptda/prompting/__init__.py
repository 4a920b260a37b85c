"""Designs by which the depth prompt enters the network, each without effect until trained."""
