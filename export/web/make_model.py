"""Puts a model where `npm run build` takes it from: `public/model.onnx`, and a classifier's names of classes in
`public/labels.json`.

    KERAS_BACKEND=tensorflow python export/web/make_model.py                      # dia_resnet20_cifar100
    KERAS_BACKEND=tensorflow python export/web/make_model.py dia_resnet20_cifar10
    python export/web/make_model.py mine.onnx
    python export/web/make_model.py detector.onnx

MODEL is an entry of the zoo, or a file that `dia_keras.export.to_onnx(model, path, labels=...)` wrote, of a classifier
or a detector.
"""

import json
import pathlib
import shutil

import click

from dia_keras import export, zoo
from dia_keras.cli import without_traceback
from dia_keras.files import write_json

PUBLIC = pathlib.Path(__file__).with_name("public")


def metadata_of(path: pathlib.Path) -> dict[str, str]:
    """Returns what a file says of itself, as texts."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    except DecodeError as error:
        raise ValueError(f"{path} must be an ONNX file. {error}") from error


def labels_of(path: pathlib.Path, metadata: dict[str, str]) -> list[str]:
    """Returns the names of a classifier's classes."""
    labels = json.loads(metadata.get("labels", "null"))
    if not labels:
        raise ValueError(f"{path} has no class names. Export with `to_onnx(model, path, labels=[...])`.")
    return labels


@click.command(help=__doc__)
@click.argument("model", default="dia_resnet20_cifar100")
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path), default=PUBLIC, help="Another folder than export/web/public."
)
@without_traceback
def main(model: str, out: pathlib.Path):
    out.mkdir(parents=True, exist_ok=True)
    path, names = out / "model.onnx", out / "labels.json"
    if not model.endswith(".onnx"):
        card = zoo.card(model)
        export.to_onnx(zoo.load(model), path, labels=card.labels, resize=card.resize)
    source = pathlib.Path(model) if model.endswith(".onnx") else path
    metadata = metadata_of(source)
    if metadata.get("kind") == "detector":  # the page reads all from the file
        names.unlink(missing_ok=True)
        written = f"{path}, a detector"
    else:
        labels = labels_of(source, metadata)
        write_json(names, labels)
        written = f"{path} and {len(labels)} class names"
    if source != path:
        shutil.copyfile(source, path)
    click.echo(f"Wrote {written}")


if __name__ == "__main__":
    main()
