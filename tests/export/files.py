"""Exported files, run by the shortest code that runs them."""

import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def ask(path, images: np.ndarray) -> np.ndarray:
    """Returns the answers of an exported file to images, cast to what it takes."""
    if path.suffix == ".onnx":
        session = onnxruntime.InferenceSession(path)
        takes = "uint8" if session.get_inputs()[0].type == "tensor(uint8)" else "float32"
        return session.run(["predictions"], {"images": images.astype(takes)})[0]
    if path.suffix == ".tflite":
        interpreter = Interpreter(str(path))
        (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
        rows = []
        for part in np.split(images, len(images) // given["shape"][0]):
            interpreter.allocate_tensors()
            interpreter.set_tensor(given["index"], part.astype(given["dtype"]))
            interpreter.invoke()
            rows.append(interpreter.get_tensor(answer["index"]))
        return np.concatenate(rows)
    return (
        tf.saved_model.load(str(path))
        .signatures["serving_default"](images=images.astype("float32"))["predictions"]
        .numpy()
    )
