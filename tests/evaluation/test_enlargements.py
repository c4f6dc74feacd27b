"""Enlarged photos are scored whole, on what can be had, beside bicubic enlarging."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean, geometric_mean

import pytest
import torch

from gancourse import data, evaluation
from gancourse.bicubic import enlarge, shrink
from gancourse.chapters import protocol, srgan
from gancourse.data.photos import Photos
from gancourse.data.sources import Pictures
from gancourse.evaluation import Where
from gancourse.evaluation import srgan as enlargements
from gancourse.evaluation.protocol import YOURS
from gancourse.files import CourseError, DamagedFile
from gancourse.metrics import restoration, shift_tolerant
from gancourse.metrics.inputs import as_uint8

PROTOCOL = enlargements.PROTOCOL
KEYS = ["psnr", "ssim", "consistency", "distance", "spectrum", "grid_2", "grid_4"]


def photos(*sizes, name="made", source="made", seed=0):
    """Photos of noise, smoothed; (height, width) of each."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for height, width in sizes:
        smooth = enlarge(torch.rand(3, height // 2 + 1, width // 2 + 1, generator=generator), 2)
        pixels = (255 * smooth[:, :height, :width]).clamp(0, 255).byte()
        made.append(pixels.permute(1, 2, 0).flatten())
    return Photos(torch.cat(made), torch.tensor(sizes), 64, name, source, "CC0")


SMALL = photos((73, 81), (80, 67))


@pytest.fixture(autouse=True)
def without_stlpips(monkeypatch):
    """The same scores whether the optional weights are there or not."""
    monkeypatch.setattr(shift_tolerant, "PACKAGE", "no_such_package")


@pytest.fixture(scope="module")
def game():
    torch.manual_seed(0)
    return srgan.Config.at("check", width=4, blocks=1).build()


def at_hand(monkeypatch, **sets):
    """`data.load` gives these benchmarks, and of photos four made ones."""
    asked = []

    def load(name, split, **how):
        asked.append((name, split, how))
        if name == "photos":
            assert how == {"source": "bundled"}
            return photos(*[(100, 200)] * 4, name="photos test", source="bundled")
        if isinstance(sets.get(name), Exception) or name not in sets:
            raise sets.get(name, CourseError(f"{name} cannot be had"))
        return sets[name]

    monkeypatch.setattr(data, "load", load)
    return asked


def test_each_benchmark_is_measured_and_bicubic_beside_it(monkeypatch, game):
    sets = {
        "set5": photos((64, 68), (65, 64), name="set5 test", source="full"),
        "kodak24": photos((72, 64), name="kodak24 test", source="full", seed=1),
    }
    asked = at_hand(monkeypatch, **sets)
    scores = evaluation.evaluate(game, root="there", source="full")
    how = {"root": "there", "source": "full"}
    assert asked == [("set5", "test", how), ("kodak24", "test", how)]
    expected = [f"{floor}{name}_{key}" for name in sets for floor in ("", "floor_") for key in KEYS]
    assert list(scores) == ["seed", *expected, "sets", "pictures_test", "scale"]
    assert scores["sets"] == ["set5", "kodak24"]
    assert scores["pictures_test"] == "set5 test, 2 (full); kodak24 test, 1 (full)"
    assert all(isinstance(scores[key], float) for key in expected)
    made = enlargements.mean_scores(sets["set5"], 4, game.upscale)
    assert scores["set5_psnr"] == made["psnr"] != scores["floor_set5_psnr"]
    json.dumps(scores)
    said = PROTOCOL.sentence(scores)
    assert "Photos: set5 test, 2 (full); kodak24 test, 1 (full)." in said
    assert f"Kodak24: bicubic enlarging has PSNR (dB) {scores['floor_kodak24_psnr']:.2f}" in said
    assert f"is {scores['set5_grid_2']:.2f} and {scores['set5_grid_4']:.2f} times" in said


def test_one_benchmark_is_better_than_none(monkeypatch, game):
    at_hand(monkeypatch, set5=SMALL)
    assert list(enlargements.originals(game.config, Where())) == ["set5"]


def test_without_a_benchmark_the_bundled_photos_are_measured(monkeypatch, game):
    at_hand(monkeypatch)
    assert list(enlargements.originals(game.config, Where())) == ["bundled"]
    with pytest.raises(CourseError, match="set5 cannot be had"):
        enlargements.originals(game.config, Where(strict=True))
    at_hand(monkeypatch, set5=SMALL)
    with pytest.raises(CourseError, match="kodak24 cannot be had"):
        enlargements.originals(game.config, Where(strict=True))
    asked = at_hand(monkeypatch, set5=SMALL, kodak24=SMALL)
    assert list(enlargements.originals(game.config, Where(source="bundled"))) == ["bundled"]
    assert [name for name, _, _ in asked] == ["photos"]


def test_a_damaged_benchmark_is_not_passed_over(monkeypatch, game):
    at_hand(monkeypatch, set5=DamagedFile("set5 is damaged"))
    with pytest.raises(DamagedFile):
        enlargements.originals(game.config, Where())


def test_a_strict_evaluation_needs_the_weights_of_stlpips(monkeypatch, game):
    at_hand(monkeypatch, set5=SMALL, kodak24=SMALL)
    with pytest.raises(CourseError, match="weights of ST-LPIPS are not installed"):
        evaluation.evaluate(game, source="full", strict=True)


def test_the_scores_are_means_over_whole_photos(monkeypatch):
    """Cut to multiples of the scale, shrunk, rounded, enlarged, rounded."""
    given = []

    def method(low):
        given.append(low)
        return enlarge(low / 127.5 - 1, 4).clamp(-1, 1)

    found = enlargements.mean_scores(SMALL, 4, method)
    assert [tuple(low.shape) for low in given] == [(1, 3, 18, 20), (1, 3, 20, 16)]
    assert all(low.dtype == torch.uint8 for low in given)
    judge = enlargements.features.load(enlargements.JUDGE)
    rows = []
    for i, low in enumerate(list(given)):
        true = SMALL.photo(i)[None, :, : 4 * low.shape[2], : 4 * low.shape[3]]
        assert torch.equal(low, shrink(true.double(), 4).round().clamp(0, 255).byte())
        made = as_uint8(method(low))
        rows.append(restoration.restoration_scores(made, true, low, 4, judge))
    assert list(found) == KEYS
    for key, value in found.items():
        mean = geometric_mean if "grid" in key else fmean
        assert value == pytest.approx(mean(row[key] for row in rows))


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales_are_measured_at_theirs(monkeypatch, scale):
    at_hand(monkeypatch, set5=SMALL)
    config = replace(srgan.Config.at("check", width=4, blocks=1), scale=scale)
    scores = evaluation.evaluate(config.build())
    assert scores["scale"] == scale
    floors = [
        restoration.psnr((enlarge(low.double(), scale) / 127.5 - 1).clamp(-1, 1), true, scale)
        for low, true in enlargements.shrunken(SMALL, scale)
    ]
    assert scores["floor_set5_psnr"] == pytest.approx(fmean(floors))
    assert f"shrunk {scale} times" in PROTOCOL.sentence(scores)


def test_the_columns_of_published_scores(monkeypatch, game):
    shown = [column.key for column in PROTOCOL.columns(game.config)]
    assert shown[0] == "set5_psnr" and "kodak24_stlpips" in shown and len(shown) == 12
    assert PROTOCOL.headline(game.config).head == "Set5 PSNR (dB)"
    assert 'load("srresnet").upscale(photos)' in PROTOCOL.use("srresnet", game.config)


def test_own_photos_are_measured_in_their_own_name(game):
    own = replace(game.config, pictures=YOURS)
    mine = replace(SMALL, name="my photos", source="yours")
    judged = srgan.SRResNet(own)
    scores = evaluation.evaluate(judged, data=mine)
    shown = PROTOCOL.columns(own)
    assert all(isinstance(scores[column.key], float) for column in shown)
    assert scores["pictures_test"] == "my photos, 2 (yours)"
    assert "Your photos: bicubic enlarging has" in PROTOCOL.sentence(scores)
    rows = Pictures({"image": torch.zeros(2, 3, 64, 64, dtype=torch.uint8)}, "mine", "yours", "")
    with pytest.raises(CourseError, match="data='mine': Pictures, not photos"):
        evaluation.evaluate(judged, data=rows)


@pytest.mark.parametrize("features", ["efficientnet-lite2"])
def test_a_game_that_learned_from_the_judge_is_not_scored(features):
    class Bribed(srgan.Config):
        teachers = {"features": features}

    bribed = srgan.Config.at("check", width=4, blocks=1).build()
    bribed.config = Bribed.at("check", width=4, blocks=1)
    with pytest.raises(CourseError, match=f"features='{features}': .* judges chapter srgan"):
        evaluation.evaluate(bribed, data=None)
    assert features not in srgan.FEATURES


def test_a_network_that_knows_the_originals_scores_best(monkeypatch, game):
    """Its input says which photo it is."""
    at_hand(monkeypatch, set5=SMALL)
    known = list(enlargements.shrunken(SMALL, 4))

    def upscale(low):
        (true,) = [true for given, true in known if torch.equal(given, low)]
        return true / 127.5 - 1

    monkeypatch.setattr(game, "upscale", upscale, raising=False)
    scores = evaluation.evaluate(game)
    assert scores["set5_psnr"] == float("inf") and scores["set5_ssim"] == pytest.approx(1)
    assert scores["set5_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["set5_spectrum"] == 0
    assert scores["set5_grid_2"] == scores["set5_grid_4"] == 1
    assert 57 < scores["set5_consistency"] < 61


def test_the_sheet_shows_the_hardest_crops_in_rows_of_bicubic_made_original(monkeypatch, game):
    at_hand(monkeypatch)
    monkeypatch.setattr(game, "config", replace(game.config, shape=(3, 32, 32)))
    sheet = PROTOCOL.showcase(game, Where())
    assert sheet.shape == (60, 3, 32, 32) and sheet.abs().max() <= 1
    originals = photos(*[(100, 200)] * 4)
    expected = []
    for low, true in enlargements.shrunken(originals, 4):
        plain = as_uint8((enlarge(low.double(), 4) / 127.5 - 1).clamp(-1, 1))
        made = as_uint8(game.upscale(low))
        wrong = []
        for top in range(0, 96, 32):
            for left in range(0, 192, 32):
                at = slice(top, top + 32), slice(left, left + 32)
                cut = [each[0][(slice(None), *at)] for each in (plain, made, true)]
                error = (restoration.luma(cut[0]) - restoration.luma(cut[2])).square().mean()
                wrong.append((error.item(), len(wrong), cut))
        worst = sorted(sorted(wrong, key=lambda each: -each[0])[:5], key=lambda each: each[1])
        expected += [cut for _, _, cut in worst]
    for i in range(20):
        for kind in range(3):
            shown = sheet[30 * (i // 10) + 10 * kind + i % 10]
            assert torch.equal(shown, expected[i][kind] / 127.5 - 1), (i, kind)


def test_the_curve_has_the_scores_of_each_point_between_two_networks():
    torch.manual_seed(1)
    numbers = {"network": "compact", "width": 4, "blocks": 1}
    config = srgan.Config("srgan", starts_from="srresnet", blend=0.5, **numbers)
    game, first = config.build(), srgan.Config(**numbers).build()
    for each in (game, first):
        torch.nn.init.normal_(each.generator.tail[1].weight, std=0.1)
    game.borrow("first", first)
    rows = enlargements.curve(game, SMALL, blends=(0, 0.5, 1))
    assert [row["blend"] for row in rows] == [0, 0.5, 1]
    assert list(rows[0]) == ["blend", *KEYS]
    ends = [enlargements.mean_scores(SMALL, 4, first.upscale)]
    ends.append(enlargements.mean_scores(SMALL, 4, game.upscale))
    assert rows[0] == {"blend": 0, **ends[0]}
    assert rows[1] == {"blend": 0.5, **ends[1]}, "what the game draws by itself"
    assert len({row["psnr"] for row in rows}) == 3
    assert game.config.blend == 0.5


@pytest.mark.slow
def test_bicubic_on_the_bundled_photos_scores_what_the_page_says(game):
    scores = evaluation.evaluate(game, source="bundled")
    assert scores["pictures_test"] == "photos test, 4 (bundled)"
    assert scores["floor_bundled_psnr"] == pytest.approx(25.76, abs=0.005)
    assert scores["bundled_psnr"] != scores["floor_bundled_psnr"]
    assert protocol("srgan") is PROTOCOL
