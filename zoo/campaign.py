"""Trains the entries of `zoo/queue.toml`, as many as fit into the minutes; called again, goes on. See `zoo/GPU.md`.

    KERAS_BACKEND=jax python zoo/campaign.py --minutes 9.5 --all-minutes 25 --data ~/gpu/data \\
        --work ~/gpu/work --out $OUT

Every row is trained and measured by a process of its own, `zoo/tools/campaign_row.py`, so that no row can harm another:
its error goes to `errors.txt`, and the next row is taken. What is complete is put into the output folder as
`ENTRY.zip`, in numbered parts, for `zoo/tools/collect.py`; what does not fit into one call's output waits for the
next call's. `campaign.json` says how every row stands.

This process imports neither Keras nor JAX, and so leaves the whole device to the rows.
"""

import contextlib
import json
import math
import os
import pathlib
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable

import click

ZOO = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ZOO / "tools"))

import file_parts  # noqa: E402
import wanted  # noqa: E402

ROW = ZOO / "tools" / "campaign_row.py"
#: What a row's folder holds of use to the developer, once the row is complete.
RUN_FILES = (
    "recipe.json",
    "data.json",
    "run.json",
    "log.csv",
    "curves.png",
    "teachers.json",
    "initial_weights.json",
    "speed.json",
    "result.json",
)
WEIGHTS = "final.weights.h5"
#: What one call may bring back. Two of the files are `campaign.json` and `errors.txt`.
OUT_FILES, OUT_BYTES, PART_BYTES = 8 - 2, 60 << 20, 15 << 20
#: A row that was begun so often without coming further is given up.
TRIES = 3
#: Seconds: with fewer no row is begun; to start a row's process, in each call; to measure it at the end.
BEGIN, START, MEASURE = 60, 45, 60


class Campaign:
    """The rows of a queue, and what is known of them.

    Args:
        rows: Rows of the queue: entry and recipe.
        work: Folder that is kept between calls.
        out: Folder of this call's output.
        minutes: Minutes of this call.
        all_minutes: Minutes of all calls together, from when the first row begins, for which its data must be there;
            those of this call by default.
        arguments: Further arguments of `campaign_row.py`.
        part_bytes: Bytes of a file of the output at most.
    """

    def __init__(self, rows, work, out, minutes, all_minutes=None, arguments=(), begin=BEGIN, part_bytes=PART_BYTES):
        self.rows, self.work, self.out = rows, work, out
        self.names = [str(row.get("entry", f"row {number}")) for number, row in enumerate(rows, 1)]
        self.arguments, self.begin, self.part_bytes = arguments, begin, part_bytes
        self.call_seconds = 60 * minutes
        self.end = self.end_of_call = time.time() + self.call_seconds
        self.all_minutes = all_minutes
        for folder in (work / "runs", work / "zips", out):
            folder.mkdir(parents=True, exist_ok=True)
        self.state = {"began": None, "calls": 0, "tries": {}, "sent": []} | read_json(work / "state.json")
        self.state["calls"] += 1
        self.notes: dict[str, str] = {}
        self.files = self.bytes = 0

    def resume(self) -> None:
        """Takes the rows in their order."""
        self.guarded("output", self.deliver)
        for name, row in zip(self.names, self.rows, strict=True):
            self.guarded(name, self.take, name, row)
            self.guarded("output", self.deliver)

    def guarded(self, name: str, action: Callable, *arguments) -> None:
        """Does something, and writes down the error where it fails."""
        try:
            action(*arguments)
        except Exception:
            self.fail(name, traceback.format_exc())

    def take(self, name: str, row: dict) -> None:
        """Trains and measures a row, as far as the time goes."""
        run, left = self.work / "runs" / pathlib.PurePath(name).name, self.end - time.time()
        if is_complete(run):
            return
        if left < self.begin:
            self.note(name, f"for a later call: {left:.0f} s left")
            return
        if self.seconds_to_fit() <= 0 and not (run / "recipe.json").exists():
            self.note(name, "not begun: the time of all calls is over")
            return
        started, progress = self.state["tries"].get(name, (0, -1))
        if progress_of(run) > progress:
            started, progress = 0, progress_of(run)
        if started >= TRIES:
            self.note(name, f"given up: begun {TRIES} times without coming further, see errors.txt")
            return
        self.state["tries"][name] = started + 1, progress
        begun = time.time()
        self.save()
        (run / "left.txt").unlink(missing_ok=True)
        options = ["--recipe", f"zoo/recipes/{row['recipe']}.py", "--run", str(run)]
        options += [f"--seconds={left - 10:.0f}", f"--fit-seconds={self.seconds_to_fit():.0f}", *self.arguments]
        print(f"{name}: {left:.0f} s left in this call", flush=True)
        code, errors = self.run_row([name, *options], left)
        if self.state["began"] is None and progress_of(run):
            self.state["began"] = begun
        if code is None:
            self.note(name, "stopped: the call's time is over")
        elif code:
            self.fail(name, errors)
        elif (run / "left.txt").exists():
            self.state["tries"][name] = 0, progress
            self.note(name, (run / "left.txt").read_text())
        elif not is_complete(run):
            self.note(name, "goes on in the next call")
            self.end = time.time()  # the time of all calls belongs to this row first

    def seconds_to_fit(self) -> float:
        """Returns the seconds that a training begun now may take, over all calls."""
        began = time.time() if self.state["began"] is None else self.state["began"]
        end_of_all = self.end_of_call if self.all_minutes is None else began + 60 * self.all_minutes
        later = max(0.0, end_of_all - self.end)
        left = min(self.end, end_of_all) - time.time() + later
        further = math.ceil(round(later / self.call_seconds, 2))
        return left - MEASURE - (1 + further) * START

    def run_row(self, arguments: list[str], seconds: float) -> tuple[int | None, str]:
        """Runs the process of a row; returns its exit code, `None` where it had to be stopped, and its errors."""
        # The compiled programs stay in the folder that is kept, for the next call.
        environment = {"JAX_COMPILATION_CACHE_DIR": str(self.work / "xla"), **os.environ}
        paths = [str(ZOO.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        errors = self.work / "stderr.txt"
        with errors.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(ROW.relative_to(ZOO.parent)), *arguments],
                cwd=ZOO.parent,
                env=environment,
                stderr=file,
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process.kill()
                process.wait()
        return code, errors.read_text(errors="replace")[-5000:]

    def fail(self, name: str, errors: str) -> None:
        """Writes down an error of a row."""
        with (self.work / "errors.txt").open("a") as file:
            file.write(f"== {name}, call {self.state['calls']}\n{errors}\n")
        self.note(name, f"failed: {(errors.strip().splitlines() or ['no message'])[-1][:200]}")

    def note(self, name: str, text: str) -> None:
        print(f"{name}: {text}", flush=True)
        self.notes[name] = text

    def deliver(self) -> None:
        """Puts trained rows into the output folder, as far as it may hold them, and says how all rows stand.

        A row whose measurement was cut is put out, too: its weights are measured where they are collected.
        """
        for name in self.names:
            run, packed = self.work / "runs" / pathlib.PurePath(name).name, self.work / "zips" / f"{name}.zip"
            if not (run / WEIGHTS).exists():
                continue
            if not packed.exists() or (is_complete(run) and "result.json" not in names_in(packed)):
                pack(run, packed)
            for part, data in file_parts.cut(packed, self.part_bytes):
                has_room = self.files < OUT_FILES and self.bytes + len(data) <= OUT_BYTES
                if part in self.state["sent"] or not has_room:
                    continue
                file_parts.write(self.out / part, data)
                self.files, self.bytes = self.files + 1, self.bytes + len(data)
                self.state["sent"].append(part)
                self.save()
        self.save()

    def save(self) -> None:
        """Writes the state into the folder that is kept, and how the rows stand into the output."""
        write_json(self.work / "state.json", self.state)
        rows = [self.standing(name) for name in self.names]
        write_json(self.out / "campaign.json", {"call": self.state["calls"], "rows": rows})
        if (self.work / "errors.txt").exists():
            errors = (self.work / "errors.txt").read_bytes()[-self.part_bytes :]
            file_parts.write(self.out / "errors.txt", errors)

    def standing(self, name: str) -> dict:
        """Returns how a row stands, for people to read."""
        run, packed = self.work / "runs" / pathlib.PurePath(name).name, self.work / "zips" / f"{name}.zip"
        result, recipe = read_json(run / "result.json"), read_json(run / "recipe.json")
        stages = {WEIGHTS: "trained", "recipe.json": "begun"}
        stage = "complete" if result else next((s for file, s in stages.items() if (run / file).exists()), "waiting")
        shown = {"entry": name, "state": stage, "epochs": f"{epochs_logged(run)}/{recipe.get('epochs', '?')}"}
        if result:
            shown["top1"] = round(100 * result["top1"], 2)
        if packed.exists():
            waiting = [part for part, _ in file_parts.cut(packed, self.part_bytes) if part not in self.state["sent"]]
            shown["files for a later call"] = waiting
        if name in self.notes:
            shown["note"] = self.notes[name]
        return shown


def is_complete(run: pathlib.Path) -> bool:
    return (run / "result.json").exists()


def progress_of(run: pathlib.Path) -> int:
    """Returns a number that grows as a row comes further: files written, and epochs."""
    return sum((run / name).exists() for name in ("speed.json", "recipe.json", WEIGHTS)) + epochs_logged(run)


def epochs_logged(run: pathlib.Path) -> int:
    log = run / "log.csv"
    return max(0, len(log.read_text().splitlines()) - 1) if log.exists() else 0


def names_in(packed: pathlib.Path) -> list[str]:
    with zipfile.ZipFile(packed) as file:
        return file.namelist()


def pack(run: pathlib.Path, packed: pathlib.Path) -> None:
    """Writes a trained row's files into one."""
    new = packed.with_name("new.zip")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as file:
        for name in (*RUN_FILES, WEIGHTS):
            if (run / name).exists():
                file.write(run / name, name)
    new.replace(packed)


def read_json(path: pathlib.Path) -> dict:
    """Returns what a JSON file holds, nothing where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return json.loads(path.read_text())
    return {}


def write_json(path: pathlib.Path, value: dict) -> None:
    file_parts.write(path, (json.dumps(value, indent=2) + "\n").encode())


def positive(context: click.Context, parameter: click.Parameter, minutes: float | None) -> float | None:
    """Refuses minutes that are none: zero, negative, infinite or NaN."""
    if minutes is not None and not 0 < minutes < math.inf:
        raise click.BadParameter(f"must be positive and finite. Received: {minutes}")
    return minutes


FOLDER = click.Path(file_okay=False, path_type=pathlib.Path)


@click.command(help=__doc__)
@click.option("--minutes", required=True, type=float, callback=positive, help="Minutes of this call.")
@click.option(
    "--all-minutes",
    type=float,
    callback=positive,
    help="Minutes of all calls with this --work together, from when the first row begins, which epochs are fitted to; "
    "default: those of this call.",
)
@click.option("--out", required=True, type=FOLDER, help="Output of this call.")
@click.option("--work", default="runs/campaign", show_default=True, type=FOLDER, help="Kept between calls.")
@click.option("--data", type=FOLDER, help="Folder of cifar10.npz and cifar100.npz; default: TFDS.")
@click.option("--queue", default=ZOO / "queue.toml", type=click.Path(exists=True, path_type=pathlib.Path))
@click.option("--least-epochs", default=30, show_default=True, help="A row that fewer fit for waits for a later call.")
@click.option("--again", is_flag=True, help="Put out again what earlier calls did: their output was lost.")
@click.option("--rehearsal", is_flag=True, help="A few steps an entry, and few test images.")
def main(minutes, all_minutes, out, work, data, queue, least_epochs, again, rehearsal):
    rows = wanted.read(queue)
    arguments = [f"--least-epochs={1 if rehearsal else least_epochs}", *(["--rehearsal"] if rehearsal else [])]
    if data:
        arguments += ["--data", str(data.resolve())]
    campaign = Campaign(
        rows, work.resolve(), out.resolve(), minutes, all_minutes, arguments, 10 if rehearsal else BEGIN
    )
    if again:
        campaign.state["sent"] = []
    campaign.resume()
    for name in campaign.names:
        print(", ".join(f"{key} {value}" for key, value in campaign.standing(name).items() if value))


if __name__ == "__main__":
    main()
