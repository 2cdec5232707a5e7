"""The page of a repository, `README.md`: what the network is, its results, usage, license, data and limits.

The header is that of Hugging Face's model cards, in YAML: https://huggingface.co/docs/hub/model-cards.
"""

import json
from collections.abc import Iterator
from typing import Any

from ..cards import Card, is_dataset

#: Licenses by the names that the hub knows, which are those of SPDX in small letters.
LICENSES = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc0-1.0")
#: Labels that are shown; the config has all of them.
SHOWN = 20


def readme_of(card: Card, reference: str) -> str:
    """Returns the page of a network.

    Args:
        card: Its card.
        reference: What `load` takes, such as `"hf://user/repo"`.
    """
    return "\n".join([*_header(card), *_what(card), *_figures(card), *_use(card, reference), *_terms(card)]) + "\n"


def _header(card: Card) -> Iterator[str]:
    license = card.license.lower()
    yield "---"
    yield "library_name: keras"
    yield f"license: {license if license in LICENSES else 'other'}"
    if license not in LICENSES:
        yield f"license_name: {json.dumps(card.license or 'unknown')}"
    yield "pipeline_tag: image-classification"
    if is_dataset(card.dataset.name):
        yield from ("datasets:", f"- {card.dataset.name}")
    yield from ("metrics:", "- accuracy", "tags:", "- keras", "- dia_keras", "- image-classification")
    attention = card.architecture.arguments.get("attention")
    if attention:
        yield f"- {attention.replace('_', '-')}"
    yield "---"


def _what(card: Card) -> Iterator[str]:
    height, width = card.dataset.image_size
    channels = {1: "gray", 3: "RGB"}.get(len(card.dataset.mean), f"{len(card.dataset.mean)}-channel")
    labels = ", ".join(card.labels[:SHOWN])
    rest = f", and {len(card.labels) - SHOWN} more: `config.json` has all" if len(card.labels) > SHOWN else ""
    yield f"\n# {card.name}\n"
    yield f"A network of dia_keras, for Keras 3: `{_call(card)}`."
    yield f"It has {card.parameters:,} trainable parameters. It takes {channels} images of {height} x {width} pixels,"
    yield "with values from 0 to 255, and normalizes them itself."
    yield f"It answers with the probabilities of {len(card.labels)} classes."
    yield f"\nThe classes: {labels}{rest}."
    if card.paper:
        yield f"\nPaper: {card.paper}."


def _figures(card: Card) -> Iterator[str]:
    yield "\n## Results\n"
    metrics = card.metrics
    if metrics is None:
        yield "These weights have not been measured."
        return
    balanced, images = metrics.details.get("balanced_accuracy"), metrics.details.get("images")
    yield "| on the test images | % |"
    yield "|---|--:|"
    for name, value in (("top-1 accuracy", metrics.top1), ("balanced accuracy", balanced), ("top-5", metrics.top5)):
        if value is not None:
            yield f"| {name} | {value:.2f} |"
    if images:
        yield f"\nMeasured on {images} images."
    if metrics.epochs:
        started = metrics.details.get("started_from")
        before = metrics.details.get("epochs_before")
        after = f" from {started}" + (f", which had trained for {before}" if before else "") if started else ""
        yield f"\nTrained in {metrics.epochs} epochs{after}, on {metrics.hardware}:"
        yield f"\n    {metrics.command}"


def _use(card: Card, reference: str) -> Iterator[str]:
    height, width = card.dataset.image_size
    channels, reference = len(card.dataset.mean), json.dumps(reference)
    how = f'{height}, {width}, "{card.resize}"' + (f", channels={channels}" if channels == 1 else "")
    yield "\n## Usage\n"
    yield "```python"
    yield "import dia_keras"
    yield f"model = dia_keras.zoo.load({reference})"
    if channels in (1, 3):
        yield f'picture = dia_keras.data.read_picture("picture.png", {how})'
    else:
        yield f"# picture: an array ({height}, {width}, {channels})"
    yield "scores = model.predict(picture[None])"
    yield f"print(dia_keras.zoo.decode_predictions(scores, {reference}, top=3))"
    yield "```"
    if channels in (1, 3):
        yield "\nOr from the command line:"
        yield f"\n    dia-keras predict --model {reference} picture.png"


def _terms(card: Card) -> Iterator[str]:
    dataset = card.dataset
    yield f"\n## License\n\n{card.license or 'Unknown'}, of the weights."
    yield f"\n## Data\n\n{dataset.title}. {dataset.source}".rstrip()
    if dataset.license:
        yield f"\nTerms of the data: {dataset.license}"
    yield "\n## Limits\n"
    yield "The network can only answer with one of these classes, whatever the image shows. Its results hold for images"
    yield "like the test images. They may be worse for images from other cameras, places or people. Errors on subgroups"
    yield "have not been studied. Do not use the network as the only basis for decisions that can cause harm, such as"
    yield "medical ones."


def _call(card: Card) -> str:
    """Returns the call of the backbone that builds the network."""
    arguments: dict[str, Any] = {**card.architecture.arguments, "num_classes": len(card.labels)}
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if value is not None)
    return f"dia_keras.backbones.{card.architecture.backbone}({given})"
