"""The modules in NumPy, written from their definitions, pixel by pixel where that is plainest.

Each takes the weights by path and features `(batch, height, width, N)`, and returns the recalibrated features.
"""

import keras
import numpy as np
from units_reference import relu, sigmoid


def weights(layer) -> dict[str, np.ndarray]:
    """Returns the weights in float64 by their path within the layer, e.g. `mlp/squeeze/kernel`."""
    return {
        v.path.removeprefix(f"{layer.name}/"): keras.ops.convert_to_numpy(v).astype("float64") for v in layer.weights
    }


def mlp(w, y):
    hidden = relu(y @ w["mlp/squeeze/kernel"] + w.get("mlp/squeeze/bias", 0))
    return hidden @ w["mlp/excite/kernel"] + w.get("mlp/excite/bias", 0)


def over_channels(kernel, y):
    """Convolution of every row with the kernel, zero outside."""
    reach = len(kernel) // 2
    padded = np.pad(y, ((0, 0), (reach, reach)))
    return np.stack([(padded[:, i : i + len(kernel)] * kernel.ravel()).sum(1) for i in range(y.shape[1])], 1)


def recalibrated(x, attention):
    return x * attention[:, None, None, :]


def se(w, x):
    return recalibrated(x, sigmoid(mlp(w, x.mean((1, 2)))))


def eca(w, x):
    return recalibrated(x, sigmoid(over_channels(w["conv/kernel"], x.mean((1, 2)))))


def ie(w, x):
    return recalibrated(x, sigmoid(w["affine/scale"] * x.mean((1, 2)) + w["affine/shift"]))


def cbam(w, x):
    x = recalibrated(x, sigmoid(mlp(w, x.mean((1, 2))) + mlp(w, x.max((1, 2)))))
    kernel = w["kernel"]
    reach = len(kernel) // 2
    maps = np.pad(np.stack([x.max(-1), x.mean(-1)], -1), ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    out = np.empty_like(x)
    for row, column in np.ndindex(x.shape[1:3]):
        window = maps[:, row : row + len(kernel), column : column + len(kernel)]
        logit = (window * kernel[..., 0]).sum((1, 2, 3))
        out[:, row, column] = x[:, row, column] * sigmoid(logit)[:, None]
    return out


def srm(w, x, unbiased=True, training=False):
    """The variance over n pixels is divided by n - 1; in training, the batch norm uses the statistics of the batch."""
    pixels = x.shape[1] * x.shape[2]
    mean = x.mean((1, 2))
    variance = ((x - mean[:, None, None]) ** 2).sum((1, 2)) / (pixels - unbiased)
    z = w["style/style_weights"][0] * mean + w["style/style_weights"][1] * np.sqrt(variance + 1e-5)
    mean, variance = w["norm/moving_mean"], w["norm/moving_variance"]
    if training:
        mean, variance = z.mean(0), z.var(0)
    z = (z - mean) / np.sqrt(variance + 1e-5)
    return recalibrated(x, sigmoid(z * w["norm/gamma"] + w["norm/beta"]))


def spa(w, x):
    """Part i of n along a side of length L spans floor(i L / n) to ceil((i + 1) L / n)."""
    batch, height, width, channels = x.shape
    pooled = []
    for n in (1, 2, 4):
        parts = np.empty((batch, channels, n, n))
        for i, j in np.ndindex(n, n):
            rows = slice(i * height // n, -(-(i + 1) * height // n))
            columns = slice(j * width // n, -(-(j + 1) * width // n))
            parts[:, :, i, j] = x[:, rows, columns].mean((1, 2))
        pooled.append(parts.reshape(batch, -1))
    return recalibrated(x, sigmoid(mlp(w, np.concatenate(pooled, 1))))


def sem(w, x):
    y = x.mean((1, 2))
    s = sigmoid(y @ w["switch/kernel"] + w["switch/bias"])
    excitations = (
        mlp(w, y),
        over_channels(w["conv/kernel"], y),
        w["affine/scale"] * y + w["affine/shift"],
    )
    return recalibrated(x, np.prod([sigmoid(s[:, i : i + 1] * each) for i, each in enumerate(excitations)], 0))


def spem(w, x):
    largest, smallest = (w["pooled/scale"] * pooled + w["pooled/shift"] for pooled in (x.max((1, 2)), x.min((1, 2))))
    q = w["pooling"] ** 2 / (w["pooling"] ** 2).sum()
    mixed = w["mixed/scale"] * (q[0] * largest + q[1] * smallest) + w["mixed/shift"]
    return recalibrated(x, sigmoid(largest + smallest) * sigmoid(mixed))


def sge(w, x, unbiased=True):
    """As in the authors' code, 1e-5 is added to the deviation; the biased form has its square added to the variance."""
    groups = len(w["weight"])
    width = x.shape[-1] // groups
    out = np.empty_like(x)
    for image, group in np.ndindex(len(x), groups):
        channels = slice(group * width, (group + 1) * width)
        pixels = x[image, :, :, channels]
        t = pixels @ pixels.mean((0, 1))
        variance = ((t - t.mean()) ** 2).sum() / (t.size - unbiased)
        z = (t - t.mean()) / (np.sqrt(variance) + 1e-5 if unbiased else np.sqrt(variance + 1e-10))
        out[image, :, :, channels] = pixels * sigmoid(w["weight"][group] * z + w["bias"][group])[..., None]
    return out
