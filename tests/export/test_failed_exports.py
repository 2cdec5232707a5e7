"""What fails leaves nothing, and what was there before."""

import importlib

import keras
import numpy as np
import pytest
from exported import FORMATS, answers_of, one_block
from files import ask

from dia_keras import export
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("format", FORMATS)
def test_wrong_file_raises_and_leaves_nothing(format, tmp_path, monkeypatch):
    to_format, name = FORMATS[format]
    module = importlib.import_module(f"dia_keras.export.{format}.writer")
    write, other = module.write, one_block()
    monkeypatch.setattr(module, "write", lambda model, *request: write(other, *request))
    with pytest.raises(export.ExportMismatchError, match="more than `tolerance` allows"):
        to_format(one_block(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_failed_export_leaves_the_existing_file_and_a_good_one_replaces_it(format, tmp_path, monkeypatch):
    to_format, name = FORMATS[format]
    path = to_format(one_block(), tmp_path / name).path

    def content():
        return {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    before = content()
    model = one_block()
    module = importlib.import_module(f"dia_keras.export.{format}.writer")
    write = module.write

    def write_and_fail(*arguments):
        write(*arguments)
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write", write_and_fail)
        with pytest.raises(OSError, match="No space left"):
            to_format(model, path)
    assert content() == before
    to_format(model, path)
    images = load_samples()[0]
    np.testing.assert_allclose(ask(path, images), answers_of(model, images), atol=1e-5)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_full_disk_is_not_an_error_of_the_model(format, tmp_path, monkeypatch):
    import tensorflow as tf

    def fail(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "model/variables: No space left on device")

    to_format, name = FORMATS[format]
    monkeypatch.setattr(importlib.import_module(f"dia_keras.export.{format}.writer"), "write", fail)
    with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'"):
        to_format(one_block(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_file_with_a_fixed_batch_is_not_taken_for_a_free_one(tmp_path, monkeypatch):
    module = importlib.import_module("dia_keras.export.onnx.writer")
    freeze = module.freeze
    monkeypatch.setattr(module, "freeze", lambda model, **options: freeze(model, len(load_samples()[0]), **options))
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    with pytest.raises(Exception, match=r"(?i)shape|dimension"):
        export.to_onnx(model, tmp_path / "model.onnx", load_samples()[0])
    assert not list(tmp_path.iterdir())


def test_nan_is_a_mismatch(tmp_path):
    model = one_block()
    model.get_layer("classifier").bias.assign(np.full(10, np.nan))
    with pytest.raises(export.ExportMismatchError, match="differs by nan"):
        export.to_tflite(model, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
