"""The same networks in PyTorch, from pytorchcv, where it is installed."""

import importlib.util
import re

import numpy as np

from .runtimes import Call


def peer_name(name: str) -> str | None:
    """Returns pytorchcv's name of an entry, e.g. "diaresnet164bn_cifar100", `None` where it has none."""
    match = re.fullmatch(r"(dia_|se_)?resnet(\d+)_(cifar10|cifar100)", name)
    if not match:
        return None
    attention, depth, dataset = match.groups()
    bottleneck = "bn" if int(depth) > 110 else ""
    return f"{(attention or '').removesuffix('_')}resnet{depth}{bottleneck}_{dataset}"


def is_installed() -> bool:
    return all(importlib.util.find_spec(package) for package in ("torch", "pytorchcv"))


def torch_calls(name: str, images: np.ndarray, threads: int) -> dict[str, Call]:
    """Returns the calls that run the peer of an entry, eager and compiled, on images `(n, height, width, 3)`."""
    peer = peer_name(name)
    if peer is None:
        return {}
    import torch
    from pytorchcv.model_provider import get_model

    network = get_model(peer).eval()
    tensor = torch.from_numpy(images.astype("float32").transpose(0, 3, 1, 2).copy())

    def calling(network) -> Call:
        def call():
            torch.set_num_threads(threads)
            with torch.inference_mode():
                return network(tensor)

        return call

    return {f"{peer}, eager": calling(network), f"{peer}, compiled": calling(torch.compile(network))}
