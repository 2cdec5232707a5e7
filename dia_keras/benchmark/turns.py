"""Timing side by side."""

import dataclasses
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from ..arguments import positive_integer
from ..export.requests.images import pixel_samples
from ..progress import track
from ..timing import interleaved
from ..zoo.finding import find_network
from .contenders import Candidate, candidates, plain_twin
from .peers import MODES, find_peers, load_peer
from .runtimes import RUNTIMES


@dataclasses.dataclass(frozen=True)
class Measurement:
    """How fast one network runs.

    Attributes:
        network: The entry, and which form of it.
        base: The network that `ratio` compares with: the entry's plain twin where the zoo has one.
        runtime: A name in `RUNTIMES`, or how PyTorch runs a peer.
        batch_size: Number of images per call.
        threads: Number of threads, `None` where the runtime takes them all.
        milliseconds: Median time of a call.
        ratio: Median of `milliseconds` divided by that of `base`.
        runs: Number of timed calls.
    """

    network: str
    base: str
    runtime: str
    batch_size: int
    threads: int | None
    milliseconds: float
    ratio: float
    runs: int

    @property
    def images_per_second(self) -> float:
        return 1e3 * self.batch_size / self.milliseconds


def measure(
    names: Sequence[str],
    runtimes: Sequence[str] = ("tflite",),
    batch_sizes: Sequence[int] = (1,),
    threads: Sequence[int] = (1,),
    runs: int = 100,
    as_trained: bool = False,
    least: bool = False,
    peers: bool = False,
) -> list[Measurement]:
    """Times entries of the zoo, with random weights, beside their plain twins.

    For every runtime, batch size and number of threads, all networks are exported and then take turns in random order,
    until `runs` calls of each are timed.

    Args:
        names: Names of entries, whose plain twins are added; or paths of runs' folders or `.keras` files. All take
            images of one shape.
        runtimes: Names in `RUNTIMES`.
        batch_sizes: Numbers of images per call.
        threads: Numbers of threads; runtimes that take them all are timed once.
        runs: Timed calls of each network.
        as_trained: Whether to time the networks without `export.optimize`, too.
        least: Whether to time, too, a network that only pools and multiplies in place of its attention, which is what
            any attention over channels costs at least, and, for DIA-LSTM, one that only multiplies by all of its
            matrices, too, which is what it costs at least. Runs and `.keras` files are passed over.
        peers: Whether to time the networks of pytorchcv in PyTorch, too, in turn with the first runtime that takes a
            number of threads. Runs and `.keras` files are passed over.

    Returns:
        The measurements, in the order of runtimes, batch sizes, threads and networks.

    Raises:
        ValueError: On an empty list, networks of images of different shapes, an unknown entry or runtime, a number that
            is not a positive integer, with `least` without an entry, or where pytorchcv has none of the networks.
        ImportError: Where a runtime or pytorchcv is not installed.
    """
    lists = {"names": names, "runtimes": runtimes, "batch_sizes": batch_sizes, "threads": threads}
    if empty := [name for name, values in lists.items() if not values]:
        raise ValueError(f"`{empty[0]}` must have one or more. Received: none")
    for name, values in (("runs", [runs]), ("batch_sizes", batch_sizes), ("threads", threads)):
        for value in values:
            positive_integer(name, value)
    unknown = [runtime for runtime in runtimes if runtime not in RUNTIMES]
    if unknown:
        raise ValueError(f"`runtimes` must be among {', '.join(map(repr, RUNTIMES))}. Received: {unknown[0]!r}")
    timed = candidates(names, as_trained, least)
    entries = list(dict.fromkeys([*(plain_twin(name) or name for name in names), *names]))
    in_pytorch = find_peers(entries) if peers else {}
    taken = _images_of(names)
    beside_peers = next((runtime for runtime in runtimes if RUNTIMES[runtime].has_threads), runtimes[0])
    random = np.random.default_rng(0)
    measurements: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        exported: dict[tuple[Any, int], dict[str, Path]] = {}  # runtimes of one format share their files
        for runtime, batch_size in itertools.product(runtimes, batch_sizes):
            chosen = RUNTIMES[runtime]
            images = random.integers(0, 256, (batch_size, *taken), "uint8")
            if (chosen.exporter, batch_size) not in exported:
                own_folder = Path(folder, f"{runtime}-{batch_size}")
                exported[chosen.exporter, batch_size] = _exported(timed, runtime, batch_size, own_folder)
            files = exported[chosen.exporter, batch_size]
            for count in threads if chosen.has_threads else threads[:1]:
                used = count if chosen.has_threads else None
                calls = {
                    Timed(name, timed[name].base, runtime, used): chosen.load(path, images, count)
                    for name, path in files.items()
                }
                if runtime == beside_peers:
                    for mode, (network, entry) in itertools.product(MODES, in_pytorch.items()):
                        base = _peer_base(entry, in_pytorch)
                        calls[Timed(network, base, mode, count)] = load_peer(entry, mode, images, count)
                seconds = interleaved(calls, runs)
                for call, median in seconds.items():
                    ratio = median / seconds[call._replace(network=call.base)]
                    measurements.append(Measurement(*call[:3], batch_size, call.threads, 1e3 * median, ratio, runs))
    return measurements


def _images_of(names: Sequence[str]) -> tuple[int, int, int]:
    """Returns height, width and channels of the images that networks take, which must be the same ones."""
    shapes = {name: (*(network := find_network(name)).image_size, network.channels) for name in names}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(
            f"{name} of {height}x{width}x{channels}" for name, (height, width, channels) in shapes.items()
        )
        raise ValueError(f"`names` must be networks that take images of one shape. Received: {sizes}")
    return shapes[names[0]]


class Timed(NamedTuple):
    """What takes a turn: see `Measurement` for the fields."""

    network: str
    base: str
    runtime: str
    threads: int | None


def _peer_base(entry: str, in_pytorch: dict[str, str]) -> str:
    """Returns the peer of an entry's plain twin."""
    twin = plain_twin(entry) or entry
    return next(network for network, name in in_pytorch.items() if name == twin)


def _exported(timed: dict[str, Candidate], runtime: str, batch_size: int, folder: Path) -> dict[str, Path]:
    """Writes the files into a new folder, and returns where they are."""
    exporter, suffix, *_ = RUNTIMES[runtime]
    folder.mkdir()
    files = {}
    for number, (name, candidate) in enumerate(track(list(timed.items()), f"Exporting for {runtime}")):
        files[name] = folder / f"{number}{suffix}"
        model = without_zeros(candidate.build())
        # Random weights may give probabilities of 0 and 1, which rounding turns over.
        options = {"batch_size": batch_size, "optimize": candidate.optimize, "tolerance": 1.0}
        exporter(model, files[name], images=pixel_samples(model), **options)
    return files


def without_zeros(model: keras.Model) -> keras.Model:
    """Draws the weights that begin as zeros, in place: converters drop the ops of biases that are zero."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if not np.any(keras.ops.convert_to_numpy(weight)):
            weight.assign(0.1 * random.normal(size=weight.shape))
    return model
