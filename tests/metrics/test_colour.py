from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from sklearn.metrics import accuracy_score, balanced_accuracy_score, jaccard_score

from gancourse.data import emoji
from gancourse.files import CourseError
from gancourse.metrics import colour
from gancourse.metrics.colour import (
    colour_scores,
    coloured_accuracy,
    colourfulness,
    covered,
    lab,
    lab_histogram_intersection,
    palette,
    quantise,
    segmentation_scores,
)
from gancourse.metrics.floors import filled

WHITE, BLACK, RED, GREEN, BLUE, YELLOW = (
    [255, 255, 255],
    [0, 0, 0],
    [234, 90, 71],
    [92, 158, 49],
    [97, 178, 226],
    [252, 234, 43],
)
COLOURS = torch.tensor([WHITE, BLACK, RED, GREEN, BLUE, YELLOW], dtype=torch.uint8)


def paint(*patches, side=8):
    """A white picture (1, 3, side, side) with patches (rows, columns, colour)."""
    picture = torch.full((1, 3, side, side), 255, dtype=torch.uint8)
    for rows, columns, rgb in patches:
        picture[0, :, rows, columns] = torch.tensor(rgb, dtype=torch.uint8)[:, None, None]
    return picture


def noise(*shape, seed=0):
    return torch.randint(
        256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )


def classes(*shape, seed=0, count=6):
    return torch.randint(count, shape, generator=torch.Generator().manual_seed(seed))


def rows(pictures):
    return pictures.permute(0, 2, 3, 1).numpy()


# --- palette


def test_the_commonest_colours_come_first():
    picture = paint(
        (slice(0, 2), slice(0, 8), RED),
        (slice(4, 7), slice(0, 8), BLUE),
        (slice(2, 4), slice(0, 2), GREEN),
    )
    assert palette(picture, 4).tolist() == [BLUE, WHITE, RED, GREEN]
    assert palette(picture, 2).tolist() == [BLUE, WHITE]
    assert palette(torch.cat([picture, paint(), paint()]), 1).tolist() == [WHITE]


def test_mixed_colours_of_edges_are_no_palette():
    """The mixed column is commoner than the green patch, and yet not painted."""
    mixed = [244, 172, 163]
    picture = paint(
        (slice(0, 8), slice(0, 3), RED),
        (slice(0, 8), slice(3, 4), mixed),
        (slice(0, 2), slice(6, 8), GREEN),
    )
    assert palette(picture, 3).tolist() == [WHITE, RED, GREEN]
    with pytest.raises(CourseError, match="size=4: 1 pictures with 3 painted"):
        palette(picture, 4)


def test_a_mixed_colour_that_once_makes_a_square_is_not_painted():
    lines = [(slice(0, 16), slice(column, column + 1), [128, 128, 128]) for column in (4, 6, 8, 10)]
    picture = paint(
        *lines,
        (slice(0, 2), slice(4, 6), [128, 128, 128]),
        (slice(12, 16), slice(12, 16), RED),
        side=16,
    )
    assert palette(picture, 2).tolist() == [WHITE, RED]


def test_thin_black_strokes_are_a_colour():
    picture = paint((slice(0, 8), slice(2, 3), BLACK), (slice(0, 2), slice(6, 8), RED))
    assert palette(picture, 3).tolist() == [WHITE, BLACK, RED]


def test_equally_common_colours_have_an_order():
    patches = (
        (slice(0, 2), slice(0, 2), RED),
        (slice(2, 4), slice(4, 6), BLUE),
        (slice(4, 6), slice(0, 2), GREEN),
    )
    for order in (patches, patches[::-1]):
        assert palette(paint(*order), 4).tolist() == [WHITE, GREEN, BLUE, RED]


def test_covered_counts_exact_colours():
    picture = paint((slice(0, 2), slice(0, 8), RED), (slice(2, 3), slice(0, 8), [234, 90, 72]))
    assert covered(picture, COLOURS) == 1 - 8 / 64
    assert covered(picture, COLOURS[:2]) == 1 - 24 / 64


# --- Lab and classes


def test_lab_is_that_of_scikit_image():
    pictures = noise(4, 3, 16, 16)
    pictures[0, :, 0] = torch.arange(16, dtype=torch.uint8)  # the straight part near black
    assert np.abs(lab(pictures).permute(0, 2, 3, 1).numpy() - rgb2lab(rows(pictures))).max() < 0.02
    grey = lab(torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256))
    assert grey[:, 1:].abs().max() < 1e-3
    assert grey[0, 0, 0, [0, 255]].tolist() == pytest.approx([0, 100], abs=1e-3)


def test_every_pixel_has_its_nearest_colour():
    pictures = noise(3, 3, 24, 24)
    far = rgb2lab(rows(pictures))[..., None, :] - rgb2lab(COLOURS.numpy())
    distance = (far**2).sum(-1)
    nearest = torch.from_numpy(distance.argmin(-1))
    sure = torch.from_numpy(
        np.diff(np.sort(distance), axis=-1)[..., 0] > 1
    )  # a tie may go either way
    found = quantise(pictures, COLOURS)
    assert found.shape == (3, 24, 24) and found.dtype == torch.int64
    assert sure.float().mean() > 0.98 and (found == nearest)[sure].all()
    in_rgb = (
        ((rows(pictures)[..., None, :].astype(float) - COLOURS.numpy()) ** 2).sum(-1).argmin(-1)
    )
    assert (found.numpy() != in_rgb).mean() > 0.1


def test_a_palettes_colours_are_their_own_classes():
    colours = noise(256, 3).unique(dim=0)[
        torch.randperm(256, generator=torch.Generator().manual_seed(1))
    ]
    found = quantise(colours.T[None, :, :, None], colours)
    assert found.flatten().tolist() == list(range(256))


def test_pictures_are_quantised_in_parts(monkeypatch):
    pictures = noise(5, 3, 8, 8)
    whole = (
        quantise(pictures, COLOURS),
        colourfulness(pictures),
        lab_histogram_intersection(pictures, pictures[:2]),
    )
    monkeypatch.setattr(colour, "PIXELS", 2 * 64)
    parts = (
        quantise(pictures, COLOURS),
        colourfulness(pictures),
        lab_histogram_intersection(pictures, pictures[:2]),
    )
    assert (
        torch.equal(whole[0], parts[0]) and torch.equal(whole[1], parts[1]) and whole[2] == parts[2]
    )


def test_floats_and_greys_are_pictures_too():
    pictures = noise(2, 3, 8, 8)
    assert torch.equal(quantise(pictures / 127.5 - 1, COLOURS), quantise(pictures, COLOURS))
    grey = noise(2, 1, 8, 8)
    assert torch.equal(quantise(grey, COLOURS), quantise(grey.expand(-1, 3, -1, -1), COLOURS))


# --- segmentation scores


@pytest.mark.parametrize("seed", range(3))
def test_segmentation_scores_are_those_of_scikit_learn(seed):
    """Class 6 is never predicted, class 7 is in neither, class 5 not in the truth."""
    truth, predicted = classes(3, 9, 9, seed=seed, count=5), classes(3, 9, 9, seed=seed + 9)
    truth[0, 0, 0] = 6
    found = segmentation_scores(predicted, truth, 8)
    flat = truth.flatten().numpy(), predicted.flatten().numpy()
    assert found["per_pixel"] == pytest.approx(accuracy_score(*flat))
    assert found["class_iou"] == pytest.approx(
        jaccard_score(*flat, labels=truth.unique().numpy(), average="macro")
    )
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert found["per_class"] == pytest.approx(balanced_accuracy_score(*flat))


def test_segmentation_scores_by_hand():
    """Truth: 6 white, 2 red. White is right 5 times, red once; one white became red, one red became
    white.
    """
    truth = torch.tensor([[[0, 0, 0, 0], [0, 0, 2, 2]]])
    predicted = torch.tensor([[[0, 0, 0, 0], [0, 2, 0, 2]]])
    found = segmentation_scores(predicted, truth, 3)
    assert found == pytest.approx(
        {"per_pixel": 6 / 8, "per_class": (5 / 6 + 1 / 2) / 2, "class_iou": (5 / 7 + 1 / 3) / 2}
    )
    assert segmentation_scores(truth, truth, 3) == {"per_pixel": 1, "per_class": 1, "class_iou": 1}


def test_draws_are_counted_together():
    truth, draws = classes(2, 5, 5), classes(3, 2, 5, 5, seed=1)
    found = segmentation_scores(draws, truth, 6)
    assert found == pytest.approx(
        segmentation_scores(draws.flatten(0, 1), truth.repeat(3, 1, 1), 6)
    )


# --- where colour is needed


def test_only_the_region_that_needs_colour_counts():
    line_art = torch.tensor([[[0, 0, 1, 0]], [[0, 0, 0, 0]]])
    truth = torch.tensor([[[2, 3, 1, 0]], [[4, 0, 0, 0]]])
    predicted = torch.tensor([[[2, 2, 5, 5]], [[4, 5, 5, 5]]])
    found = coloured_accuracy(predicted, truth, line_art)
    assert found["inside"] == pytest.approx(2 / 3)
    assert found["region"] == 3 / 8
    assert found["inside_best"] is None
    assert found["pictures"].tolist() == [[0.5, 1]]
    assert coloured_accuracy(truth, truth, line_art)["inside"] == 1
    assert coloured_accuracy(line_art, truth, line_art)["inside"] == 0


def test_the_best_draw_is_each_pictures_own():
    """Pictures with 2 and 3 pixels to colour; draw 0 is best for one, draw 1 for the other, draw 2
    for none.
    """
    line_art, truth = (
        torch.zeros(2, 1, 4, dtype=torch.int64),
        torch.tensor([[[2, 2, 0, 0]], [[3, 3, 3, 0]]]),
    )
    draws = torch.tensor(
        [
            [[[2, 2, 2, 2]], [[2, 2, 2, 2]]],
            [[[3, 3, 3, 3]], [[3, 3, 4, 4]]],
            [[[0] * 4], [[3, 0, 0, 0]]],
        ]
    )
    found = coloured_accuracy(draws, truth, line_art)
    assert found["pictures"].flatten().tolist() == pytest.approx([1, 0, 0, 2 / 3, 0, 1 / 3])
    assert found["inside_best"] == pytest.approx((2 + 2) / 5)
    assert found["inside"] == pytest.approx((2 + 2 + 1) / 15)


def test_a_picture_without_colour_has_no_accuracy():
    line_art = torch.zeros(2, 2, 2, dtype=torch.int64)
    truth = torch.stack([line_art[0], line_art[0] + 3])
    found = coloured_accuracy(truth, truth, line_art)
    assert found["pictures"].isnan().tolist() == [[True, False]]
    assert found["inside"] == 1
    with pytest.raises(CourseError, match="line_art: .* in all 2 pictures"):
        coloured_accuracy(truth, line_art, line_art)


# --- histograms


def test_histograms_are_those_of_numpy():
    """Bins 4 wide, one of them centred on 0."""
    pictures, truth = noise(3, 3, 8, 8), noise(2, 3, 12, 12, seed=1) // 2
    edges = np.arange(-130, 131, 4.0)
    found = lab_histogram_intersection(pictures, truth)
    for channel, name in enumerate("Lab"):
        shares = [
            np.histogram(rgb2lab(rows(x))[..., channel], edges)[0] / x[:, 0].numel()
            for x in (pictures, truth)
        ]
        assert found[name] == pytest.approx(np.minimum(*shares).sum(), abs=0.01)
    assert list(found) == ["L", "a", "b"]
    assert 0.3 < found["L"] < 0.9


def test_histograms_overlap_by_hand():
    half = paint((slice(0, 8), slice(0, 4), RED))
    assert lab_histogram_intersection(half, paint()) == pytest.approx(
        {"L": 0.5, "a": 0.5, "b": 0.5}
    )
    assert lab_histogram_intersection(half, half.flip(-1)) == {
        "L": 1,
        "a": 1,
        "b": 1,
    }  # blind to place
    assert lab_histogram_intersection(half, torch.cat([half, half])) == {"L": 1, "a": 1, "b": 1}
    grey = torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256)
    assert lab_histogram_intersection(grey, paint()) == pytest.approx(
        {"L": 6 / 256, "a": 1, "b": 1}
    )  # L from 98 on
    assert lab_histogram_intersection(paint(), 0 * paint())["L"] == 0
    yellow, nearly = (paint((slice(0, 8), slice(0, 4), rgb)) for rgb in (YELLOW, [251, 233, 44]))
    assert lab_histogram_intersection(yellow, nearly) == {"L": 1, "a": 1, "b": 1}


# --- colourfulness


def test_colourfulness_by_hand():
    red, green = [255, 0, 0], [0, 255, 0]
    flat, halves = (
        paint((slice(0, 8), slice(0, 8), red)),
        paint((slice(0, 8), slice(0, 4), red), (slice(0, 8), slice(4, 8), green)),
    )
    found = colourfulness(torch.cat([flat, halves, paint(), 0 * paint()]))
    assert found.tolist() == pytest.approx(
        [0.3 * (255**2 + 127.5**2) ** 0.5, 255 + 0.3 * 127.5, 0, 0]
    )
    assert found.dtype == torch.float64


def test_colourfulness_is_the_papers_formula():
    pictures = noise(3, 3, 7, 7)
    for picture, found in zip(rows(pictures).astype(float), colourfulness(pictures), strict=True):
        r, g, b = picture.reshape(-1, 3).T
        rg, yb = r - g, 0.5 * (r + g) - b
        spread, mean = np.hypot(rg.std(), yb.std()), np.hypot(rg.mean(), yb.mean())
        assert found.item() == pytest.approx(spread + 0.3 * mean)


# --- all of it


@pytest.fixture
def pairs():
    """(line art (3, 1, 8, 8), targets (3, 3, 8, 8)): a black frame, filled red, green or blue."""
    frame = paint((slice(1, 7), slice(1, 7), BLACK), (slice(2, 6), slice(2, 6), WHITE))
    filled = [(slice(2, 6), slice(2, 6), rgb) for rgb in (RED, GREEN, BLUE)]
    targets = torch.cat([paint((slice(1, 7), slice(1, 7), BLACK), fill) for fill in filled])
    return frame[:, :1].repeat(3, 1, 1, 1), targets


def test_the_truth_has_every_score(pairs):
    inputs, targets = pairs
    found = colour_scores(targets, targets, inputs, palette=COLOURS)
    assert list(found) == [
        "per_pixel",
        "per_class",
        "class_iou",
        "inside",
        "histogram_a",
        "histogram_b",
        "colourfulness_ratio",
        "floor_per_pixel",
        "floor_per_class",
        "floor_class_iou",
        "floor_inside",
        "floor_histogram_a",
        "floor_histogram_b",
        "floor_colourfulness_ratio",
        "colours",
        "covered",
        "region",
        "pairs",
        "draws",
    ]
    assert all(found[name] == pytest.approx(1) for name in list(found)[:7])
    assert (
        found["colours"],
        found["covered"],
        found["region"],
        found["pairs"],
        found["draws"],
    ) == (6, 1, 0.25, 3, 1)


def test_the_floor_is_the_line_art(pairs):
    """48 of 64 pixels are right; of five classes black is whole, white is whole and has 3 x 16
    pixels too many.
    """
    inputs, targets = pairs
    found = colour_scores(inputs.expand(-1, 3, -1, -1), targets, inputs, palette=COLOURS)
    floor = {
        name.removeprefix("floor_"): value
        for name, value in found.items()
        if name.startswith("floor_")
    }
    assert floor == {name: found[name] for name in floor}
    assert floor == pytest.approx(
        {
            "per_pixel": 0.75,
            "per_class": 2 / 5,
            "class_iou": (1 + 84 / 132) / 5,
            "inside": 0,
            "histogram_a": 0.75,
            "histogram_b": 0.75,
            "colourfulness_ratio": 0,
        }
    )


def test_several_draws(pairs):
    """Each draw fills all three frames with one colour: one in three is right, and the best of
    three always.
    """
    inputs, targets = pairs
    draws = torch.stack([one.expand(3, -1, -1, -1) for one in targets])
    found = colour_scores(draws, targets, inputs, palette=COLOURS)
    assert found["inside"] == pytest.approx(1 / 3)
    assert found["inside_best"] == 1
    assert found["per_pixel"] == pytest.approx(0.75 + 0.25 / 3)
    assert [
        found[name] for name in ("histogram_a", "histogram_b", "colourfulness_ratio")
    ] == pytest.approx([1, 1, 1])
    assert found["draws"] == 3
    one = colour_scores(draws[0], targets, inputs, palette=COLOURS)
    assert one == colour_scores(draws[:1], targets, inputs, palette=COLOURS)
    assert one == colour_scores(draws[0] / 127.5 - 1, targets, inputs, palette=COLOURS)
    assert one == colour_scores(draws[0], targets, inputs.expand(-1, 3, -1, -1), palette=COLOURS)


def test_paler_colours_have_a_lower_ratio(pairs):
    inputs, targets = pairs
    pale = (targets.float() * 0.5 + targets.float().mean(1, keepdim=True) * 0.5).round().byte()
    found = colour_scores(pale, targets, inputs, palette=COLOURS)
    assert found["colourfulness_ratio"] == pytest.approx(0.5, abs=0.02)
    assert (found["floor_per_pixel"], found["floor_colourfulness_ratio"]) == (0.75, 0)
    assert colour_scores(pale, targets, inputs, palette=COLOURS[[0, 1, 2, 4]])[
        "covered"
    ] == pytest.approx(1 - 16 / 192)


ONE = torch.zeros(2, 4, 4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: palette(paint().float() / 255), "images.dtype=torch.float32: .* give uint8"),
        (lambda: palette(paint(), 0), "size=0: "),
        (lambda: palette(paint()[:0], 1), r"images.shape=\(0, 3, 8, 8\): .* at least one"),
        (lambda: quantise(paint(), COLOURS.float()), r"palette.shape=\(6, 3\), torch.float32: "),
        (lambda: quantise(paint(), COLOURS[:1]), r"palette.shape=\(1, 3\), .* two colours or more"),
        (lambda: quantise(paint(), COLOURS[:, :2]), r"\(6, 2\)"),
        (lambda: quantise(paint(), COLOURS[[0, 1, 0]]), "palette: a colour occurs twice among 3"),
        (
            lambda: quantise(paint()[:, :2], COLOURS),
            r"images.shape=\(1, 2, 8, 8\): not \(N, 1 or 3",
        ),
        (lambda: quantise(paint().float(), COLOURS), r"images=255..255: .* \[-1, 1\]"),
        (lambda: quantise(paint()[0], COLOURS), r"images.shape=\(3, 8, 8\): not \(N, C, H, W\)"),
        (
            lambda: segmentation_scores(ONE, ONE[:1], 3),
            r"truth.shape=\(1, 4, 4\): each of 1 draws has \(2, 4, 4\)",
        ),
        (lambda: segmentation_scores(ONE[:0], ONE[:0], 3), r"truth.shape=\(0, 4, 4\): "),
        (
            lambda: segmentation_scores(ONE + 3, ONE, 3),
            r"predicted=3..3: .* give 0..2",
        ),
        (
            lambda: segmentation_scores(ONE, ONE - 1, 3),
            r"truth=-1..-1: .* give 0..2",
        ),
        (
            lambda: segmentation_scores(ONE, ONE.float(), 3),
            "truth.dtype=torch.float32: classes are integers",
        ),
        (
            lambda: coloured_accuracy(ONE, ONE + 1, ONE[:1]),
            r"line_art.shape=\(1, 4, 4\): the truth has \(2, 4, 4\)",
        ),
        (
            lambda: lab_histogram_intersection(paint(), paint()[:0]),
            r"truth.shape=\(0, 3, 8, 8\): .* at least one",
        ),
        (lambda: colourfulness(paint()[:0]), r"images.shape=\(0, 3, 8, 8\): .* at least one"),
    ],
)
def test_a_wrong_question_is_explained(call, says):
    with pytest.raises(CourseError, match=says):
        call()


def test_pictures_that_are_no_pairs_are_explained(pairs):
    inputs, targets = pairs
    for outputs, inputs_, says in (
        (
            targets[:2],
            inputs,
            r"outputs.shape=\(2, 3, 8, 8\): targets have \(3, 3, 8, 8\); .* per target",
        ),
        (targets, inputs[:2], r"inputs.shape=\(2, 3, 8, 8\): .* per target"),
        (targets[:, :1], inputs, r"outputs.shape=\(3, 1, 8, 8\): not \(N, 3, S, S\)"),
        (targets[0], inputs, r"outputs.shape=\(3, 8, 8\): .* several draws"),
        (targets[None][:0], inputs, "outputs: no draws"),
    ):
        with pytest.raises(CourseError, match=says):
            colour_scores(outputs, targets, inputs_, palette=COLOURS)
    with pytest.raises(CourseError, match="targets: all grey"):
        colour_scores(targets, 0 * targets, inputs, palette=COLOURS)


# --- what book/metrics.md says of the held-out pairs

BOOK = Path(__file__).parents[2] / "book"


def in_the_page(start):
    page = (BOOK / "metrics.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {start} |")]
    return [float(number) for number in re.findall(r"[\d.]+", line.split("|", 2)[2])]


@pytest.mark.slow
def test_the_page_says_what_is_measured():
    pairs = emoji.load("test", size=64)
    inputs, targets = pairs["input"], pairs["target"]
    colours = palette(
        targets
    )  # the twenty of the training pairs in another order, which no score depends on
    yellow = filled(inputs, YELLOW)
    other = targets[torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))]
    names = (
        "per_pixel",
        "per_class",
        "class_iou",
        "inside",
        "histogram_a",
        "histogram_b",
        "colourfulness_ratio",
    )
    yellow = colour_scores(yellow, targets, inputs, palette=colours)
    mixed = colour_scores(other, targets, inputs, palette=colours)
    for start, found in (
        ("line art, unchanged", [yellow[f"floor_{name}"] for name in names]),
        ("every closed outline filled with yellow", [yellow[name] for name in names]),
        ("another pair's truth", [mixed[name] for name in names]),
    ):
        assert in_the_page(start) == pytest.approx(found, abs=0.0051)
    truth, line_art = quantise(targets, colours), quantise(inputs, colours)
    fills = [YELLOW, [146, 211, 245], [165, 121, 57], [106, 70, 47], RED]
    draws = coloured_accuracy(
        torch.stack([quantise(filled(inputs, rgb), colours) for rgb in fills]), truth, line_art
    )
    page = " ".join((BOOK / "metrics.md").read_text(encoding="utf-8").split())
    white = (truth == colours.tolist().index(WHITE)).double().mean()
    for said in (
        f"{draws['inside']:.2f} inside on average and {draws['inside_best']:.2f} for the best",
        f"White is {white:.0%} of",
        f"{yellow['region']:.0%} that need",
        f"{yellow['covered']:.0%} of the pixels at 64",
    ):
        assert said.replace("0.", ".").replace("%", " %") in page
