"""Transfer learning as a user writes it: pneumonia in chest X-rays, from CIFAR-100 weights.

    python examples/chest_xray.py PATH/chest_xray    # needs TensorFlow, which reads the images, on every backend

PATH/chest_xray has the folders train and test, with NORMAL and PNEUMONIA in each (Kermany et al. 2018, the paper's
section 5.3). A tenth of the training images is held out to watch the training; the test set is read once, at the end.

`examples/chest_xray.txt` is what it printed with the zoo's weights and the defaults: a test accuracy of 84.9%. The
paper's Table 9 has, from scratch, 81.4% for ResNet50 and 89.2% with DIA-LSTM.
"""

import argparse
import pathlib

import keras
import numpy as np

import dia_keras

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--entry", default="dia_resnet20_cifar100")
parser.add_argument("--size", type=int, default=64, help="height and width of the images")
parser.add_argument("--epochs", type=int, default=4)
arguments = parser.parse_args()

keras.utils.set_random_seed(0)
size = (arguments.size, arguments.size)
train, held_out = keras.utils.image_dataset_from_directory(
    arguments.folder / "train", image_size=size, batch_size=64, validation_split=0.1, subset="both", seed=0
)
test = keras.utils.image_dataset_from_directory(
    arguments.folder / "test", image_size=size, batch_size=64, shuffle=False
)

# Three of four training images show pneumonia: both classes get the same weight.
counts = np.bincount(np.concatenate([labels for _, labels in train.as_numpy_iterator()]))
class_weight = dict(enumerate(counts.sum() / (len(counts) * counts)))

model = dia_keras.zoo.load(arguments.entry, num_classes=2, input_shape=(*size, 3))
steps = arguments.epochs * len(train)
model.compile(
    keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3, steps), weight_decay=1e-2),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,
)
model.fit(train, validation_data=held_out, epochs=arguments.epochs, class_weight=class_weight, verbose=2)

labels = np.concatenate([labels for _, labels in test.as_numpy_iterator()])
right = model.predict(test, verbose=0).argmax(-1) == labels
print(f"test accuracy: {right.mean():.1%} of {len(labels)} images")
for label, name in enumerate(test.class_names):
    print(f"  {name}: {right[labels == label].mean():.1%}")
