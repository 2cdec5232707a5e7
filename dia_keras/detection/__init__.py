"""Object detection: data, detectors on the backbones, training, evaluation and pictures."""

from .evaluation import CocoEvaluation as CocoEvaluation
from .evaluation import Detections as Detections
from .evaluation import detect as detect
from .evaluation import evaluate_detections as evaluate_detections
from .finding import FoundDetector as FoundDetector
from .finding import find_detector as find_detector
from .models import FasterRCNN as FasterRCNN
from .models import RetinaNet as RetinaNet
from .pictures import plot_precision_recall as plot_precision_recall
from .settings import DetectorSettings as DetectorSettings
from .training import train_detector as train_detector
