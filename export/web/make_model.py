"""Puts a model where `npm run build` takes it from: `public/model.onnx`, and its class names in `public/labels.json`.

    KERAS_BACKEND=tensorflow python export/web/make_model.py                      # dia_resnet20_cifar100
    KERAS_BACKEND=tensorflow python export/web/make_model.py dia_resnet20_cifar10
    python export/web/make_model.py mine.onnx

MODEL is an entry of the zoo, or a file that `dia_keras.export.to_onnx(model, path, labels=...)` wrote.
"""

import json
import pathlib
import shutil

import click

from dia_keras import export, zoo
from dia_keras.cli import without_traceback
from dia_keras.files import write_json

PUBLIC = pathlib.Path(__file__).with_name("public")


def labels_of(path: pathlib.Path) -> list[str]:
    """Returns the class names in the file's metadata, which ONNX Runtime does not show to a page."""
    import onnx

    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
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
    path = out / "model.onnx"
    if model.endswith(".onnx"):
        labels = labels_of(pathlib.Path(model))
        shutil.copyfile(model, path)
    else:
        export.to_onnx(zoo.load(model), path, labels=zoo.card(model).labels)
        labels = labels_of(path)
    write_json(out / "labels.json", labels)
    click.echo(f"Wrote {path} and {len(labels)} class names")


if __name__ == "__main__":
    main()
