"""Training steps that are faster than Keras' own, by the same formulas."""
