"""Exports: SavedModel, TFLite and ONNX files, each run and compared with the Keras model before it is put in place.

`exporter` has the steps that all formats share. Each format has a folder of its own; `registry` lists them.
"""

from ..inference import optimize as optimize
from .errors import ExportMismatchError as ExportMismatchError
from .onnx.api import to_onnx as to_onnx
from .report import ExportReport as ExportReport
from .saved_model.api import to_saved_model as to_saved_model
from .tflite.api import to_tflite as to_tflite
