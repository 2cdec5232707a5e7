"""Networks and images that the tests share."""

import numpy as np
import pytest
from small_networks import small


@pytest.fixture(scope="session")
def dia():
    return small(attention="dia_lstm")


@pytest.fixture(scope="session")
def plain():
    return small()


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")
