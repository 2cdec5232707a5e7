"""The one runner of all tables."""

import functools
import math
import os
import pathlib
import time
from collections.abc import Callable, Hashable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import keras

from ..training.runs.budget import WallClockBudget
from ..training.runs.interruption import Interrupted, stopped_by_signals
from ..training.steps.xla_cache import keep_compiled_programs
from . import claims
from .data_sets import Sources, missing
from .reuse import OtherRuns
from .run_directory import Job, RunDirectory, SameData, jobs
from .scale import Scale
from .table import Row, Table
from .trainings import Training, training_of
from .trainings.training import Options


class Progress(NamedTuple):
    """How far a table is: trainings in all, those that are complete, and those that other processes are at."""

    all: int
    complete: int
    elsewhere: int


def reproduce(
    table: Table,
    directory: str | os.PathLike,
    *,
    scale: Scale | None = None,
    sources: Sources | None = None,
    rows: Sequence[str] = (),
    minutes: float | None = None,
    stale_hours: float | None = None,
    keep_weights: bool = False,
    reuse: Sequence[str | os.PathLike] = (),
    say: Callable[[str], None] = print,
) -> Progress:
    """Trains what is missing of a table, and leaves a result for each row and seed.

    Any number of processes may do this at the same time, on any number of machines that share the folder: each takes
    the next training that nobody has. One that is stopped goes on from its last checkpoint when it is taken up again.

    Args:
        table: The table.
        directory: The run's folder; made if missing.
        scale: The scale; by default the paper's.
        sources: Where the data are; by default in TFDS' folder.
        rows: Patterns, like `"*dia-lstm*"`, of the keys of rows to train; by default all.
        minutes: Wall-clock budget; a training that does not fit stops with a checkpoint.
        stale_hours: Hours without a sign of life after which a training of another host is taken over. Default: never.
        keep_weights: Whether the trained networks are kept, in the folder `networks`; not those that explode. Those
            of a table with a drawing are kept anyway.
        reuse: Folders of other tables' runs, or folders of such folders. Their results of the same network, recipe,
            seed and data are taken over: DIA-ResNet164 on CIFAR-100, for one, is in five tables.
        say: Takes a line on each training.

    Returns:
        How far the table is.

    Raises:
        ValueError: Where the table cannot be run, no row has such a key, the folder is of another table or scale, or
            the data are not those that the table or the trainings in the folder are of.
        FileNotFoundError: Where data are missing; the message says how to get them.
        Interrupted: After Ctrl-C or SIGTERM, with a checkpoint.
    """
    started = time.monotonic()
    scale, sources = scale or Scale(), sources or Sources()
    chosen = check(table, scale, sources, rows)
    WallClockBudget(minutes, started)  # refuses what is not a time
    if stale_hours is not None and not 0 < stale_hours < math.inf:
        raise ValueError(f"`stale_hours` must be positive and finite. Received: stale_hours={stale_hours!r}")
    keep_compiled_programs()
    other_runs = OtherRuns([pathlib.Path(folder) for folder in reuse])
    run = RunDirectory(pathlib.Path(directory))
    run.open_for(table, scale)
    data, same_data = LoadedOnce(sources, scale), SameData()
    all_jobs = jobs(chosen, scale)
    for job in all_jobs:
        if (result := run.read(job, scale)) is not None:
            same_data.check(result["data"], str(run.result_file(job)))
            if not claims.is_held(run.claims, job.name, stale_hours):
                run.tidy(job)  # of a process that was killed after it wrote the result
            if keep_weights and result["exploded"] is None and not run.network_file(job).exists():
                say(f"{job.name} was trained without keeping its network. To train it again, remove its result.")
    for job in all_jobs:
        if run.result_file(job).exists():
            continue
        claim = claims.take(run.claims, job.name, stale_hours)
        if claim is None:
            continue
        if run.result_file(job).exists():  # it was finished between the two looks
            claim.finish()
            continue
        say(f"{job.row.group}: {job.row.name}, seed {job.seed}")
        try:
            training = training_of(job.row, job.seed, scale)
            same_data.check(data.record(training), "the data given")
            keeps = keep_weights or table.drawing is not None
            found = other_runs.find(
                training, data(training), data.record(training), with_network=keeps, with_curves=table.curves
            )
            if found is None:
                _train(table, job, training, run, scale, data, claim, WallClockBudget(minutes, started), keeps)
            else:
                say(f"The result is that of {found.source}.")
                if keeps and found.network:
                    run.keep(job, found.copy_network)
                run.write(job, found.result)
        finally:  # a signal or an error may come after the result was written
            is_complete = run.result_file(job).exists()
            if is_complete:
                run.tidy(job)
            else:
                claim.release()
        if not is_complete:
            break
    return progress(chosen, run, scale, stale_hours)


def _train(
    table: Table,
    job: Job,
    training: Training,
    run: RunDirectory,
    scale: Scale,
    data: "LoadedOnce",
    claim: claims.Claim,
    budget: WallClockBudget,
    keeps: bool,
) -> None:
    """Trains a row with a seed. Where the training is complete, writes the network, and then its result."""
    with stopped_by_signals(budget) as signals:
        options = Options(
            budget,
            [claims.Heartbeat(claim)],
            watch_test=table.curves,
            # Compiling takes longer than a few steps; but without it, JAX compiles every op of its own.
            run_eagerly=scale.is_smoke and keras.backend.backend() != "jax",
        )
        trained = training.train(data(training), run.trainings / job.name, data.record(training), options)
        if trained is not None:
            if keeps and trained.model is not None:
                run.keep(job, functools.partial(training.save, trained.model))
            run.write(job, trained.result)
    if signals:
        raise Interrupted("Stopped. Run the same command again to go on.", signals[0])


class LoadedOnce:
    """The data sets, each loaded once."""

    def __init__(self, sources: Sources, scale: Scale):
        self.sources, self.scale = sources, scale
        self._loaded: dict[Hashable, Any] = {}
        self._records: dict[Hashable, dict[str, Any]] = {}

    def __call__(self, training: Training) -> Any:
        key = training.data_key
        if key not in self._loaded:
            self._loaded[key] = training.load(self.sources, self.scale)
        return self._loaded[key]

    def record(self, training: Training) -> dict[str, Any]:
        """Returns what results say of the data of a training, hashed once."""
        key = training.data_key
        if key not in self._records:
            self._records[key] = training.data_record(self(training))
        return self._records[key]


def check(table: Table, scale: Scale, sources: Sources, rows: Sequence[str] = ()) -> tuple[Row, ...]:
    """Returns the rows to train. The arguments and the errors are those of `reproduce`."""
    if not table.is_trained:
        made = "`measure_cost`, times" if table.is_timed else "`write_drawing`, draws"
        raise ValueError(f"{table.label} is not trained: `dia-keras reproduce {table.name}`, or {made} it.")
    scale.check(table)
    chosen = choose(table, rows)
    for row in chosen:
        training_of(row, 0, scale)  # refuses what no recipe has
    names = list(dict.fromkeys(row.data for row in chosen))
    unnamed = [name for name in names if name not in sources.paths and "" in sources.paths]
    if len(unnamed) > 1 and not scale.is_smoke:
        raise ValueError(
            f"`source` must name the data set of each path, as in {unnamed[0]}=PATH, since {table.label} has "
            f"{' and '.join(names)}. Received: {sources.paths['']}"
        )
    problems = [missing(name, sources) for name in names]
    if any(problems):
        raise FileNotFoundError(" ".join(filter(None, problems)))
    return chosen


def choose(table: Table, patterns: Sequence[str]) -> tuple[Row, ...]:
    """Returns the rows whose keys match one of the patterns; all rows for no patterns.

    Raises:
        ValueError: Where a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(row.key, pattern) for row in table.rows):
            raise ValueError(
                f"`rows` must match rows of {table.label}: {', '.join(row.key for row in table.rows)}. "
                f"Received: rows={pattern!r}"
            )
    return tuple(
        row for row in table.rows if not patterns or any(fnmatchcase(row.key, pattern) for pattern in patterns)
    )


def progress(rows: tuple[Row, ...], run: RunDirectory, scale: Scale, stale_hours: float | None = None) -> Progress:
    """Returns how far the trainings of rows are."""
    all_jobs = jobs(rows, scale)
    open_jobs = [job for job in all_jobs if not run.result_file(job).exists()]
    elsewhere = sum(claims.is_held(run.claims, job.name, stale_hours) for job in open_jobs)
    return Progress(len(all_jobs), len(all_jobs) - len(open_jobs), elsewhere)


def state(table: Table, sources: Sources, directory: pathlib.Path) -> str:
    """Returns in words whether a table can be run here, and how many trainings a folder has of it."""
    if table.is_timed:
        return f"can be run; measured in {directory}" if (directory / f"{table.name}.json").exists() else "can be run"
    absent = [name for name in dict.fromkeys(row.data for row in table.rows) if missing(name, sources)]
    can_run = f"needs data: {', '.join(absent)}" if absent else "can be run"
    if not table.is_trained:
        return f"{can_run}; drawn in {directory}" if (directory / f"{table.name}.json").exists() else can_run
    done = len(list((directory / "results").glob("*.json")))
    return f"{can_run}; {done} trainings in {directory}" if done else can_run
