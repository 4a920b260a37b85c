"""Image encoders behind one interface: ``encoder(image)`` is a pyramid of four feature maps, finest first.

``encoder.channels`` are the widths of the four maps; sides of the image must be multiples of
``encoder.stride``. The image is RGB, standardised with ImageNet's mean and deviation. ``catalogue.py``
lists the encoders by name.
"""
