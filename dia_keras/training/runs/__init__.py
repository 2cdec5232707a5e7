"""A run: a training in a folder, with checkpoints, a budget and records."""
