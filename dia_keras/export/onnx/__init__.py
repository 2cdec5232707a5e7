"""ONNX: for ONNX Runtime, and the many tools that read it."""
