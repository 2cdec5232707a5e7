"""A few real images, for demonstrations and for checking exported files. `SOURCES.md` names their source."""

from .loading import load_samples as load_samples
from .loading import sample_paths as sample_paths
