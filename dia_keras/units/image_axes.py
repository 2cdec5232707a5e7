"""Where the channels of a batch of images are."""

import keras


def image_axes(data_format: str | None = None) -> tuple[str, int, tuple[int, int]]:
    """Returns the data format (Keras' own for `None`), the axis of the channels and the two spatial axes."""
    data_format = data_format or keras.config.image_data_format()
    if data_format == "channels_last":
        return data_format, -1, (1, 2)
    if data_format == "channels_first":
        return data_format, 1, (2, 3)
    raise ValueError(
        f"`data_format` must be 'channels_last' or 'channels_first'. Received: data_format={data_format!r}"
    )
