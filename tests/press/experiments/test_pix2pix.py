from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gancourse.chapters import pix2pix, protocol
from gancourse.data.sources import Pictures
from gancourse.files import CourseError, read_json
from gancourse.press.experiments import pix2pix as experiment

TINY = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=1, batch_size=2)


COLUMNS = protocol("pix2pix").columns(TINY)


def config_at(side: int) -> pix2pix.Config:
    return pix2pix.Config.at("check", shape=(3, side, side))


@pytest.mark.parametrize(("side", "most"), [(32, 34), (64, 70), (128, 142), (256, 286)])
def test_patches_go_up_to_the_first_that_covers_the_picture(side, most):
    config = config_at(side)
    rows = experiment.tables(config)["The discriminator's patch"]
    patches = [change["patch"] for change in rows.values()]
    assert patches == [patch for patch in pix2pix.PATCHES if patch <= most]
    for change in experiment.distinct(config):
        replace(config, **change)  # a Config that exists


def test_rows_differ_in_what_they_name_and_nothing_else():
    tables = experiment.tables(TINY)
    of = {
        title: {name: replace(TINY, **change) for name, change in rows.items()}
        for title, rows in tables.items()
    }
    loss, generator, patches = of.values()
    assert list(loss) == ["L1", "GAN", "cGAN", "L1 + GAN", "L1 + cGAN"]
    for name, config in loss.items():
        assert bool(config.l1) == ("L1" in name) and bool(config.adversarial) == ("GAN" in name)
        assert not config.adversarial or config.conditional == ("cGAN" in name)
        named = {"l1": TINY.l1, "adversarial": TINY.adversarial, "conditional": TINY.conditional}
        assert replace(config, **named) == TINY
    for name, config in generator.items():
        form, _, terms = name.partition(", ")
        assert config.form == {"U-Net": "unet"}.get(form, form)
        assert replace(config, form="unet") == loss[terms]
    for name, config in patches.items():
        assert name == f"{config.patch} px" and replace(config, patch=TINY.patch) == TINY


def test_a_base_without_skips_still_has_rows_with_them():
    rows = experiment.tables(replace(TINY, form="encoder-decoder"))["The generator"]
    assert {name: change["form"] for name, change in rows.items()} == {
        name: "unet" if name.startswith("U-Net") else "encoder-decoder" for name in rows
    }


def test_the_base_is_trained_once():
    changes = experiment.distinct(TINY)
    assert changes.count({}) == 1
    assert len({replace(TINY, **change) for change in changes}) == len(changes)
    rows = [change for table in experiment.tables(TINY).values() for change in table.values()]
    assert {replace(TINY, **change) for change in rows} == {
        replace(TINY, **change) for change in changes
    }


@pytest.fixture
def cheap(monkeypatch):
    """Four pairs, and scores that are counted up; the list holds the Config of each run."""
    dice, runs = torch.Generator().manual_seed(0), []
    tensors = {
        name: torch.randint(0, 256, (4, channels, 32, 32), dtype=torch.uint8, generator=dice)
        for name, channels in (("input", 1), ("target", 3))
    }

    def scores(game, *, seed, root):
        runs.append((game.config, seed))
        return dict.fromkeys([each.key for each in COLUMNS], float(len(runs)))

    pairs = Pictures(tensors, "emoji", "made", "CC0")
    monkeypatch.setattr(experiment.data, "load", lambda *names, **how: pairs)
    monkeypatch.setattr(experiment, "evaluate", scores)
    return runs


def test_an_interrupted_call_goes_on_where_it_was(cheap, tmp_path, monkeypatch):
    counted, play = [], experiment.play

    def stopped(*given, **how):
        counted.append(1)
        if len(counted) == 3:
            raise KeyboardInterrupt
        return play(*given, **how, progress=False)

    monkeypatch.setattr(experiment, "play", stopped)
    with pytest.raises(KeyboardInterrupt):
        experiment.run(TINY, [0], tmp_path)
    assert len(read_json(tmp_path / "ablations.json")["runs"]) == 2
    experiment.run(TINY, [0], tmp_path)
    expected = [(replace(TINY, **change), 0) for change in experiment.distinct(TINY)]
    assert cheap == expected, "each once, in order"
    before = (tmp_path / "ablations.json").read_bytes()
    experiment.run(TINY, [0], tmp_path)
    assert len(cheap) == len(expected) and (tmp_path / "ablations.json").read_bytes() == before

    with pytest.raises(CourseError, match="ablations.json: holds runs of another recipe"):
        experiment.run(replace(TINY, steps=2), [0], tmp_path)
    assert len(cheap) == len(expected)

    page = (tmp_path / "ablations.md").read_text()
    tables = [block.splitlines() for block in page.split("\n\n")[1:]]
    assert [table[0].split(" | ")[0] for table in tables] == [
        f"| {title}" for title in experiment.tables(TINY)
    ]
    for lines, rows in zip(tables, experiment.tables(TINY).values(), strict=True):
        assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in rows]
        assert len({line.count("|") for line in lines}) == 1, "as many cells in every row"


def test_the_page_shows_medians_of_the_seeds_that_are_done():
    keys = [each.key for each in COLUMNS]
    runs = [
        {"change": {}, "seed": seed, "scores": dict.fromkeys(keys, seed / 10)} for seed in (0, 1, 5)
    ]
    text = experiment.page(TINY, runs)
    assert "Width 2, 1 steps of 2 at 32 px; medians over seeds 0, 1, 5." in text
    assert text.count("0.100") == 3 * sum(each.form == ".3f" for each in COLUMNS)
    assert (
        "| L1 |" not in text
        and "| 1 px |" not in text
        and "; seed 0." in experiment.page(TINY, runs[:1])
    )
