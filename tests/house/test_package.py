"""What an installed package holds, and when it says that it cannot run."""

import ast
import fnmatch
import pathlib
import subprocess
import sys
import tomllib

import dia_keras

PACKAGE = pathlib.Path(dia_keras.__file__).parent
# Hides packages as if they were not installed, and runs Python's `-c` on what is left of the arguments.
WITHOUT = """
import importlib.machinery, os, sys
hidden, find = sys.argv[1].split(","), importlib.machinery.PathFinder.find_spec
def visible(cls, name, *arguments):
    return None if name.partition(".")[0] in hidden else find(name, *arguments)
importlib.machinery.PathFinder.find_spec = classmethod(visible)
code, sys.argv = sys.argv[2], sys.argv[3:]
exec(code)
"""


def test_every_file_of_the_package_is_shipped():
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{pattern}" for package, names in settings.items() for pattern in names]
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    names = [path.relative_to(PACKAGE.parent).as_posix() for path in files]
    assert "dia_keras/py.typed" in names
    missing = [name for name in names if not any(fnmatch.fnmatch(name, each) for each in ["*.py", *patterns])]
    assert not missing


def error(hidden, code, *arguments, **environment):
    """Returns the last line of what a program says that cannot import the packages hidden."""
    command = [sys.executable, "-c", WITHOUT, hidden, code, *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert shown.returncode == 1 and shown.stdout == ""
    return shown.stderr.splitlines()[-1], shown.stderr.count("\n")


def test_an_install_without_a_backend_says_so_in_one_sentence(tmp_path):
    environment = {"PYTHONPATH": str(PACKAGE.parent), "KERAS_HOME": str(tmp_path)}
    none = 'Keras needs a backend, and none is installed: run `pip install "dia_keras[tensorflow]"`, or install [jax] '
    jax = "Keras is to run on tensorflow, which is not installed, but jax is: set the environment variable "
    jax += "KERAS_BACKEND=jax."
    torch = jax.replace("tensorflow", "torch")
    for hidden, backend, expected in (
        ("tensorflow,jax,torch", {}, none),
        ("tensorflow,torch", {}, jax),
        ("tensorflow,torch", {"KERAS_BACKEND": "torch"}, torch),
    ):
        line, _ = error(hidden, "import dia_keras", **environment, **backend)
        assert line.startswith(f"ImportError: {expected}")
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    line, _ = error("tensorflow,torch", "import dia_keras", **environment)
    assert line == f"ImportError: {torch}"
    command = "from dia_keras.cli import main; main(prog_name='dia-keras')"
    image = str(next((PACKAGE / "samples").glob("*.png")))
    assert error("tensorflow,torch", command, "dia-keras", "predict", image, **environment) == (f"Error: {torch}", 1)


def test_the_readme_tells_how_a_saved_model_loads():
    readme = " ".join((PACKAGE.parent / "README.md").read_text().split())
    assert "loads with `keras.saving.load_model` after `import dia_keras`" in readme


def test_python_of_a_new_process_does_not_look_for_modules_in_the_current_folder():
    """`-m` and `-c` put it first, but for `-P`."""
    folders = ("dia_keras", "zoo", "benchmarks", "examples", "export")
    files = [path for folder in folders for path in (PACKAGE.parent / folder).rglob("*.py")]
    commands = [
        [element.value for element in node.elts[1:] if isinstance(element, ast.Constant)]
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable"
    ]
    running = [command for command in commands if {"-m", "-c"} & set(command)]
    assert len(running) >= 4 and [command for command in running if command[0] != "-P"] == []


def test_the_readme_tells_trained_parameters_from_all():
    readme = " ".join((PACKAGE.parent / "README.md").read_text().split())
    model = dia_keras.zoo.load("dia_resnet20_cifar100", weights=None)
    assert f"moving statistics of batch norms: {model.count_params():,} in `dia_resnet20_cifar100`" in readme
    assert f"| `dia_resnet20_cifar100` | {dia_keras.zoo.card('dia_resnet20_cifar100').parameters:,} |" in readme
