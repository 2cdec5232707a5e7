"""The names of a SavedModel's signatures."""

#: Dtypes of the images that the signatures take.
SIGNATURES = {"serving_default": "float32", "serving_uint8": "uint8"}
#: The signature that takes image files.
ENCODED = "serving_encoded"
