"""The chapters, in one table.

A new chapter is a row here, and files of its own that bear its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gancourse.files import CourseError

if TYPE_CHECKING:  # a list of chapters answers without torch
    from gancourse.recipe import Recipe


@dataclass(frozen=True)
class Chapter:
    """One paper.

    Attributes:
        title: of the paper, or of what it introduced.
        forms: of its Config, the default first; known here, so that they are listed without torch.
        module: where its Config and its game are.
        protocol: where the module is that measures its samples, with a `PROTOCOL`.
        builds_on: earlier chapters whose module it may import.
    """

    title: str
    forms: tuple[str, ...]
    module: str
    protocol: str
    builds_on: tuple[str, ...] = ()

    @property
    def config(self) -> type[Recipe]:
        return import_module(self.module).Config


def row(name: str, title: str, forms: str, *builds_on: str) -> Chapter:
    homes = f"gancourse.chapters.{name}", f"gancourse.evaluation.{name}"
    return Chapter(title, tuple(forms.split()), *homes, builds_on)


CHAPTERS: dict[str, Chapter] = {
    "gan": row("gan", "Generative adversarial nets", "dcgan paper mlp toy"),
    "cgan": row("cgan", "Conditional generative adversarial nets", "conv paper", "gan"),
    "infogan": row(
        "infogan", "InfoGAN: interpretable representation learning", "digits faces sprites", "gan"
    ),
    "stackgan": row(
        "stackgan", "StackGAN: text to pictures in two stages", "stage1 stage2 words free"
    ),
    "srgan": row("srgan", "SRGAN: photo-realistic single image super-resolution", "srresnet srgan"),
    "pix2pix": row("pix2pix", "Pix2Pix: image-to-image translation", "unet encoder-decoder"),
}
# command -> the published model that it works with by default
STUDIO = {"draw": "stackgan", "colour": "pix2pix", "upscale": "srgan"}
ANY_WORDS = "stackgan-free"  # the published encoder of words that a vocabulary lacks


def chapter(name: str | None) -> Chapter:
    """The row of a chapter.

    Raises:
        CourseError: there is no such chapter.
    """
    if name not in CHAPTERS:
        raise CourseError(f"chapter={name}: not known; choose one of: {', '.join(CHAPTERS)}.")
    return CHAPTERS[name]


def protocol(name: str) -> Any:
    """How a chapter's samples are measured: its `gancourse.evaluation.Protocol`."""
    return import_module(chapter(name).protocol).PROTOCOL


def configure(settings: Mapping[str, Any]) -> Recipe:
    """The Config that a run's config.json holds.

    Raises:
        CourseError: it names no chapter of this version, or holds a value that is not allowed.
    """
    return chapter(settings.get("chapter")).config.of(settings)
