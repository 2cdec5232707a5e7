"""Repositories: a network with its card in a folder, on the web, or on Hugging Face's hub, which a server plays."""

import ast
import functools
import json
import math
import pathlib
import shutil
import sys

import huggingface_hub
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from fake_hub import Hub
from huggingface_hub import constants, file_download
from huggingface_hub.utils import close_session
from PIL import Image
from web_server import Folder, serving

from dia_keras import zoo
from dia_keras.backbones import ATTENTIONS, resnet
from dia_keras.cli import main
from dia_keras.zoo.cards import describe
from dia_keras.zoo.files import hdf5_process, head_and_stem
from dia_keras.zoo.finding import find_network
from dia_keras.zoo.hub.config import about_parameters, card_from
from dia_keras.zoo.hub.publishing import write_repository
from dia_keras.zoo.hub.readme import readme_of

FILES = {"README.md", "config.json", "model.safetensors"}


@pytest.fixture(scope="module")
def written(trained):
    """The folder of a repository of `tiny_cifar10`."""
    _, folder = trained
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo.cards, "CARDS", folder / "cards")
        patch.setattr(zoo.cards.entries, "ENTRIES", folder / "entries.toml")
        patch.setenv("DIA_KERAS_WEIGHTS", str(folder / "weights"))
        write_repository("tiny_cifar10", folder / "repository", "hf://user/tiny")
    return folder / "repository"


@pytest.fixture
def repository(written, tmp_path):
    """A folder that a test may change."""
    return pathlib.Path(shutil.copytree(written, tmp_path / "repository"))


@pytest.fixture
def hub(written, tmp_path, monkeypatch):
    """A hub with the repository `user/tiny`, which has code, too, and another network on the branch `other`."""
    files = {path.name: path.read_bytes() for path in written.iterdir()}
    evil = {"model.py": b"raise AssertionError", "setup.py": b"raise AssertionError"}
    config = json.loads(files["config.json"])
    other = {**files, "config.json": json.dumps({**config, "name": "other"}).encode()}
    repositories = {"user/tiny": {"main": files | evil, "other": other}}
    contents = {"repositories": repositories, "asked": [], "private": {}, "cuts": {}}
    handler = type("Server", (Hub,), contents)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)  # a second before it tries again
    with serving(handler) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield handler
    close_session()


def changed(folder, **values):
    """Changes values of a config, by the names of nested fields with `__`; `None` removes one."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for name, value in values.items():
        *parents, key = name.split("__")
        fields = functools.reduce(lambda each, parent: each[parent], parents, config)
        fields.pop(key, None)
        if value is not None:
            fields[key] = value
    path.write_text(json.dumps(config))
    return path.read_bytes()


def same(model, other):
    return all(np.array_equal(*pair) for pair in zip(model.get_weights(), other.get_weights(), strict=True))


def call(*arguments, fails=False):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], terminal_width=200)
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def test_a_folder_holds_weights_card_and_page_and_loads(written, small_zoo):
    assert {path.name for path in written.iterdir()} == FILES
    assert same(zoo.load(written), small_zoo.model)
    card, entry = zoo.card(str(written)), zoo.card("tiny_cifar10")
    assert (card.dataset, card.metrics, card.architecture) == (entry.dataset, entry.metrics, entry.architecture)


def test_a_page_says_what_how_good_and_how_to_use_it(written):
    page = (written / "README.md").read_text()
    _, header, body = page.split("---\n", 2)
    fields = yaml.safe_load(header)
    assert fields["library_name"] == "keras" and fields["license"] == "apache-2.0" and fields["datasets"] == ["cifar10"]
    assert fields["metrics"] == ["accuracy"] and {"dia_keras", "dia-lstm"} <= set(fields["tags"])
    for text in (
        "resnet(depth=14, block='basic', attention='dia_lstm', num_classes=10)",
        "| top-1 accuracy | 60.50 |",
        "It answers with the probabilities of 10 classes",
        "airplane, automobile",
        "## License\n\nApache-2.0",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "## Limits",
    ):
        assert text in body


def test_the_five_lines_on_the_page_run(written, hub, tmp_path, monkeypatch, capsys):
    Image.new("RGB", (40, 60), "navy").save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    lines = (written / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    assert lines.count("\n") == 5
    exec(lines, {})
    (shown,) = ast.literal_eval(capsys.readouterr().out.splitlines()[-1])
    (found,) = json.loads(call("predict", "--model", "hf://user/tiny", "picture.png", "--json"))
    assert [label for label, _ in shown] == [each["label"] for each in found["answers"]]


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch", "center"])
def test_the_page_prepares_pictures_by_the_rule_of_the_card(written, resize, tmp_path):
    config = json.loads(changed(shutil.copytree(written, tmp_path / "copy"), resize=resize))
    page = readme_of(card_from(json.dumps(config).encode(), "here"), "user/tiny")
    assert f'read_picture("picture.png", {", ".join(map(str, config["dataset"]["image_size"]))}, "{resize}")' in page


def test_a_repository_of_float32_is_published_again_as_it_is(small_zoo, tmp_path):
    weights, card = small_zoo.model.get_weights(), zoo.card("tiny_cifar10")
    write_repository("tiny_cifar10", tmp_path / "first")
    model = zoo.load(tmp_path / "first")
    model.set_weights([weight + np.float32(1e-6) for weight in weights])
    zoo.save_weights(model, tmp_path / "first" / "model.safetensors", dtype="float32")
    described = describe(tmp_path / "first" / "model.safetensors")
    changed(tmp_path / "first", weights__size=described.size, weights__sha256=described.sha256)
    write_repository(tmp_path / "first", tmp_path / "second")
    assert same(zoo.load(tmp_path / "second"), model)
    assert card.weights is not None


def test_the_hub_is_asked_for_card_and_weights_alone(hub, small_zoo):
    assert same(zoo.load("hf://user/tiny"), small_zoo.model)
    assert set(hub.asked) == {"config.json", "model.safetensors"}  # of code that is there, too, nothing
    assert zoo.load("hf://user/tiny@other").name == "other"
    commit = hub.commit_of("user/tiny", "other")
    assert zoo.load(f"hf://user/tiny@{commit}").name == "other"
    assert find_network("hf://user/tiny").data == "cifar10"


def test_card_and_weights_are_of_one_commit(hub, small_zoo, monkeypatch):
    """Another version is published between the two downloads."""
    files = hub.repositories["user/tiny"]
    download = zoo.hub.huggingface.download

    def publish_and_download(repository, file, revision):
        if file != "config.json":
            files["before"], files["main"] = files["main"], {**files["main"], "model.safetensors": b"new"}
        return download(repository, file, revision)

    monkeypatch.setattr(zoo.hub.huggingface, "download", publish_and_download)
    assert same(zoo.load("hf://user/tiny"), small_zoo.model)


def test_a_network_that_was_found_stays_of_one_commit(hub, small_zoo):
    """Another version is published between the card and the network."""
    network = find_network("hf://user/tiny")
    files = hub.repositories["user/tiny"]
    files["before"], files["main"] = files["main"], files["other"]
    assert network.load().name == network.card.name == "tiny_cifar10"
    assert zoo.load("hf://user/tiny").name == "other"


def test_what_was_loaded_once_loads_without_a_network(hub, small_zoo, monkeypatch):
    zoo.load("hf://user/tiny")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert same(zoo.load("hf://user/tiny"), small_zoo.model)


def test_a_connection_that_is_cut_goes_on_where_it_was(hub, small_zoo):
    hub.cuts = {"model.safetensors": [1000, 5000]}
    assert same(zoo.load("hf://user/tiny"), small_zoo.model)
    assert hub.asked.count("model.safetensors") == 4  # once for its size


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("hf://user/none", FileNotFoundError, "no repository hf://user/none"),
        ("hf://user/tiny@v9", FileNotFoundError, "has no revision 'v9'. Received: hf://user/tiny@v9"),
        ("hf://user", ValueError, "must be hf://user/repo or hf://user/repo@revision. Received: entry='hf://user'"),
        ("hf://user/../tiny", ValueError, "must be hf://user/repo"),
    ],
)
def test_what_is_not_on_the_hub_is_one_error(name, error, message, hub):
    with pytest.raises(error, match=message):
        zoo.load(name)


def test_a_repository_without_its_files_is_one_error(hub, repository):
    files = hub.repositories["user/tiny"]["main"]
    del files["model.safetensors"]
    with pytest.raises(FileNotFoundError, match=r"no file model.safetensors. Received: hf://user/tiny"):
        zoo.load("hf://user/tiny")
    del files["config.json"]
    with pytest.raises(FileNotFoundError, match=r"no file config.json. Received: hf://user/tiny"):
        zoo.load("hf://user/tiny")
    (repository / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file model.safetensors. Received: .*repository"):
        zoo.load(repository)


def test_weights_of_another_hash_are_refused_before_they_are_parsed(hub, repository, monkeypatch):
    monkeypatch.setattr(head_and_stem, "shape_in", lambda file, name: pytest.fail("parsed"))
    files = hub.repositories["user/tiny"]["main"]
    content = bytearray(files["model.safetensors"])
    content[-1] ^= 1
    files["model.safetensors"] = bytes(content)
    with pytest.raises(ValueError, match=r"model.safetensors must have the SHA-256 .*, as its card says"):
        zoo.load("hf://user/tiny")
    (repository / "model.safetensors").write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"model.safetensors must have .* bytes, as its card says"):
        zoo.load(repository)


def test_a_connection_that_stays_cut_is_one_error(hub):
    hub.cuts = {"model.safetensors": [100] * 20}
    with pytest.raises(ConnectionError, match=r"The download of model.safetensors from hf://user/tiny@\w+ failed: "):
        zoo.load("hf://user/tiny")


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for action in (lambda: zoo.load("hf://user/tiny"), lambda: zoo.hub.huggingface.upload(None, "user/tiny", "")):
        with pytest.raises(ImportError, match=r'`pip install "dia_keras\[hub\]"`'):
            action()


def test_any_web_server_will_do_and_weights_are_downloaded_once(repository, small_zoo):
    asked = []

    class Counting(Folder):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

    with serving(functools.partial(Counting, directory=str(repository.parent))) as address:
        for name in (f"{address}/repository", f"{address}/repository/"):
            assert same(zoo.load(name), small_zoo.model)
        assert asked.count("/repository/model.safetensors") == 1
        assert zoo.card(name).name == "tiny_cifar10"
        (cached,) = (small_zoo.cache / "repositories").iterdir()
        cached.write_bytes(b"damaged")
        zoo.load(name)
        (repository / "model.safetensors").write_bytes(b"other")
        cached.unlink()
        with pytest.raises(ValueError, match=r"http://127.*model.safetensors must have \d+ bytes, as its card says"):
            zoo.load(name)
        (repository / "config.json").unlink()
        with pytest.raises(ConnectionError, match=r"http://127.*config.json failed: .*404"):
            zoo.load(name)
    assert list((small_zoo.cache / "repositories").iterdir()) == []


def test_a_repository_loads_as_an_entry_does(repository, small_zoo, images, monkeypatch):
    model = zoo.load(repository, num_classes=3, input_shape=(32, 32, 1), name="mine", classifier_activation=None)
    assert (model.name, model.input_shape, model.output_shape) == ("mine", (None, 32, 32, 1), (None, 3))
    assert not same(zoo.load(repository, weights=None), small_zoo.model)
    zoo.save_weights(small_zoo.model, repository / "model.weights.h5")
    weights = zoo.cards.describe(repository / "model.weights.h5")
    changed(repository, weights__file=weights.file, weights__size=weights.size, weights__sha256=weights.sha256)
    (repository / "model.safetensors").unlink()
    assert same(zoo.load(repository), small_zoo.model)
    # Anyone may write a card: with its hash, a file is not trusted yet.
    monkeypatch.setattr(hdf5_process, "_PROGRAM", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(ValueError, match="it crashes HDF5's library"):
        zoo.load(repository)
    answers = zoo.decode_predictions(small_zoo.model.predict(images, verbose=0), str(repository), top=1)
    for name in (repository, "tiny_cifar10"):
        assert answers == zoo.decode_predictions(small_zoo.model.predict(images, verbose=0), name, top=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture__arguments__attention": "os.system"}, "`architecture.arguments.attention` .* one of null, "),
        (
            {"architecture__arguments__depth": None},
            "`architecture.arguments` of config.json must have depth for resnet",
        ),
        ({"metrics__top1": 10**401}, "`metrics.top1` .* a number, "),
        ({"architecture__arguments__depth": 10**9}, "`architecture.arguments.depth` .* an integer from 1 to 1300"),
        ({"architecture__arguments__depth": "14"}, "`architecture.arguments.depth` .* Received: '14' in here"),
        ({"architecture__arguments__depth": True}, "`architecture.arguments.depth` .* Received: True"),
        ({"architecture": {"backbone": "wrn", "arguments": {"depth": 1300, "widen": 64}}}, "with at most 536,870,912 "),
        (
            {
                "architecture": {
                    "backbone": "resnext",
                    "arguments": {
                        **{"depth": 11, "cardinality": 1, "group_width": 1, "filters": 4096},
                        **{"attention": "dia_lstm", "attention_config": {"cells": 16}},
                    },
                }
            },
            "with at most 536,870,912 ",
        ),
        (
            {
                "architecture": {
                    "backbone": "resnext",
                    "arguments": {
                        **{"depth": 1298, "cardinality": 1, "group_width": 1, "filters": 1500},
                        **{"attention": "spa", "attention_config": {"ratio": 1}},
                    },
                }
            },
            "with at most 536,870,912 ",
        ),
        ({"architecture__arguments__preprocessing": "x"}, "those of resnet: .* Received: preprocessing in here"),
        ({"architecture__backbone": "Sequential"}, "`architecture.backbone` of config.json must be one of"),
        ({"architecture__arguments__attention_config": {"cells": 1000}}, "`architecture.arguments.attention_config`"),
        ({"architecture__arguments__attention_stages": [1, -2]}, "`architecture.arguments.attention_stages`"),
        ({"dataset__labels": "abc"}, "`dataset.labels` of config.json must be a list"),
        ({"dataset__labels": []}, "`dataset.labels`"),
        ({"dataset__labels": ["cat"]}, "`dataset.labels`"),
        ({"dataset__image_size": [10**6, 32]}, "`dataset.image_size` .* a list of 2 to 2 values, each an integer from"),
        ({"dataset__std": [0.2, 0.0, 0.2]}, "`dataset.std`"),
        ({"dataset__mean": [1e400, 0, 0]}, "`dataset.mean`"),
        ({"dataset__std": [0.2]}, "`dataset.std`"),
        ({"resize": "squeeze"}, "`resize`"),
        ({"weights__file": "../model.safetensors"}, "`weights.file` of config.json must be the name of a file"),
        ({"weights__file": "model.pkl"}, "`weights.file`"),
        ({"weights__size": 1 << 40}, "`weights.size`"),
        ({"weights__sha256": "0"}, "`weights.sha256`"),
        ({"weights": None}, "config.json must have `weights`, an object. Received: here, without it"),
        ({"name": "a/b"}, "`name`"),
        ({"name": "_x"}, "`name`"),
        ({"name": None}, "must have `name`"),
        (
            {"library": "transformers"},
            "`library` of config.json must be one of \"dia_keras\". Received: 'transformers'",
        ),
        ({"format": 2}, "`format` of config.json must be 1"),
        ({"metrics__top1": "best"}, "`metrics.top1`"),
        ({"metrics__notes": ["\x1b[2J"]}, "`metrics.notes`"),
        ({"dataset__labels": ["cat", "\x1b[2J"]}, "`dataset.labels` .* printable"),
        ({"license": 5}, "`license`"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_value_that_a_config_must_not_have_is_one_error(change, message, repository):
    card_from((repository / "config.json").read_bytes(), "here")
    with pytest.raises(ValueError, match=message):
        card_from(changed(repository, **change), "here")


@pytest.mark.counts
@pytest.mark.parametrize("shared", [None, True, False])
@pytest.mark.parametrize("name", sorted(ATTENTIONS))
def test_an_attention_has_no_more_parameters_than_are_counted_before_it_is_built(name, shared):
    least = {"dia_lstm": "reduction", "dia_lstm_light": "reduction", "se": "ratio", "cbam": "ratio", "spa": "ratio"}
    config = {least[name]: 1} if name in least else None
    given = {"attention": name, "attention_config": config, "shared": shared}
    counts = [
        sum(math.prod(weight.shape) for weight in resnet(depth=29, **arguments).trainable_weights)
        for arguments in ({}, given)
    ]
    about = [about_parameters("resnet", {"depth": 29, **arguments}) for arguments in ({}, given)]
    assert about[1] - about[0] >= counts[1] - counts[0]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (1 << 20) + b"{}"])
def test_a_config_that_is_none_is_one_error(content):
    with pytest.raises(ValueError, match=r"config.json must (be|have) .*Received: .*here"):
        card_from(content, "here")


def test_folders_that_are_no_repositories_are_one_error(tmp_path):
    for name in (tmp_path, str(tmp_path / "none")):
        with pytest.raises(ValueError, match=r"`entry` must be hf://user/repo, .* Received: entry='/"):
            zoo.load(name)


def test_push_uploads_the_folder_and_what_was_pushed_loads(hub, small_zoo, written):
    address = zoo.push("tiny_cifar10", "user/new")
    assert address.endswith("/user/new")
    published = hub.repositories["user/new"]["main"]
    assert published.keys() == FILES
    for name in ("config.json", "model.safetensors"):
        assert published[name] == (written / name).read_bytes()
    assert same(zoo.load("hf://user/new"), small_zoo.model)


def test_push_hands_the_folder_to_the_library(hub, monkeypatch, small_zoo):
    given = []

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        given.append((repo_id, {path.name for path in pathlib.Path(folder_path).iterdir()}))

    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    assert "Published http" in call("push", "tiny_cifar10", "user/new", "--private")
    assert "Published http" in call("push", "tiny_cifar10", "user/open")
    assert given == [("user/new", FILES), ("user/open", FILES)]
    assert hub.private["user/new"] is True and not hub.private["user/open"]


def test_the_command_writes_a_folder_that_loads(small_zoo, tmp_path):
    assert f"Wrote {tmp_path / 'out'}" in call("push", "tiny_cifar10", "--folder", tmp_path / "out").replace("\n", "")
    assert same(zoo.load(tmp_path / "out"), small_zoo.model)
    page = (tmp_path / "out" / "README.md").read_text()
    assert 'zoo.load("path/to/out")' in page and str(tmp_path) not in page
    assert json.loads(call("card", tmp_path / "out", "--json"))["name"] == "tiny_cifar10"
    call("push", tmp_path / "out", "--folder", tmp_path / "out")  # again, from itself


@pytest.mark.parametrize(
    "files",
    [{"thesis.tex": ""}, {"README.md": "# Notes"}, {"config.json": '{"architectures": ["Bert"]}', "README.md": "Bert"}],
)
def test_a_folder_of_something_else_is_not_replaced(files, small_zoo, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    for path in (folder, folder / next(iter(files))):
        with pytest.raises(ValueError, match="must be new, empty or a repository"):
            write_repository("tiny_cifar10", path)
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_a_repository_keeps_the_activation_of_the_classifier(activation, small_zoo, tmp_path):
    model = zoo.load("tiny_cifar10", classifier_activation=activation)
    zoo.save_weights(model, tmp_path / "own.safetensors")
    write_repository(tmp_path / "own.safetensors", tmp_path / "repository")
    for loaded in (zoo.load(tmp_path / "repository"), find_network(tmp_path / "repository").load()):
        assert same(loaded, model)


def test_a_network_that_ends_otherwise_is_not_published(small_zoo, tmp_path):
    zoo.save_weights(zoo.load("tiny_cifar10", classifier_activation="tanh"), tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match="`classifier_activation` must be given for these weights"):
        write_repository(tmp_path / "own.safetensors", tmp_path / "repository")
    assert not (tmp_path / "repository").exists()


def test_what_cannot_be_pushed_is_one_line(hub, small_zoo, tmp_path, monkeypatch):
    for arguments, message in (
        (("tiny_cifar10",), "Give a repository USER/REPO, or --folder"),
        (("tiny_cifar100", "user/new"), "has no pretrained weights yet"),
        (("tiny_cifar10", "new"), "`USER/REPO` must be user/repo, without a revision. Received: USER/REPO='new'"),
        (("tiny_cifar10", "user/new@main"), "must be user/repo, without a revision"),
        (("nothing", "user/new"), "must be one that `dia-keras list` shows"),
    ):
        assert message in " ".join(call("push", *arguments, fails=True).split())
    small_zoo.model.save(tmp_path / "alone.keras")
    output = call("push", tmp_path / "alone.keras", "user/new", fails=True)
    assert "must be a network whose architecture is known" in " ".join(output.split())
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "The upload to hf://user/new failed: " in call("push", "tiny_cifar10", "user/new", fails=True)
    assert hub.repositories.keys() == {"user/tiny"}


def test_a_weights_file_tells_its_entry(small_zoo, tmp_path):
    network = find_network(small_zoo.file)
    assert network.labels == zoo.card("tiny_cifar10").labels and network.card.metrics is None
    assert same(network.load(), small_zoo.model)
    small_zoo.model.save_weights(tmp_path / "keras.weights.h5")
    with pytest.raises(ValueError, match=r"must be a weights file that names its entry.*which names none"):
        find_network(tmp_path / "keras.weights.h5")


def test_float32_rounds_nothing(small_zoo, tmp_path):
    model = zoo.load("tiny_cifar10")
    model.get_layer("classifier").kernel.assign(model.get_layer("classifier").kernel + np.float32(1e-6))
    zoo.save_weights(model, tmp_path / "whole.safetensors", dtype="float32")
    assert same(zoo.load("tiny_cifar10", weights=tmp_path / "whole.safetensors"), model)
    with pytest.raises(ValueError, match=r"`dtype` must be 'float16' or 'float32'. Received: dtype='int8'"):
        zoo.save_weights(model, tmp_path / "whole.safetensors", dtype="int8")
