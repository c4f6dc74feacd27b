"""Chapter 3's network in live figures."""

from __future__ import annotations

from gancourse.live.figures.front import front

FIGURES = {"front": front("infogan")}
