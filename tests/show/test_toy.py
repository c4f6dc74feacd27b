"""Points in the plane: drawn where they are, counted when they are not in sight."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import show
from gancourse.files import CourseError

ANGLES = np.arange(8) * math.pi / 4
CENTRES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
REAL = np.repeat(CENTRES, 4, 0)


def labels(axes):
    return [collection.get_label() for collection in axes.collections]


def test_scatter_draws_real_generated_and_centres():
    fake = torch.randn(16, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    plate = show.scatter(REAL, fake, centres=CENTRES, caption="Look.")
    (axes,) = plate.axes
    assert labels(axes) == ["real", "generated", "centre"]
    np.testing.assert_allclose(axes.collections[1].get_offsets(), fake.detach())
    assert axes.get_aspect() == 1 and axes.get_xlim() == axes.get_ylim() == pytest.approx(
        (-2.4, 2.4)
    )
    assert "16 generated" in plate.alt and "Look." in plate.alt


def test_points_outside_are_counted():
    fake = np.array([[0, 0], [9, 0], [0, -9], [np.nan, 0]])
    (axes,) = show.scatter(REAL, fake).axes
    assert [text.get_text() for text in axes.texts] == ["3 outside"]
    assert not show.scatter(REAL, fake[:1]).axes[0].texts


def test_chase_has_a_panel_for_each_frame_on_one_scale():
    plate = show.chase([(step, REAL * step / 1000) for step in (0, 100, 1000, 5000)], REAL)
    seen = [axes for axes in plate.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in seen] == [
        "step 0",
        "step 100",
        "step 1,000",
        "step 5,000",
    ]
    assert len({axes.get_xlim() for axes in seen}) == 1
    assert [axes.get_xlabel() for axes in seen] == ["", "", "", "32 outside"]
    assert plate.png()


def test_field_shows_the_probability():
    def discriminator(points):  # certain on the right, sure of the contrary on the left
        assert points.dtype == torch.float32 and not torch.is_grad_enabled()
        return points[:, 0] * 1000

    plate = show.field(discriminator, (-1, 1, -2, 2), real=CENTRES, resolution=20)
    probability = plate.axes[0].images[0].get_array()
    assert probability[:, 0].max() < 0.001 and probability[:, -1].min() > 0.999
    above = show.field(lambda points: points[:, 1:] * 1000, (-1, 1, -2, 2), resolution=20)
    pixels = np.asarray(Image.open(io.BytesIO(above.png())).convert("RGB")).astype(int)
    place = above.axes[0].get_window_extent()
    column, height = int(place.x0 + place.width / 2), len(pixels)
    top, bottom = (
        pixels[height - int(place.y0 + share * place.height), column] for share in (0.9, 0.1)
    )
    assert top[2] > top[0] and bottom[0] > bottom[2]  # blue, believed, above; orange below
    assert "probability" in plate.axes[1].get_xlabel()
    assert plate.png()


def test_field_of_a_network_on_a_constant_is_drawn_without_warning():
    assert show.field(
        lambda points: torch.zeros(len(points), 1), (-1, 1, -1, 1), resolution=8
    ).png()


@pytest.mark.parametrize("wrong", [np.zeros((4, 3)), np.zeros(4), np.zeros((0, 2))])
def test_wrong_points_are_refused(wrong):
    with pytest.raises(CourseError, match=rf"{wrong.shape[0]}.*\(N, 2\)"):
        show.scatter(REAL, wrong)


def test_frames_and_logits_that_do_not_fit_are_refused():
    with pytest.raises(CourseError, match=r"frames=\[\]: "):
        show.chase([], REAL)
    with pytest.raises(CourseError, match=r"\(100, 2\) for 100 points"):
        show.field(lambda points: points, (-1, 1, -1, 1), resolution=10)


def test_alternative_texts_say_what_is_drawn():
    far = np.concatenate([REAL, [[99.0, 0.0]]])
    assert "1 of them outside the frame" in show.scatter(REAL, far).alt
    assert show.chase([(0, far), (1000, REAL)], REAL).alt == (
        "2 panels of real points as rings and generated ones as dots: "
        "step 0 with 1 outside the frame, step 1,000."
    )
    plate = show.field(lambda x: 0 * x[:, 0] + 99, (-1, 1, -1, 1), real=REAL, caption="Sure.")
    assert plate.alt == (
        "Map of the discriminator's probability that a point is real, from 1.00 to 1.00; "
        "on average 1.00 at the real points. Sure."
    )
