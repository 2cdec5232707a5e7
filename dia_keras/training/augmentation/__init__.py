"""Augmentation: random numbers, changes of images, and the batches of a data set."""
