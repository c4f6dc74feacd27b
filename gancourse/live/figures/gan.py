"""Chapter 1's live figures."""

from __future__ import annotations

from PIL import Image

from gancourse.live.figures import Figure


def ring_still() -> Image.Image:
    return Image.new("RGB", (720, 360), "white")


FIGURES = {"ring": Figure(still=ring_still, alt="A ring of eight clusters.")}
