"""The names in a SavedModel: of its signatures and of its files."""

#: Dtypes of the images that the signatures take.
SIGNATURES = {"serving_default": "float32", "serving_uint8": "uint8"}
#: The signature that takes image files.
ENCODED = "serving_encoded"
#: The folder with labels and metadata.
EXTRA = "assets.extra"
#: What TensorFlow, Keras and this package write: in the folder itself; and, as patterns of names, in each folder of it.
ENTRIES = ("assets", EXTRA, "fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables")
FILES = {
    "assets": (),
    EXTRA: ("labels.txt", "metadata.json"),
    "variables": ("variables.index", "variables.data-?????-of-?????"),
}
