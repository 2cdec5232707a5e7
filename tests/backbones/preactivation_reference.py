"""Pre-activation networks of basic blocks in NumPy, from their definitions, with a DIA-LSTM that stages share.

The weights are given by layer and name, e.g. `stage1_block1_conv1/kernel`. In training, batch norms use the statistics
of the batch.
"""

import keras
import numpy as np


def weights(model) -> dict[str, np.ndarray]:
    """Returns the weights in float64, those of a cell by the name of its stage's attention."""
    found = {}
    for layer in model.layers:
        for w in layer.weights:
            found[f"{layer.name}/{w.name}"] = keras.ops.convert_to_numpy(w).astype("float64")
    return found


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def conv(x, kernel, stride):
    """Zero-padded alike on all sides."""
    size = kernel.shape[0]
    reach = size // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    height, width = (-(-side // stride) for side in x.shape[1:3])
    out = np.zeros((len(x), height, width, kernel.shape[-1]))
    for i, j in np.ndindex(size, size):
        rows = slice(i, i + stride * (height - 1) + 1, stride)
        columns = slice(j, j + stride * (width - 1) + 1, stride)
        out += padded[:, rows, columns] @ kernel[i, j]
    return out


class Network:
    """A network with the weights `w`, `training` or not."""

    def __init__(self, w: dict[str, np.ndarray], training: bool):
        self.w, self.training = w, training

    def norm(self, x, name):
        mean, variance = self.w[f"{name}/moving_mean"], self.w[f"{name}/moving_variance"]
        if self.training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        return (x - mean) / np.sqrt(variance + 1e-5) * self.w[f"{name}/gamma"] + self.w[f"{name}/beta"]

    def conv(self, x, name, stride=1):
        return conv(x, self.w[f"{name}/kernel"], stride)

    def cell(self, y, states, name):
        def linear(x, which):
            return x @ self.w[f"{name}/{which}_kernel"] + self.w[f"{name}/{which}_bias"]

        h, c = states
        z = linear(relu(linear(y, "input_reduce")), "input_expand")
        z = z + linear(relu(linear(h, "hidden_reduce")), "hidden_expand")
        i, f, g, o = np.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * sigmoid(c)
        return h, (h, c)

    def logits(self, images, widths, blocks, projection, norm_before_cells):
        x = self.conv(images, "stem_conv")
        for stage, width in enumerate(widths, 1):
            states = np.zeros((len(x), width)), np.zeros((len(x), width))
            for block in range(1, blocks + 1):
                name = f"stage{stage}_block{block}"
                stride = 2 if stage > 1 and block == 1 else 1
                activated = relu(self.norm(x, f"{name}_bn1"))
                shortcut = x
                if stride > 1 or x.shape[-1] != width:
                    shortcut = x if projection == "raw" else activated
                    shortcut = self.conv(shortcut, f"{name}_shortcut_conv", stride)
                y = self.conv(activated, f"{name}_conv1", stride)
                y = self.conv(relu(self.norm(y, f"{name}_bn2")), f"{name}_conv2")
                if norm_before_cells:
                    y = self.norm(y, f"{name}_attention_bn")
                h, states = self.cell(y.mean((1, 2)), states, f"stage{stage}_attention")
                x = shortcut + y * h[:, None, None]
        x = relu(self.norm(x, "post_bn")).mean((1, 2))
        return x @ self.w["classifier/kernel"] + self.w["classifier/bias"]
