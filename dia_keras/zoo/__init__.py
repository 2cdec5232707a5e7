"""The zoo: networks by name, with their metadata and, where they are trained, their weights."""

from .cards import Card as Card
from .cards import card as card
from .cards import list_models as list_models
from .loading import load as load
from .predictions import decode_predictions as decode_predictions
from .weights_file import save_weights as save_weights
