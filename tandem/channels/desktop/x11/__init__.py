"""The desktop driver for Linux with X11. Everything that binds a display lives in a process of its own, ``host``."""
