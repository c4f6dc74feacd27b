"""The training room: the loop, exact checkpoints, the record of a run, and the hardware it ran
on.
"""

from gancourse.training.hardware import Machine
from gancourse.training.loop import train
from gancourse.training.record import Record, read_metrics
from gancourse.training.run import Progress

__all__ = ["Machine", "Progress", "Record", "read_metrics", "train"]
