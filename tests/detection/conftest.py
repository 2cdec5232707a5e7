"""Small data sets of images with boxes, in COCO's and in Pascal VOC's form."""

import copy
import json

import pytest
from PIL import Image
from small_sets import COCO, RED, paint


@pytest.fixture
def coco(tmp_path):
    """Function that writes a folder of COCO's form and returns it.

    It takes a function that changes the content of the JSON file, the name of the split, and the places of the file
    and of the images.
    """

    def write(change=None, split="train", file="instances_{}.json", images="{}"):
        content = copy.deepcopy(COCO)
        if change:
            change(content)
        path, folder = tmp_path / file.format(split), tmp_path / images.format(split)
        for each in (path.parent, folder):
            each.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        for name in ("a.png", "b.png"):
            Image.fromarray(paint({RED: (4, 6, 14, 14)})).save(folder / name)
        return tmp_path

    return write


@pytest.fixture
def voc(tmp_path):
    """Function that writes a folder of VOC's form, of the objects of one image, and returns it."""

    def write(*objects, size="<size><width>40</width><height>30</height></size>", xml=None, listing="0001\n"):
        for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        content = xml or f"<annotation>{size}{''.join(objects)}</annotation>"
        (tmp_path / "Annotations" / "0001.xml").write_text(content)
        Image.fromarray(paint({})).save(tmp_path / "JPEGImages" / "0001.jpg")
        (tmp_path / "ImageSets" / "Main" / "train.txt").write_text(listing)
        return tmp_path

    return write
