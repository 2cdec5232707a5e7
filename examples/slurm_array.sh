#!/bin/bash
# A table of the paper as a Slurm array: every task runs the whole table, and claims in the shared folder share it out.
#
#     sbatch examples/slurm_array.sh table4 /shared/runs/table4
#
# Submit it again until all tasks end with 0: what was cut goes on from its checkpoint. SIGTERM comes two minutes before
# the time limit, and lets a training write a checkpoint. More arguments are those of `dia-keras reproduce`.
#SBATCH --job-name=dia-keras
#SBATCH --array=1-16
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@120
export DIA_KERAS_DATA=${DIA_KERAS_DATA:-$HOME/tensorflow_datasets}
table=${1:?the table, such as table4} out=${2:?the folder that all tasks share}
srun dia-keras reproduce "$table" --out "$out" --minutes 470 --stale-after 1 "${@:3}"
