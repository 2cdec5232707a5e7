"""Images with boxes from folders: what is read is what was written, and every fault is an error or a count."""

import json
import math

import numpy as np
import pytest
from PIL import Image
from small_sets import COCO, paint, voc_object

from dia_keras.detection.data import load


def test_coco_boxes_are_corners_in_pixels_and_categories_are_indices_in_the_order_of_their_ids(coco):
    found = load(coco(), split="train")
    assert found.labels == ("sign", "brush") and found.category_ids == (13, 90) and len(found) == 2
    first, second = found
    assert first.name == "a.png" and first.image.shape == (30, 40, 3) and first.image.dtype == np.uint8
    np.testing.assert_array_equal(first.image[6:14, 4:14], np.broadcast_to([255, 0, 0], (8, 10, 3)))
    np.testing.assert_array_equal(first.boxes, np.array([[4, 6, 14, 14], [20.1, 10.7, 33.4, 20.6]], np.float32))
    assert first.boxes.dtype == np.float32 and first.classes.dtype == np.int32 and first.crowd.dtype == bool
    assert first.classes.tolist() == [1, 0] and first.crowd.tolist() == [False, True]
    # An overhang of less than a pixel is cut off.
    assert second.boxes.tolist() == [[0, 0, 40, 30]] and second.classes.tolist() == [0]


def test_coco_is_mapped_back_to_the_very_numbers_of_the_file(coco):
    back = load(coco(), split="train").to_coco()
    assert [(image["id"], image["file_name"]) for image in back["images"]] == [(7, "a.png"), (3, "b.png")]
    keys = ("image_id", "category_id", "bbox", "area", "iscrowd")
    rows = [{key: row[key] for key in keys} for row in back["annotations"]]
    assert rows == [{key: row[key] for key in keys} for row in COCO["annotations"]]
    # pycocotools takes the number 0 for no annotation.
    assert [row["id"] for row in back["annotations"]] == [1, 2, 3]
    assert sorted((row["id"], row["name"]) for row in back["categories"]) == [(13, "sign"), (90, "brush")]


@pytest.mark.parametrize(
    ("written", "split", "file", "images"),
    [
        ("train2017", "train2017", "annotations/instances_{}.json", "{}"),
        ("train2017", "train", "annotations/instances_{}.json", "images/{}"),
        ("train", "train", "annotations/instances_{}.json", "images"),
        ("train", "train", "{}/_annotations.coco.json", "{}"),
    ],
)
def test_the_usual_places_of_cocos_files_are_known(written, split, file, images, coco):
    assert len(load(coco(split=written, file=file, images=images), split=split)) == 2


def test_several_years_of_a_split_are_an_error(coco):
    coco(split="train2014")
    with pytest.raises(ValueError, match=r"`split` must name the year: 'train2014' or 'train2017'\. Received: "):
        load(coco(split="train2017"), split="train")


def test_labels_choose_the_order_of_the_classes(coco):
    found = load(coco(), split="train", labels=["brush", "sign"])
    assert found.category_ids == (90, 13) and found[0].classes.tolist() == [0, 1]
    assert found.to_coco()["annotations"][0]["category_id"] == 90
    with pytest.raises(ValueError, match=r"`labels` must be names of categories .* Received: labels with 'bush'"):
        load(coco(), split="train", labels=["sign", "bush"])
    with pytest.raises(ValueError, match=r"annotation 0 of image 'a.png' must be of one of `labels`.* 'brush'"):
        load(coco(), split="train", labels=["sign"])


def test_a_fingerprint_tells_other_boxes_classes_and_images_apart(coco):
    changes = [
        None,
        lambda content: content["annotations"][0].update(bbox=[4, 6, 10, 8.001]),
        lambda content: content["annotations"][0].update(iscrowd=1),
        lambda content: content["annotations"][0].update(area=71),
        lambda content: content["annotations"][0].update(category_id=13),
        lambda content: content["categories"][0].update(name="broom"),
        lambda content: (content["images"].pop(1), content["annotations"].pop(2)),
    ]
    found = [load(coco(change), split="train").fingerprint() for change in changes]
    assert len(set(found)) == len(changes) and load(coco(), split="train").fingerprint() == found[0]
    folder = coco()
    (folder / "train" / "a.png").write_bytes((folder / "train" / "a.png").read_bytes() + b"other")
    assert load(folder, split="train").fingerprint() != found[0]


def test_an_image_without_boxes_is_kept_and_can_be_left_out_for_training(coco):
    found = load(coco(lambda content: content["annotations"].pop(2)), split="train")
    assert len(found) == 2 and found[1].boxes.shape == (0, 4) and found[1].classes.shape == (0,)
    assert [record.name for record in found.with_boxes().records] == ["a.png"]
    only_crowd = load(coco(lambda content: content["annotations"].pop(0)), split="train")
    assert [record.name for record in only_crowd.with_boxes().records] == ["b.png"]


def box(*values):
    return lambda content: content["annotations"][1].update(bbox=list(values))


def update(group, number, **values):
    return lambda content: content[group][number].update(values)


FAULTS = {
    "zero width": (box(1, 2, 0, 3), "boxes of zero size", r"annotation 1 of image 'a.png' has a box of zero size"),
    "inverted": (box(9, 2, -3, 3), "inverted boxes", r"annotation 1 of image 'a.png' has an inverted box"),
    "right": (box(30, 2, 12, 3), "boxes outside their image", r"reaches 2 pixels out of its image"),
    "above": (box(3, -1.5, 5, 5), "boxes outside their image", r"reaches 1.5 pixels out of its image"),
    "beside": (box(40, 3, 1, 3), "boxes outside their image", r"lies outside its image"),
    "NaN": (box(1, math.nan, 3, 3), "boxes that are not finite", r"is not finite"),
    "infinite": (box(1, 1, 1e999, 3), "boxes that are not finite", r"is not finite"),
    "three": (box(1, 2, 3), "malformed annotations", r"must have a 'bbox' of four numbers"),
    "text": (box(1, 2, "3", 4), "malformed annotations", r"must have a 'bbox' of four numbers"),
    "huge": (box(1, 2, 10**400, 4), "malformed annotations", r"must have a 'bbox' of four numbers"),
    "category": (update("annotations", 1, category_id=5), "boxes of an unknown class", r"must be of a category"),
    "no image": (update("annotations", 1, image_id=5), "annotations without an image", r"for an image that is listed"),
    "twice": (update("annotations", 1, id=0), "annotations of a duplicated id", r"annotation 0 must have an id of its"),
    "no id": (update("annotations", 1, id=None), "malformed annotations", r"must have an integer 'id', 'image_id'"),
    "area": (update("annotations", 1, area=-1), "malformed annotations", r"must have an 'area' of at least 0"),
    "crowd": (update("annotations", 1, iscrowd=2), "malformed annotations", r"must have an 'iscrowd' of 0 or 1"),
}
IMAGE_FAULTS = {
    "missing": (update("images", 1, file_name="c.png"), "missing images", r"image 'c.png' is missing"),
    "size": (update("images", 1, width=30), "images of another size than their boxes", r"'b.png' must have the height"),
    "no size": (update("images", 1, width=-3), "malformed images", r"'b.png' must have a positive integer"),
    "outside": (update("images", 1, file_name="../b.png"), "images outside their folder", r"'../b.png' must lie in"),
    "absolute": (update("images", 1, file_name="/etc/hostname"), "images outside their folder", r"must lie in"),
    "long": (update("images", 1, file_name="b" * 3000), "missing images", r"is missing"),
    "no name": (update("images", 1, file_name=None), "malformed images", r"'id' and a 'file_name'"),
    "id": (update("images", 1, id=7), "images of a duplicated id", r"image 'b.png' must have an id of its own"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_box_stops_by_name_or_is_left_out_and_counted(name, coco):
    change, kind, message = FAULTS[name]
    folder = coco(change)
    with pytest.raises(ValueError, match=rf"instances_train\.json: .*{message}.* Received: "):
        load(folder, split="train")
    with pytest.warns(UserWarning, match=f"Left out of 'train' of .*: 1 {kind}"):
        found = load(folder, split="train", on_bad="drop")
    assert found.left_out == {kind: 1} and len(found) == 2 and len(found[0].boxes) == 1


@pytest.mark.parametrize("name", IMAGE_FAULTS)
def test_a_bad_image_stops_by_name_or_is_left_out_and_counted(name, coco):
    change, kind, message = IMAGE_FAULTS[name]
    folder = coco(change)
    with pytest.raises(ValueError, match=rf"instances_train\.json: .*{message}.* Received: "):
        load(folder, split="train")
    with pytest.warns(UserWarning, match=f"1 {kind}"):
        found = load(folder, split="train", on_bad="drop")
    assert found.left_out[kind] == 1 and [record.name for record in found.records] == ["a.png"]


def test_a_damaged_picture_is_named_and_only_its_header_is_read_where_asked(coco):
    folder = coco()
    path = folder / "train" / "b.png"
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(noise).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"image 'b.png' is unreadable.* Received: b.png cannot be read"):
        load(folder, split="train")
    with pytest.warns(UserWarning, match="1 unreadable images"):
        assert len(load(folder, split="train", on_bad="drop")) == 1
    found = load(folder, split="train", check_images=False)
    assert len(found) == 2
    with pytest.raises(ValueError, match=r"b.png cannot be read"):
        found[1]
    path.write_text("no picture")
    with pytest.raises(ValueError, match=r"image 'b.png' is unreadable"):
        load(folder, split="train", check_images=False)


@pytest.mark.parametrize("check_images", [True, False])
def test_boxes_are_for_the_picture_as_its_orientation_shows_it(check_images, coco):
    folder = coco()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(paint({}, height=40, width=30)).save(folder / "train" / "b.png", exif=exif)
    found = load(folder, split="train", check_images=check_images)
    assert found[1].image.shape == (30, 40, 3)
    Image.fromarray(paint({})).save(folder / "train" / "b.png", exif=exif)
    with pytest.raises(ValueError, match=r"annotations, \(30, 40\).* Received: a picture of \(40, 30\), upright"):
        load(folder, split="train", check_images=check_images)


def test_images_without_a_size_have_that_of_their_picture(coco):
    def without_size(content):
        for image in content["images"]:
            del image["width"], image["height"]

    found = load(coco(without_size), split="train")
    assert (found.records[0].height, found.records[0].width) == (30, 40)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"must be a JSON file"),
        ("[" * 100_000, r"must be a JSON file"),
        ("[]", r"must be a COCO file, with a list 'images'"),
        ('{"images": [], "annotations": [], "categories": {}}', r"with a list 'categories'"),
        ('{"images": [], "annotations": [3], "categories": []}', r"with a list 'annotations'"),
        ('{"images": [], "annotations": [], "categories": []}', r"must have categories"),
        (json.dumps({**COCO, "categories": COCO["categories"] * 2}), r"an id and a name of its own"),
        (json.dumps({**COCO, "images": []}), r"must be for an image that is listed"),
    ],
)
def test_a_file_that_is_not_cocos_is_an_error(content, message, coco):
    folder = coco()
    (folder / "instances_train.json").write_text(content)
    with pytest.raises(ValueError, match=rf"instances_train\.json.*{message}.* Received: "):
        load(folder, split="train")


def test_a_set_of_which_nothing_is_left_is_an_error(coco):
    def lost(content):
        for image in content["images"]:
            image["file_name"] = "lost.png"

    with pytest.raises(ValueError, match=r"must have an image in 'train'\. Received: .*'missing images': 2"):
        load(coco(lost), split="train", on_bad="drop")


def test_arguments_out_of_range_are_errors(coco, tmp_path):
    folder = coco()
    with pytest.raises(ValueError, match=r"`on_bad` must be 'stop' or 'drop'\. Received: on_bad='ignore'"):
        load(folder, split="train", on_bad="ignore")
    with pytest.raises(ValueError, match=r"`labels` must be a sequence of names\. Received: labels='sign'"):
        load(folder, split="train", labels="sign")
    with pytest.raises(ValueError, match=r"`labels` must be different names"):
        load(folder, split="train", labels=["sign", "sign"])
    with pytest.raises(ValueError, match=r"`split` must be the name of a split\. Received: split='../train'"):
        load(folder, split="../train")
    with pytest.raises(FileNotFoundError, match=r"instances_val\.json.*Received: .* with the splits 'train'"):
        load(folder, split="val")
    with pytest.raises(FileNotFoundError, match=r"`source` must be a folder or a TFDS data set\..*does not exist"):
        load(tmp_path / "nowhere", split="train")
    (folder / "instances_val.json").write_text(json.dumps(COCO))
    with pytest.raises(FileNotFoundError, match=r"must have a folder with the images of .*instances_val\.json: .*/val"):
        load(folder, split="val")


def test_voc_counts_pixels_from_1_and_includes_the_last_one(voc):
    objects = [voc_object(), voc_object("ant", (1, 1, 40, 30), difficult=1), voc_object("sign", ("1.5", "2", "3", "4"))]
    found = load(voc(*objects), split="train")
    (example,) = found
    assert found.labels == ("ant", "sign") and example.name == "0001.jpg" and example.image.shape == (30, 40, 3)
    assert example.boxes.tolist() == [[4, 6, 14, 14], [0, 0, 40, 30], [0.5, 1, 3, 4]]
    assert example.classes.tolist() == [1, 0, 1] and example.crowd.tolist() == [False, True, False]


def test_files_beside_the_pictures_of_voc_and_spaces_in_their_names_make_no_difference(voc):
    folder = voc(voc_object(), listing="my picture\n")
    (folder / "Annotations" / "0001.xml").rename(folder / "Annotations" / "my picture.xml")
    (folder / "JPEGImages" / "0001.jpg").rename(folder / "JPEGImages" / "my picture.jpg")
    for suffix in (".csv", ".json", ".txt"):
        (folder / "JPEGImages" / f"my picture{suffix}").write_text("{}")
    for listing in ("my picture\n", "my picture  1\n", "  my picture -1 \n"):
        (folder / "ImageSets" / "Main" / "train.txt").write_text(listing)
        assert [example.name for example in load(folder, split="train")] == ["my picture.jpg"]


VOC_FAULTS = {
    "inverted": (voc_object(box=(20, 5, 10, 9)), "inverted boxes", r"object 1 of image '0001.jpg' has an inverted box"),
    "outside": (voc_object(box=(20, 5, 42, 9)), "boxes outside their image", r"reaches 2 pixels out of its image"),
    "NaN": (voc_object(box=("nan", 5, 42, 9)), "boxes that are not finite", r"is not finite"),
    "text": (voc_object(box=("x", 5, 42, 9)), "malformed objects", r"must have a 'bndbox' with the numbers"),
    "no box": ("<object><name>sign</name></object>", "malformed objects", r"must have a 'bndbox' with the numbers"),
    "class": (voc_object("ant"), "boxes of an unknown class", r"must be of a class in `labels`.*name='ant'"),
}


@pytest.mark.parametrize("name", VOC_FAULTS)
def test_a_bad_voc_object_stops_by_name_or_is_left_out_and_counted(name, voc):
    content, kind, message = VOC_FAULTS[name]
    folder = voc(content)
    with pytest.raises(ValueError, match=rf"0001\.xml: .*{message}"):
        load(folder, split="train", labels=["sign"])
    with pytest.warns(UserWarning, match=f"1 {kind}"):
        found = load(folder, split="train", labels=["sign"], on_bad="drop")
    assert len(found) == 1 and len(found[0].boxes) == 0


BOMB = '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><annotation><size>&c;</size></annotation>'


CODES = ['<?xml version="1.0" encoding="foo"?><annotation/>', '<?xml version="1.0" encoding="hex"?><annotation/>']


@pytest.mark.parametrize(
    "xml", ["<annotation>", "no XML", BOMB, '<!DOCTYPE a SYSTEM "/etc/passwd"><annotation/>', *CODES]
)
def test_a_voc_file_that_is_no_xml_or_has_a_dtd_is_refused(xml, voc):
    with pytest.raises(ValueError, match=r"0001\.xml must be an XML file without a DTD.* Received: "):
        load(voc(xml=xml), split="train", labels=["sign"])


def test_the_list_of_a_voc_split_is_checked(voc):
    sign = voc_object()
    with pytest.raises(ValueError, match=r"train\.txt: image '0002' must have a file of annotations"):
        load(voc(sign, listing="0001\n0002\n"), split="train")
    with pytest.raises(ValueError, match=r"train\.txt: image '0001' must be listed once"):
        load(voc(sign, listing="0001\n0001 1\n"), split="train")
    with pytest.raises(ValueError, match=r"train\.txt: image '../0001' must be a name"):
        load(voc(sign, listing="../0001\n"), split="train")
    folder = voc(sign, size="<size><width>30</width><height>40</height></size>")
    with pytest.raises(ValueError, match=r"must have the height and width of its annotations, \(40, 30\)"):
        load(folder, split="train")
    with pytest.raises(FileNotFoundError, match=r"ImageSets/Main/val\.txt\. Received: .* with the splits 'train'"):
        load(folder, split="val")
    (folder / "JPEGImages" / "0001.jpg").unlink()
    with pytest.raises(ValueError, match=r"0001\.xml: image '0001\.jpg' is missing"):
        load(folder, split="train")
