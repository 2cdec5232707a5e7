"""Exports: SavedModel, TFLite and ONNX files, each run and held against the Keras model before it is put in place."""

from .api import to_onnx as to_onnx
from .api import to_saved_model as to_saved_model
from .api import to_tflite as to_tflite
from .errors import ExportMismatchError as ExportMismatchError
from .inference import optimize as optimize
from .report import ExportReport as ExportReport
