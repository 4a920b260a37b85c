"""Designs by which the depth prompt enters the network, each without effect until trained.

``design.py`` says what a design is, ``designs.py`` lists them by name.
"""
