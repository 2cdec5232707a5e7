"""Images with boxes: COCO and Pascal VOC folders, TFDS; letterboxing, augmentation and batches."""

from .batching import Batches as Batches
from .batching import batches as batches
from .detection_set import DetectionSet as DetectionSet
from .detection_set import Example as Example
from .letterboxing import Letterbox as Letterbox
from .letterboxing import letterbox as letterbox
from .sources import load as load
