"""Exports of detectors: RetinaNet and Faster R-CNN with non-maximum suppression inside, RetinaNet to TFLite without.

`exporter.export_model` hands detectors to `exporter.export_detector` here. The formats are those of classifiers, but
for what they write and how answers are compared.
"""
