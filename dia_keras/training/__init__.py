"""Training: recipes, augmentation on the device, exact resume, budgets."""

from .evaluate import Evaluation as Evaluation
from .evaluate import evaluate as evaluate
from .fit import fit as fit
from .optimizer import SGDL2 as SGDL2
from .recipe import Phase as Phase
from .recipe import Recipe as Recipe
from .run import load_recipe as load_recipe
from .run import train as train
