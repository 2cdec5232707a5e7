"""Letterboxing, augmentation and batches: a painted rectangle is found again at its box."""

import keras
import numpy as np
import pytest
from small_sets import BLUE, COCO, RED, paint

from dia_keras.data.picture import read_picture
from dia_keras.detection.data import Example, Letterbox, batches, letterbox, load
from dia_keras.detection.data.augmentation import augmented, flipped

BOX = (16, 8, 48, 24)


def place_of(image, color):
    """Returns the box `(x1, y1, x2, y2)` of the pixels that are nearer to a color than to black."""
    rows, columns = np.nonzero((image.astype(int) * (np.array(color) > 0)).max(-1) > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("size", [(64, 64), (32, 128), (128, 96), (40, 64), (37, 53)])
def test_a_letterboxed_rectangle_is_where_its_box_says(size):
    image, place = letterbox(paint({RED: BOX}, 40, 64), size)
    assert image.shape == (*size, 3) and image.dtype == np.uint8
    box = place.apply(np.array([BOX]))
    assert box.dtype == np.float32
    np.testing.assert_allclose(place_of(image, RED), box[0], atol=0.51)


def test_a_letterboxed_rectangle_is_pixel_exact_at_whole_factors():
    image, place = letterbox(paint({RED: BOX}, 40, 64), (40, 80))
    np.testing.assert_array_equal(image, np.pad(paint({RED: BOX}, 40, 64), ((0, 0), (8, 8), (0, 0))))
    image, place = letterbox(paint({RED: BOX}, 40, 64), (32, 32))
    # Half the size, with 6 black rows above and below.
    assert place == Letterbox((40, 64), (20, 32), (6, 0), (32, 32))
    assert place.apply(np.array([BOX])).tolist() == [[8, 10, 24, 18]]
    assert place_of(image, RED).tolist() == [8, 10, 24, 18]


def test_letterboxing_is_undone_exactly():
    rng = np.random.default_rng(0)
    for _ in range(100):
        original, size = (tuple(map(int, sides)) for sides in rng.integers(1, 2000, (2, 2)))
        place = Letterbox.fit(original, size)
        boxes = (rng.random((20, 4)) * (original[1], original[0], original[1], original[0])).astype(np.float32)
        whole = place.apply([[0, 0, original[1], original[0]]])[0]
        np.testing.assert_array_equal(whole, [*place.offset[::-1], *(place.offset + np.array(place.scaled))[::-1]])
        # What float32 holds of a position in the input, in pixels of the original.
        step = 2**-23 * max(size) * max(original[i] / place.scaled[i] for i in (0, 1))
        np.testing.assert_allclose(place.undo(place.apply(boxes)), boxes, rtol=1e-6, atol=step)
    place = Letterbox.fit((480, 640), (240, 320))
    boxes = np.array([[1.5, 2.25, 301, 400.75]], np.float32)
    np.testing.assert_array_equal(place.undo(place.apply(boxes)), boxes)


def test_letterboxed_pixels_are_those_of_the_path_for_all_pictures(coco, tmp_path):
    path = coco() / "train" / "a.png"
    for size in ((64, 64), (20, 50)):
        np.testing.assert_array_equal(letterbox(read_picture(path), size)[0], read_picture(path, *size, "pad"))


def test_other_arrays_are_refused():
    for image in (np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 0, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"`image` must be uint8 of shape \(height, width, 3\)\. Received: "):
            letterbox(image, (8, 8))


def test_flipping_moves_image_and_boxes_together():
    image, boxes = flipped(paint({RED: (3, 1, 9, 6), BLUE: (20, 2, 40, 30)}), np.array([[3, 1, 9, 6], [20, 2, 40, 30]]))
    assert boxes.tolist() == [[31, 1, 37, 6], [0, 2, 20, 30]]
    assert [place_of(image, color).tolist() for color in (RED, BLUE)] == boxes.tolist()


def test_augmented_rectangles_are_where_their_boxes_say():
    boxes = np.array([[4, 20, 24, 36], [36, 4, 60, 28]], np.float32)
    image = paint({RED: boxes[0].astype(int), BLUE: boxes[1].astype(int)}, 40, 64)
    example = Example(image, boxes, np.array([0, 1]), np.zeros(2, bool), "painted")
    seen = {"flip": 0, "small": 0, "cut": 0}
    for seed in range(60):
        changed, moved, visible = augmented(example, (64, 96), np.random.default_rng(seed))
        assert changed.shape == (64, 96, 3) and changed.dtype == np.uint8 and moved.dtype == np.float32
        for box, part, color in zip(moved, visible, (RED, BLUE), strict=True):
            if part > 0.1:
                np.testing.assert_allclose(place_of(changed, color), box, atol=0.8)
            assert 0 <= part <= 1 + 1e-6
        if (visible > 0.99).all():
            seen["flip"] += moved[0, 0] > moved[1, 0]
            seen["small"] += moved[1, 3] - moved[1, 1] < 24 * 1.4
        seen["cut"] += (visible < 0.9).any()
    assert all(number > 3 for number in seen.values())


@pytest.fixture
def painted(coco):
    def many(content):
        content["images"] = [{**COCO["images"][i % 2], "id": i} for i in range(6)]
        rows = [{**row, "image_id": i} for i in range(6) for row in COCO["annotations"][:2]]
        content["annotations"] = [{**row, "id": i} for i, row in enumerate(rows)]

    return load(coco(many), split="train")


def test_a_batch_has_padded_boxes_and_crowds_apart(painted):
    dataset = batches(painted, batch_size=4, image_size=(60, 80), augment=False, max_boxes=3)
    assert isinstance(dataset, keras.utils.PyDataset) and len(dataset) == 2
    images, targets = dataset[0]
    assert images.shape == (4, 60, 80, 3) and images.dtype == np.uint8
    assert targets["boxes"].shape == (4, 3, 4) and targets["boxes"].dtype == np.float32
    assert targets["classes"].tolist() == [[1, -2, -1]] * 4 and targets["classes"].dtype == np.int32
    np.testing.assert_allclose(targets["boxes"][0], [[8, 12, 28, 28], [40.2, 21.4, 66.8, 41.2], [-1] * 4], rtol=1e-6)
    assert place_of(images[0], RED).tolist() == [8, 12, 28, 28]
    assert len(dataset[1][0]) == 2
    with pytest.raises(IndexError):
        dataset[2]


def test_an_epoch_is_the_same_for_a_run_that_resumes(painted):
    def epochs(start, number):
        dataset = batches(painted, batch_size=2, image_size=(48, 48), augment=True, seed=5)
        dataset.epoch = start
        for _ in range(number):
            yield [dataset[i] for i in range(len(dataset))]
            dataset.on_epoch_end()

    whole, resumed = list(epochs(0, 3)), list(epochs(2, 1))
    for (images, targets), (others, other_targets) in zip(whole[2], resumed[0], strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(targets["boxes"], other_targets["boxes"])
    assert not np.array_equal(whole[1][0][0], whole[2][0][0])
    other = batches(painted, batch_size=2, image_size=(48, 48), augment=True, seed=6)
    assert not np.array_equal(other[0][0], whole[0][0][0])


@pytest.mark.parametrize("workers", [1, 2])
def test_keras_fit_counts_the_epochs_also_where_it_resumes(workers, painted, monkeypatch):
    class Probe(keras.Model):
        def __init__(self):
            super().__init__()
            self.factor = self.add_weight(shape=())

        def call(self, images):
            return {"boxes": self.factor * images[:, :3, 0, :1], "classes": self.factor * images[:, :3, 0, 0]}

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(keras.ops.cast(y["boxes"], "float32")) + keras.ops.mean(y_pred["classes"])

    dataset = batches(painted, batch_size=2, image_size=(8, 8), augment=True, workers=workers)
    read, seen = type(dataset).__getitem__, []
    monkeypatch.setattr(type(dataset), "__getitem__", lambda self, i: (seen.append((self.epoch, i)), read(self, i))[1])
    model = Probe()
    model.compile("sgd")
    model.fit(dataset, initial_epoch=3, epochs=5, verbose=0, shuffle=False, callbacks=[dataset.epoch_callback()])
    # Before the first epoch, Keras looks at the shapes of some batches, and may read the others.
    assert {epoch for epoch, _ in seen} <= {0, 3, 4}
    assert sorted(seen)[-6:] == [(3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2)]


def test_of_too_many_boxes_the_largest_are_taken(painted):
    with pytest.warns(UserWarning, match=r"6 images have more than max_boxes=1 boxes"):
        dataset = batches(painted, batch_size=2, image_size=(60, 80), augment=False, max_boxes=1)
    # 13.3 x 9.9 pixels, a crowd, against 10 x 8.
    assert dataset[0][1]["classes"].tolist() == [[-2], [-2]]


def test_arguments_of_batches_out_of_range_are_errors(painted):
    good = {"batch_size": 2, "image_size": (8, 8), "augment": True}
    with pytest.raises(ValueError, match=r"`batch_size` must be a positive integer\. Received: batch_size=0"):
        batches(painted, **{**good, "batch_size": 0})
    with pytest.raises(ValueError, match=r"`image_size` must be \(height, width\).* Received: image_size=8"):
        batches(painted, **{**good, "image_size": 8})
    with pytest.raises(ValueError, match=r"`augment` must be a bool\. Received: augment=1"):
        batches(painted, **{**good, "augment": 1})
    with pytest.raises(ValueError, match=r"`seed` must be an integer of at least 0\. Received: seed=-1"):
        batches(painted, **good, seed=-1)
    with pytest.raises(ValueError, match=r"`batch_size` must be at most .* Received: batch_size=7, with 6 images"):
        batches(painted, **{**good, "batch_size": 7})
    message = r"`image_size` must be so small .* Received: 2 images of 1000000x2000000, which take 12,000\.0 GB"
    with pytest.raises(ValueError, match=message):
        batches(painted, **{**good, "image_size": (1000000, 2000000)})
