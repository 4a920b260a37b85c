"""Pseudo ground truth for real pictures: which frames to use, and depth from a laser scan's mesh.

The place of a radiance field of our own, whose depth has the edges that a laser scan lacks (arXiv:2412.14015, sec. 3.3
trains a Zip-NeRF for each scene), is a module here: posed frames in, depth maps named by frame out, in the layout that
``train.data.triples`` reads as ``pseudo/``.
"""
