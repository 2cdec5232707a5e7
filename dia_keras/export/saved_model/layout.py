"""The names in a SavedModel: of its signatures and of its files."""

#: Dtypes of the images that the signatures take.
SIGNATURES = {"serving_default": "float32", "serving_uint8": "uint8"}
#: The signature that takes image files.
ENCODED = "serving_encoded"
#: The folder with labels and metadata, and what is in it.
EXTRA = "assets.extra"
EXTRA_FILES = ("labels.txt", "metadata.json")
#: What TensorFlow, Keras and this package write.
ENTRIES = ("assets", EXTRA, "fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables")
