"""A table of the paper as a Ray job, one worker for each GPU: `pip install ray`, then

    ray job submit --working-dir examples -- python ray_job.py table4 --out /shared/runs/table4

All arguments are those of `dia-keras reproduce`. Every worker runs the whole table, and claims in the folder, which all
machines must share, share out its trainings. A worker that finds no training free looks again while others are at
theirs. A worker whose machine fails is started again, and goes on from the last checkpoint of a training that nobody
has: after an hour, that of the machine that failed.
"""

import subprocess
import sys
import time

import ray

COMPLETE, MORE_TO_DO = 0, 3  # exit codes of `dia-keras reproduce`


@ray.remote(num_gpus=1, max_retries=3)
def work(arguments: list[str]) -> int:
    """Runs the table in a process of its own, which sees the worker's GPU alone, and returns the exit code."""
    command = ["dia-keras", "reproduce", "--stale-after", "1", *arguments]
    has_budget = any(argument.startswith("--minutes") for argument in arguments)
    while (code := subprocess.run(command).returncode) == MORE_TO_DO and not has_budget:
        time.sleep(60)  # others are at the rest
    if code not in (COMPLETE, MORE_TO_DO):
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    return code


if __name__ == "__main__":
    ray.init()  # in a job, the cluster is known
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if not gpus:
        raise SystemExit("The Ray cluster has no GPUs.")
    codes = ray.get([work.remote(sys.argv[1:]) for _ in range(gpus)])
    sys.exit(min(codes))  # the last worker sees that the table is complete
