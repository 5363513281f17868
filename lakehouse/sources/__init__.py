"""Where Bronze reads from: one leaf per format, found by the name of its file."""
