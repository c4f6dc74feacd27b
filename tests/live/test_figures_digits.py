"""The live figures of chapters 1 to 3: what their captions say is so, and their data fit the networks."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gancourse import models
from gancourse.data import digits, faces
from gancourse.evaluation.infogan import code_table
from gancourse.layers import uniform_latents
from gancourse.live.figures import cgan as hands
from gancourse.live.figures import figure, found
from gancourse.live.figures import infogan as knobs
from gancourse.metrics.codes import auc, best_code, matched, spearman
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.handwriting import slant, stroke_width

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("walk", "handwriting", "clothes", "codes", "faces")
EDGES = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def page(name: str) -> str:
    """A notebook's Markdown, with single spaces."""
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return " ".join(" ".join(texts).split())


# --- all of them


@pytest.mark.parametrize("name", NAMES)
def test_data_are_the_same_every_time_and_small(name):
    first, again = (json.dumps(figure(name).data()) for _ in range(2))
    assert first == again
    assert len(first) < 8_000


@pytest.mark.parametrize("name", NAMES)
def test_stills_are_the_same_every_time_and_have_words(name):
    first, again = (figure(name).still() for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert 700 < first.width < 900
    assert len(figure(name).alt) > 80


def test_a_shared_script_is_that_of_another_figure():
    for name in found():
        assert figure(name).script in ("", *found())


# --- chapter 1: walk


def test_the_first_digits_are_latents_of_the_network():
    data = figure("walk").data()
    latents = torch.tensor(data["latents"])
    assert latents.shape == (8, models.load("gan").config.latent)
    assert data["start"] != data["end"]
    read = judge().labels(models.load("gan").sample(latent=latents))
    assert len(read.unique()) >= 5
    assert read[data["start"]] != read[data["end"]]


# --- chapter 2: handwriting and clothes


def many(count: int = 60) -> torch.Tensor:
    """Other latents than those that the axes were found from."""
    return uniform_latents(count, 100, torch.Generator().manual_seed(11)).double()


def drawn(name: str, latents: torch.Tensor) -> torch.Tensor:
    """Each latent (N, 10, 100) with its label: the ten labels in turn."""
    game, label = models.load(hands.HANDS[name].model), torch.arange(10).repeat(len(latents))
    return game.sample(latent=latents.flatten(0, 1), label=label)


def at(name: str, place: tuple[float, float]) -> torch.Tensor:
    return drawn(name, hands.moved(name, many(), *place))


def by_label(values: torch.Tensor) -> torch.Tensor:
    """The mean for each label, (10,)."""
    return values.view(-1, 10).mean(0)


@pytest.mark.parametrize("name", hands.HANDS)
def test_axes_have_length_one_and_the_middle_has_nothing_along_them(name):
    axes = hands.axes(name)
    torch.testing.assert_close(axes.norm(dim=2), torch.ones(10, 2).double())
    assert torch.einsum("nkd,kad->nka", hands.neutral(name, many()), axes).abs().max() < 1e-6


@pytest.mark.parametrize(("name", "pairs"), [("handwriting", 1), ("clothes", 10)])
def test_the_page_gets_the_axes_in_bytes(name, pairs):
    data = figure(name).data()
    whole = np.frombuffer(base64.b64decode(data["axes"]), np.int8)
    axes = data["finest"] * torch.tensor(whole.astype(float)).view(pairs, 2, 100)
    torch.testing.assert_close(
        axes.expand(10, -1, -1), hands.axes(name), atol=data["finest"], rtol=0
    )
    assert data["latent"] == pytest.approx(hands.start(name)[0].tolist(), abs=1e-4)
    assert len(data["labels"]) == 10


def test_slant_and_ink_are_at_right_angles():
    first, second = hands.axes("handwriting")[0]
    assert abs(first @ second) < 0.05


def test_no_latent_leaves_the_box_of_the_prior():
    for place in CORNERS:
        assert hands.moved("clothes", many(), *place).abs().max() <= 1


def test_all_ten_lean_and_thicken_by_what_the_caption_says():
    left, right, thin, thick = (at("handwriting", place) for place in EDGES)
    text = page("02_cgan.ipynb")
    assert "from leaning 29° to the left to 38° to the right" in text
    leans = [slant(pictures).mean().item() for pictures in (left, right)]
    assert leans == pytest.approx([-29, 38], abs=1)
    assert "from 6 % ink to 26 %" in text
    inks = [hands.ink(pictures).mean().item() for pictures in (thin, thick)]
    assert inks == pytest.approx([6, 26], abs=0.5)
    assert (by_label(slant(right)) - by_label(slant(left))).min() > 50
    assert (by_label(hands.ink(thick)) / by_label(hands.ink(thin))).min() > 2.5


@pytest.mark.slow
def test_the_label_stays_and_is_misread_for_one_in_thirteen_at_the_corners():
    def misread(place):
        read = judge().labels(at("handwriting", place))
        return (read != torch.arange(len(read)) % 10).double().mean().item()

    assert misread((0, 0)) < 0.03
    assert all(misread(place) < 0.06 for place in EDGES)
    assert np.mean([misread(place) for place in CORNERS]) == pytest.approx(1 / 13, abs=0.02)


@pytest.mark.parametrize("name", hands.HANDS)
def test_each_axis_moves_its_own_measure_in_every_label(name):
    z = many().repeat(5, 1)
    place = 2 * torch.rand(len(z), 2, generator=torch.Generator().manual_seed(1)).double() - 1
    moved = [hands.moved(name, each[None], *to) for each, to in zip(z, place.tolist(), strict=True)]
    pictures = drawn(name, torch.cat(moved))
    own, others = [], []
    for axis, measure in enumerate(hands.HANDS[name].measures.values()):
        for values in measure(pictures).view(-1, 10).T:
            own.append(np.corrcoef(place[:, axis], values)[0, 1])
            others.append(abs(np.corrcoef(place[:, 1 - axis], values)[0, 1]))
    ends = {"clothes": (0.59, 0.91), "handwriting": (0.84, 0.98)}
    assert (min(own), max(own)) == pytest.approx(ends[name], abs=0.01)
    said = "the correlations are 0.59 to 0.91 for clothes, and 0.84 to 0.98 for digits"
    assert said in page("02_cgan.ipynb")
    assert max(others) < 0.4


def test_size_and_brightness_of_a_drawn_square():
    picture = torch.full((1, 1, 28, 28), -1.0)
    picture[..., 7:21, 7:21] = 0.0
    assert hands.size(picture).item() == pytest.approx(25)
    assert hands.brightness(picture).item() == pytest.approx(50)
    assert hands.ink(picture).item() == pytest.approx(12.5)
    assert hands.brightness(torch.full((1, 1, 28, 28), -1.0)).item() == 0


# --- chapter 3: codes and faces


def test_there_is_a_control_for_every_code():
    for name, each in knobs.KNOBS.items():
        config, data = models.load(each.model).config, figure(name).data()
        assert [len(code["values"]) for code in data["categories"]] == list(config.categories)
        assert len(data["codes"]) == config.continuous
        assert np.array(data["noise"]).shape == (knobs.PICTURES, config.latent)


@pytest.mark.slow
def test_categories_have_the_names_that_matching_gives():
    some = digits.load("train", source="bundled").take(2_000, 0)
    found = models.load("infogan").infer(some["image"])[0][0].argmax(1)
    names = "".join(str(digit) for digit in matched(found, some["label"]).tolist())
    ((_, values),) = knobs.KNOBS["codes"].categories
    assert "".join(values) == names


def test_the_digits_codes_are_slant_and_stroke_width():
    values = 2 * torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) - 1
    assert list(knobs.KNOBS["codes"].codes) == ["slant, right to left", "pen, thick to thin"]
    for code, measure in enumerate((slant, stroke_width)):
        found = []
        for category in (0, 4, 7):
            pictures = models.load("infogan").sample(category=[category], continuous=values, seed=0)
            found.append(spearman(values[:, code], measure(pictures)))
        assert max(found) < -0.75


@pytest.mark.slow
def test_the_faces_codes_are_named_after_what_they_separate():
    game = models.load("infogan-faces")
    people = {split: faces.load(split) for split in ("train", "test")}
    learn, held_out = people["train"].take(2_000, 0), people["test"]
    on_train, names = code_table(game, learn["image"])
    on_test, _ = code_table(game, held_out["image"])
    for attribute, code, area in (
        ("glasses", "category 0 = 1", 0.944),
        ("hat", "category 1 = 1", 0.783),
        ("hair_length", "category 1 = 1", 0.754),
    ):
        best = best_code(on_train, learn[attribute], names)
        assert best["code"] == code
        reached = auc(best["direction"] * on_test[:, best["column"]], held_out[attribute])
        assert reached == pytest.approx(area, abs=0.02)


def test_the_faces_codes_for_colours_are_named_after_what_they_change():
    game, dice = models.load("infogan-faces"), torch.Generator().manual_seed(0)
    values = torch.rand(400, 8, generator=dice) * 2 - 1
    for category in ([0, 0], [1, 0], [0, 1], [1, 1]):
        kinds = torch.tensor(category).expand(400, -1)
        pictures = game.sample(category=kinds, continuous=values, seed=0)
        shirt = pictures[:, :, 28:, 8:24].mean((2, 3))
        skin = pictures[:, :, 18:23, 12:20].mean((1, 2, 3))
        assert spearman(values[:, 4], shirt[:, 2] - shirt[:, 0]) > 0.8  # from red to blue
        assert spearman(values[:, 2], skin) < -0.5  # darker


def test_noise_alone_still_changes_a_face():
    game = models.load("infogan-faces")
    alike = game.sample(200, category=[0, 0], continuous=[0.0] * 8, seed=0)
    mixed = game.sample(200, seed=0)
    spread = [pictures.std(0).square().mean().sqrt().item() for pictures in (alike, mixed)]
    assert 0.5 * spread[1] < spread[0] < 0.75 * spread[1]
