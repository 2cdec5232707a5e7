"""Training: recipes, augmentation on the device, exact resume, budgets."""

from .evaluation import Evaluation as Evaluation
from .evaluation import evaluate as evaluate
from .fitting import fit as fit
from .optimizer import SGDL2 as SGDL2
from .recipe import Phase as Phase
from .recipe import Recipe as Recipe
from .runs.run import load_recipe as load_recipe
from .runs.run import train as train
