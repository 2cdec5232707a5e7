"""The examples that need no data run."""

import pathlib
import runpy

import numpy as np

from dia_keras.backbones import resnet

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_an_attention_of_ones_own_is_shared_by_a_stage(capsys):
    example = runpy.run_path(str(EXAMPLES / "custom_attention.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "shared=False: 9 layers, 672 parameters",
        "shared=True : 3 layers, 224 parameters",
    ]
    model = resnet(8, "basic", attention=example["ContrastAttention"](), shared=True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss = model.train_on_batch(np.ones((2, 32, 32, 3), "float32"), np.zeros(2))
    assert np.isfinite(loss)
