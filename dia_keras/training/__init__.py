"""Training: recipes, augmentation on the device, exact resume, budgets."""

from .evaluation import Evaluation as Evaluation
from .evaluation import evaluate as evaluate
from .fitting import fit as fit
from .optimizer import SGDL2 as SGDL2
from .recipe import Phase as Phase
from .recipe import Recipe as Recipe
from .recipe_file import load_recipe as load_recipe
from .runs.run import train as train
from .tuning.fine_tuning import FineTuned as FineTuned
from .tuning.fine_tuning import fine_tune as fine_tune
from .tuning.rate_finder import find_learning_rate as find_learning_rate
from .tuning.settings import FineTuning as FineTuning
