"""Object detection: data, detectors on the backbones, training, evaluation and pictures."""

from .finding import FoundDetector as FoundDetector
from .finding import find_detector as find_detector
from .models import FasterRCNN as FasterRCNN
from .models import RetinaNet as RetinaNet
from .settings import DetectorSettings as DetectorSettings
from .training import train_detector as train_detector
