"""The same networks in PyTorch, out of pytorchcv, to be timed beside ours."""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import zoo
from .runtimes import Call

#: Module of pytorchcv and prefix of its functions, by the attention of an entry.
FAMILIES = {
    None: ("resnet_cifar", "resnet"),
    "dia_lstm": ("diaresnet_cifar", "diaresnet"),
    "se": ("seresnet_cifar", "seresnet"),
}
#: How PyTorch runs a network, by the name of the runtime in the measurements.
MODES = ("torch", "torch.compile")


def peer(name: str) -> tuple[str, str] | None:
    """Returns the module and the function of pytorchcv that build an entry's network, `None` where it has none."""
    if name not in zoo.list_models():
        return None  # a run, or a `.keras` file, is not an entry
    card = zoo.card(name)
    arguments = dict(card.architecture.arguments)
    depth, attention = arguments.get("depth"), arguments.get("attention")
    if card.architecture.backbone != "resnet" or attention not in FAMILIES or arguments.get("shared"):
        return None
    module, prefix = FAMILIES[attention]
    bottleneck = "" if arguments.get("block") == "basic" else "bn"
    return f"pytorchcv.models.{module}", f"{prefix}{depth}{bottleneck}_{card.dataset.name}"


def find_peers(names: Sequence[str]) -> dict[str, str]:
    """Returns the entries that have a peer, by what the peer is called.

    Raises:
        ImportError: Where PyTorch or pytorchcv are not installed.
        ValueError: Where no entry has a peer.
    """
    entries = {f"{known[1]} (pytorchcv)": name for name in names if (known := peer(name))}
    if not entries:
        raise ValueError(f"`peers` must be for a ResNet, plain or with SE or DIA-LSTM. Received: {', '.join(names)}")
    for module in ("torch", "pytorchcv"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                f"`peers` needs {module}: `pip install torch`, `pip install --no-deps pytorchcv`"
            ) from error
    return entries


def load_peer(name: str, mode: str, images: np.ndarray, threads: int) -> Call:
    """Returns the call that runs the peer of an entry in PyTorch on images, uint8 `(batch, height, width, 3)`."""
    import torch

    torch.set_num_threads(threads)
    network = build_peer(name).eval()
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).astype("float32") / 255)
    call: Callable[..., Any] = torch.compile(network) if mode == "torch.compile" else network
    return functools.partial(_run, call, inputs)


def build_peer(name: str):
    """Returns the peer of an entry, a `torch.nn.Module` with initial weights."""
    known = peer(name)
    assert known is not None, name
    module, function = known
    # The module and not pytorchcv's registry, which imports torchvision as well.
    return getattr(importlib.import_module(module), function)()


def _run(call: Callable, inputs):
    import torch

    with torch.inference_mode():
        return call(inputs)
