"""TFLite: for LiteRT, on phones and small devices."""
