from __future__ import annotations

import pytest

from gancourse.data import digits


@pytest.fixture(scope="session")
def test_digits():
    """The bundled test digits: pictures (2000, 1, 28, 28) uint8, labels (2000,)."""
    pictures = digits.load("test", source="bundled")
    return pictures["image"], pictures["label"]
