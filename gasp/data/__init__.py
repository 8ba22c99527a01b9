"""Sources of images, scenes composed of them, and corruptions."""
