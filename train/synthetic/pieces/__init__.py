"""Furniture, fittings, people, vehicles and plants, each built at random from primitives."""
