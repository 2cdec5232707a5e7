"""Commands for object detection, one a file."""
