"""The networks that read a made data set's attributes, and how they are trained."""

from __future__ import annotations

from pathlib import Path

from gancourse import data
from gancourse.files import CourseError
from gancourse.metrics import attribute_cnn, sentences

READERS = {"scenes": "scene-cnn", "portraits": "portrait-cnn"}  # data set -> published network


def train_reader(folder: str | Path, name: str, *, seed: int = 0) -> Path:
    """Train and publish the network that reads a data set's attributes.

    It learns from the split "judge", which no game learns from. Some minutes on one CPU core.

    Args:
        name: of the data set, "scenes" or "portraits".

    Returns:
        The path of its weights.

    Raises:
        CourseError: another name, or the folder cannot be written.
    """
    if name not in READERS:
        raise CourseError(f"name={name!r}: no reader for it; choose one of: {', '.join(READERS)}.")
    learned, test = (data.load(name, split) for split in ("judge", "test"))
    values = {attribute: len(words) for attribute, words in learned.words.items()}
    cnn = attribute_cnn.fit(learned["image"], learned["facts"], values, seed=seed)
    read = sentences.by_attribute(cnn.read(test["image"]), test["facts"], list(values))
    return attribute_cnn.publish(folder, cnn, {"seed": seed, "data": name, "test_accuracy": read})
