"""Pure functions on arrays: rigid motions, cameras, projection, resampling, trajectories.

Conventions, obeyed everywhere in this repository:

- Metres, seconds, radians; any other unit is a suffix of the name (``_px``, ``_mm``, ``_deg``).
- Depth is z-depth, the distance along the optical axis, never the length of a ray. Unknown depth
  is 0 in arrays and files.
- Camera axes are OpenCV's: x right, y down, z forward. A reader converts at its own door.
- ``T_world_camera`` maps camera points to world points; every transform is named ``T_to_from``, so
  that equal neighbours cancel in a product: ``T_world_camera @ T_camera_lidar``.
- The world is the capture's own (ARKit: y up) and is never turned.
- The centre of the top-left pixel is (0, 0), as in OpenCV. Formats that count from the pixel's
  corner (ARKit, COLMAP, Open3D's tensor volume and rays) are converted at their doors by half a pixel.
- Quaternions are scalar-last (x, y, z, w), as in SciPy.
- Float64 for poses and intrinsics, float32 for depth and points; colours are RGB uint8.
"""
