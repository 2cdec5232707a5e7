"""The forms of weights files: compared with a network before anything is read."""
