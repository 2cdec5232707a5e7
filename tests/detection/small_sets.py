"""What the small data sets of these tests hold."""

import numpy as np

# Two images of 40 x 30 pixels, with a red and a blue rectangle each; sparse category ids, out of order.
RED, BLUE = (255, 0, 0), (0, 0, 255)
COCO = {
    "images": [
        {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 3, "file_name": "b.png", "width": 40, "height": 30},
    ],
    "annotations": [
        {"id": 0, "image_id": 7, "category_id": 90, "bbox": [4, 6, 10, 8], "area": 71.5, "iscrowd": 0},
        {"id": 1, "image_id": 7, "category_id": 13, "bbox": [20.1, 10.7, 13.3, 9.9], "area": 100, "iscrowd": 1},
        {"id": 2, "image_id": 3, "category_id": 13, "bbox": [0, 0, 40.4, 30], "area": 1200, "iscrowd": 0},
    ],
    "categories": [{"id": 90, "name": "brush"}, {"id": 13, "name": "sign"}],
}


def paint(rectangles, height=30, width=40):
    """Returns a black image with rectangles, `{color: (x1, y1, x2, y2)}`."""
    image = np.zeros((height, width, 3), np.uint8)
    for color, (x1, y1, x2, y2) in rectangles.items():
        image[y1:y2, x1:x2] = color
    return image


def voc_object(name="sign", box=(5, 7, 14, 14), difficult=0):
    """Returns an object of a VOC file, of a box (xmin, ymin, xmax, ymax)."""
    names = "xmin", "ymin", "xmax", "ymax"
    sides = "".join(f"<{side}>{each}</{side}>" for side, each in zip(names, box, strict=True))
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{sides}</bndbox></object>"
