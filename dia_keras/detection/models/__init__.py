"""Detectors on the backbones: RetinaNet and Faster R-CNN, both with a feature pyramid.

All parts are made of `keras.ops`, which runs on every backend. None is keras-cv's, which imports TensorFlow and has
faults in version 0.9: forced matches of `BoxMatcher` make the first anchor find a box that is not there,
`NonMaxSuppression` lets boxes fall to those of other classes, and its aligner fails on Keras 3.
`tests/detection/test_models_keras_cv.py` shows them.
"""

from .faster_rcnn import FasterRCNN as FasterRCNN
from .retinanet import RetinaNet as RetinaNet
