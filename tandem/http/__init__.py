"""The port through which every API client speaks HTTP."""
