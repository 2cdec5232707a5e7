"""SavedModel: for TensorFlow and TensorFlow Serving, without Keras or dia_keras."""
