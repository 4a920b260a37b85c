"""The made room of the example: its shapes, materials, light, camera and phone sensor."""
