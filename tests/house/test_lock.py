"""`make` installs the versions that `requirements-test.txt` pins, by their hashes."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_gradle_is_downloaded_by_its_hash():
    settings = (ROOT / "export" / "android" / "gradle" / "wrapper" / "gradle-wrapper.properties").read_text()
    assert re.search(r"^distributionSha256Sum=[0-9a-f]{64}$", settings, re.MULTILINE)


def test_the_lock_has_hashes_of_all_that_is_pinned_but_of_the_build_of_torch():
    rows = (ROOT / "requirements-test.lock").read_text().replace(" \\\n", "").splitlines()[1:]
    locked = {}
    for row in rows:
        pin, *hashes = row.split()
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes)
        name, version = pin.split("==")
        locked[normal(name)] = version
    pins = [line for line in (ROOT / "requirements-test.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {normal(name): version for name, version in (pin.split("==") for pin in pins)}
    assert pinned.items() - locked.items() == {("torch", pinned["torch"])}
    makefile = (ROOT / "Makefile").read_text()
    assert "pip install --quiet --no-deps --require-hashes -r requirements-test.lock" in makefile
    assert makefile.count("pip install") == 3 and "--no-build-isolation" in makefile  # setuptools is that of the lock
