"""The desktop channel: clients driven by their accessibility tree, or by reading the picture."""
