"""The training room: the loop, exact checkpoints, the record of a run, and the hardware it ran on."""

from gancourse.training.loop import Progress, train
from gancourse.training.record import Record, read_metrics

__all__ = ["Progress", "Record", "read_metrics", "train"]
