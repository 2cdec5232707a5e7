"""The public API is exactly this."""

import importlib
import types

import pytest

API = {
    "dia_keras": {"PixelRangeWarning"},
    "dia_keras.units": {
        "AttentionModule",
        "CBAM",
        "DIALSTMCell",
        "DIALSTMLightCell",
        "ECA",
        "IE",
        "RecurrentAttention",
        "SE",
        "SEM",
        "SGE",
        "SPA",
        "SPEM",
        "SRM",
        "StackedCells",
        "StandardLSTMCell",
        "stacked_dia_lstm",
    },
    "dia_keras.backbones": {
        "ATTENTIONS",
        "GroupedConv2D",
        "imagenet_resnet",
        "native_grouped_convolutions",
        "preresnet",
        "resnet",
        "resnext",
        "stage_outputs",
        "wrn",
    },
    "dia_keras.data": {"DataSet", "Split", "load", "read_picture"},
    "dia_keras.detection": {
        "CocoEvaluation",
        "Detections",
        "DetectorSettings",
        "FasterRCNN",
        "FoundDetector",
        "RetinaNet",
        "detect",
        "evaluate_detections",
        "find_detector",
        "plot_precision_recall",
        "train_detector",
    },
    "dia_keras.detection.data": {"Batches", "DetectionSet", "Example", "Letterbox", "batches", "letterbox", "load"},
    "dia_keras.training": {
        "Evaluation",
        "FineTuned",
        "FineTuning",
        "Phase",
        "Recipe",
        "SGDL2",
        "evaluate",
        "find_learning_rate",
        "fine_tune",
        "fit",
        "load_recipe",
        "train",
    },
    "dia_keras.analysis": {
        "Block",
        "ClassActivation",
        "accuracy_without_blocks",
        "attention_by_stage",
        "class_activation",
        "gini_importance",
        "gradient",
        "integration_by_stage",
        "plot_attention",
        "plot_gradients",
        "plot_grad_cam",
        "plot_importances",
        "plot_integration",
        "plot_lesions",
        "stage_gradients",
    },
    "dia_keras.zoo": {"Card", "card", "decode_predictions", "list_models", "load", "push", "save_weights"},
    "dia_keras.benchmark": {"Measurement", "measure"},
    "dia_keras.inference": {"optimize"},
    "dia_keras.samples": {"load_samples", "sample_paths"},
    "dia_keras.reproduction": {
        "Row",
        "RowCost",
        "Scale",
        "Table",
        "estimate",
        "measure_cost",
        "read_table",
        "reproduce",
        "table_names",
        "write_cost_report",
        "write_drawing",
        "write_report",
    },
    "dia_keras.interop": {
        "Published",
        "Source",
        "convert_torch",
        "fetch",
        "find_source",
        "published",
        "save",
        "sources",
    },
    "dia_keras.export": {"ExportMismatchError", "ExportReport", "optimize", "to_onnx", "to_saved_model", "to_tflite"},
}


@pytest.mark.parametrize("module", API)
def test_public_names_are_those_listed(module):
    names = vars(importlib.import_module(module))
    public = {name for name, value in names.items() if name[0] != "_" and not isinstance(value, types.ModuleType)}
    assert public == API[module]


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in API for name in sorted(API[module])])
def test_public_functions_and_classes_are_documented(module, name):
    value = getattr(importlib.import_module(module), name)
    assert not callable(value) or value.__doc__
