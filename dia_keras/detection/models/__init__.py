"""Detectors on the backbones: RetinaNet and Faster R-CNN, both with a feature pyramid."""

from .faster_rcnn import FasterRCNN as FasterRCNN
from .retinanet import RetinaNet as RetinaNet
