"""Files of weights: read without running anything, fetched and verified, written whole or not at all."""

import dataclasses
import hashlib
import importlib
import json
import pickle
import struct
import sys
import zipfile

import keras
import numpy as np
import pytest
import torch
import torch_networks as originals
from click.testing import CliRunner
from web_server import serving_folder

from dia_keras import interop, zoo
from dia_keras.cli import console, main
from dia_keras.interop import convert_torch, fetch, find_source, save, sources
from dia_keras.interop.state import read_state

catalog = importlib.import_module("dia_keras.interop.catalog")
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.running_mean": torch.full((2,), 0.5).bfloat16()}
ENTRY = "dia_resnet20_cifar10"


def safetensors(tensors, **changes):
    """Returns a file of safetensors by its definition: a header of JSON, and the bytes of float32 and bfloat16."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, tensor in tensors.items():
        content = tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
        kind = "BF16" if tensor.dtype == torch.bfloat16 else "F32"
        offsets = [len(data), len(data) + content.nbytes]
        header[key] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": offsets, **changes}
        data += content.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def saved(path, value):
    torch.save(value, path)
    return path


def zipped(path):
    with zipfile.ZipFile(f"{path}.zip", "w") as archive:
        archive.write(path, path.name)
    return f"{path}.zip"


def test_all_forms_of_a_file_hold_the_same(tmp_path):
    plain = saved(tmp_path / "plain.pth", STATE)
    (tmp_path / "model.safetensors").write_bytes(safetensors(STATE))
    parallel = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in STATE.items()}, "optimizer": {}}
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    forms = [
        STATE,
        {key: value.float().numpy() for key, value in STATE.items()},
        plain,
        zipped(plain),
        tmp_path / "old.pth",
        saved(tmp_path / "checkpoint.pth.tar", parallel),
        tmp_path / "model.safetensors",
    ]
    for form in forms:
        found = read_state(form)
        assert found.keys() == STATE.keys()
        for key, array in found.items():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, STATE[key].float())


class Evil:
    def __reduce__(self):
        return exec, ("raise AssertionError('the code in a file was run')",)


def damaged(path):
    content = saved(path, STATE).read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("cut.pth", damaged, "`weights` is damaged, or no file of PyTorch"),
        ("empty.pth", lambda path: path.touch(), "`weights` is damaged, or no file of PyTorch"),
        (
            "text.pth",
            lambda path: path.write_text("weights"),
            "`weights` needs code to be read, or is not a file of tensors",
        ),
        ("code.pth", lambda path: path.write_bytes(pickle.dumps(Evil())), "`weights` needs code to be read"),
        ("code.pt", lambda path: torch.save({"a": Evil()}, path), "`weights` needs code to be read"),
        ("list.pth", lambda path: torch.save([1], path), "must hold tensors by their names"),
        (
            "cut.safetensors",
            lambda path: path.write_bytes(safetensors(STATE)[:-1]),
            "sound safetensors .* with ",
        ),
        ("long.safetensors", lambda path: path.write_bytes(b"\xff" * 20), "sound safetensors .* with "),
        ("short.safetensors", lambda path: path.write_bytes(b"1"), "sound safetensors"),
        ("text.safetensors", lambda path: path.write_bytes(struct.pack("<Q", 2) + b"[]"), "sound safetensors"),
        (
            "shape.safetensors",
            lambda path: path.write_bytes(safetensors(STATE, shape=[1 << 40])),
            "sound safetensors .* with ",
        ),
        (
            "type.safetensors",
            lambda path: path.write_bytes(safetensors({"a": torch.zeros(2)}, dtype="I16", shape=[4])),
            "must have one of the types F64, .* with I16",
        ),
        ("none.pth", lambda path: None, "must be an existing file. Received: weights='.*none.pth'"),
    ],
)
def test_a_file_that_is_no_sound_file_of_tensors_is_one_error(name, write, message, tmp_path):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_state(tmp_path / name)


def test_without_pytorch_its_files_are_an_error_that_says_what_to_install(tmp_path, monkeypatch):
    path = saved(tmp_path / "plain.pth", STATE)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'`pip install "dia_keras\[torch\]"`'):
        read_state(path)


@pytest.fixture(scope="module")
def published_file(tmp_path_factory):
    """DIA-ResNet20 of pytorchcv with random weights, as a file named like the published one, and its answers."""
    net = originals.randomized(importlib.import_module("pytorchcv.models.diaresnet_cifar").diaresnet20_cifar10())
    path = saved(tmp_path_factory.mktemp("files") / find_source(ENTRY).file, net.state_dict())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])
    answers = originals.answer(net, ((pixels / 255 - mean) / std).astype("float32"), training=False)
    return path, pixels, np.exp(answers) / np.exp(answers).sum(1, keepdims=True)


def run(*arguments, fails=False):
    console.width = 200
    result = CliRunner().invoke(main, ["convert", *map(str, arguments)])
    assert (result.exit_code != 0) == fails, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture
def server(published_file, tmp_path, monkeypatch):
    """Serves the file, zipped, and lets it be the published one; returns the folder that is served."""
    path, _, _ = published_file
    folder = tmp_path / "served"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{path.name}.zip", "w") as archive:
        archive.write(path, path.name)
    digest = hashlib.sha1(path.read_bytes()).hexdigest()
    ours = [dataclasses.replace(each, digest=digest) if each.entry == ENTRY else each for each in sources()]
    monkeypatch.setattr(catalog, "sources", lambda: tuple(ours))
    monkeypatch.setattr(catalog, "cache", lambda: tmp_path / "cache")
    with serving_folder(folder) as address:
        monkeypatch.setenv("DIA_KERAS_SOURCES_URL", f"{address}/")
        yield folder


def test_published_weights_are_fetched_converted_and_loaded(server, published_file, tmp_path, monkeypatch):
    _, pixels, expected = published_file
    monkeypatch.chdir(tmp_path)
    assert f"Wrote {ENTRY}.weights.h5" in run("--fetch", ENTRY)
    model = zoo.load(ENTRY, weights=tmp_path / f"{ENTRY}.weights.h5")
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, atol=1e-5)
    (server / f"{find_source(ENTRY).file}.zip").unlink()
    assert fetch(ENTRY).parent == tmp_path / "cache" / "torch"  # once is enough


def test_a_file_that_changes_after_it_was_verified_is_refused(server, tmp_path, monkeypatch):
    def fetch_and_swap(name):
        path = fetch(name)
        saved(path, {key: torch.zeros_like(value) for key, value in torch.load(path).items()})
        return path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(interop, "fetch", fetch_and_swap)
    assert "as published: it has changed since it was fetched" in run("--fetch", ENTRY, fails=True)
    assert not (tmp_path / f"{ENTRY}.weights.h5").exists()


def test_a_file_with_its_published_name_tells_its_source(published_file, tmp_path):
    path, pixels, expected = published_file
    run(path, "-o", tmp_path / "whole.keras")
    model = keras.saving.load_model(tmp_path / "whole.keras")
    np.testing.assert_allclose(model.predict(pixels, verbose=0), expected, atol=1e-5)
    with pytest.raises(ValueError, match="must be the network of pytorchcv/diaresnet20_cifar10, "):
        convert_torch(path, "resnet20_cifar10")


def damage_deflated(path):
    """Packs the same file again, and changes the bytes of its compressed numbers."""
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.infolist()
        content = archive.read(member)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member.filename, content)
    packed = bytearray(path.read_bytes())
    packed[200:400] = bytes(200)
    path.write_bytes(packed)


def mark_as_encrypted(path):
    """Sets the flag of an encrypted member, in its own header and in the directory."""
    packed = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        packed[packed.rindex(mark) + place] |= 1
    path.write_bytes(packed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "must be a zip file with one file of weights"),
        (damage_deflated, "must be a zip file with one file of weights"),
        (mark_as_encrypted, "must be a zip file with one file of weights.*encrypted"),
        (lambda path: path.unlink(), "The download of http://127.0.0.1.* failed: .*404"),
        (lambda path: zipfile.ZipFile(path, "w").writestr("other.pth", b"other"), "must have the SHA1 .*as published"),
    ],
)
def test_a_download_that_is_not_the_published_file_leaves_nothing(change, message, server, tmp_path):
    change(server / f"{find_source(ENTRY).file}.zip")
    with pytest.raises((ValueError, ConnectionError), match=message):
        fetch(ENTRY)
    assert list((tmp_path / "cache" / "torch").iterdir()) == []


def test_an_address_that_is_none_is_a_failed_download():
    with pytest.raises(ConnectionError, match=r"The download of localhost/files/.* failed: unknown url type"):
        fetch(ENTRY, base="localhost/files")


def test_a_file_that_does_not_fit_leaves_what_was_there(published_file, tmp_path):
    path, _, _ = published_file
    out = tmp_path / "out.weights.h5"
    out.write_text("before")
    assert "must be the network of" in run(path, "resnet20_cifar10", "-o", out, fails=True)
    assert out.read_text() == "before" and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give a FILE, or --fetch with a name"),
        (("w.pth",), "Give a file to write"),
        (("w.pth", "-o", "w.weights.h5"), "must end in .keras for a network that is not a zoo entry"),
        (("w.pth", ENTRY, "-o", "w.h5"), "must end in .weights.h5 or .keras"),
        (("w.pth", ENTRY, "-o", "none/w.weights.h5"), "The folder of a file to write must exist"),
        (("w.pth", "--fetch", ENTRY), "and no more"),
        (("--fetch", "vgg16"), "must be a zoo entry or a model with published weights"),
        (("--fetch", "resnet50_imagenet"), "has several"),
    ],
)
def test_wrong_calls_are_said_in_words(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in run(*arguments, fails=True)


def test_the_list_has_addresses_accuracies_and_terms():
    rows = {row["name"]: row for row in json.loads(CliRunner().invoke(main, ["convert", "--list", "--json"]).output)}
    row = rows["pytorchcv/diaresnet164bn_cifar100"]
    assert (row["top1"], row["license"], row["entry"]) == (80.47, "MIT", "dia_resnet164_cifar100")
    assert row["url"].endswith("/v0.0.342/diaresnet164bn_cifar100-1953-b1c474d2.pth.zip")
    assert rows["torchvision/resnet50.v2"]["url"].endswith("models/resnet50-11ad3fa6.pth")
    assert rows["timm/resnet50.a1_in1k"]["url"].endswith("resnet50_a1_0-14fe96d1.pth")
    assert "diaresnet164bn_cifar100" in run("--list")


def test_pytorchcv_s_files_are_those_of_its_own_table():
    store = importlib.import_module("pytorchcv.models.common.model_store")
    for source in sources():
        library, _, model = source.name.partition("/")
        if library == "pytorchcv":
            error, digest, release = store.get_model_name_suffix_data(model)
            assert source.digest == digest
            assert source.url == f"{store.imgclsmob_repo_url}/releases/download/{release}/{source.file}.zip"
            assert source.file == f"{model}-{error}-{digest[:8]}.pth"


def test_a_network_is_saved_as_weights_or_whole(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .weights.h5 or .keras. Received: path='.*w.h5'"):
        save(keras.Sequential(), tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"must end in .keras, since the network is not a zoo entry"):
        save(keras.Sequential(), tmp_path / "w.weights.h5")
    assert list(tmp_path.iterdir()) == []
