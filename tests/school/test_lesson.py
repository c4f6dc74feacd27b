from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from gancourse import bicubic, losses
from gancourse.chapters import gan, infogan, pix2pix, srgan
from gancourse.data.toy import ring
from gancourse.files import CourseError
from gancourse.models import published
from gancourse.press.dossier import Dossier
from gancourse.school import lesson

TOY = gan.Config.at("check", "toy", steps=3, width=8)


def test_a_given_scale_outranks_the_environment(monkeypatch):
    assert lesson.scale() == "check"
    monkeypatch.setenv("GANCOURSE_SCALE", "class")
    assert lesson.scale() == "class"
    assert lesson.scale("check") == "check"
    monkeypatch.setenv("GANCOURSE_SCALE", "huge")
    with pytest.raises(CourseError, match="GANCOURSE_SCALE='huge'.*check, class, full"):
        lesson.scale()
    with pytest.raises(CourseError, match="^scale='tiny'"):
        lesson.scale("tiny")


def test_what_is_tried_beside_the_published_run_is_no_larger_than_class():
    assert [lesson.trial(scale) for scale in lesson.SCALES] == ["check", "class", "class"]


def test_play_is_decided_by_its_seed_alone():
    points = ring().sample(300, 0)
    samples = []
    for seed in (0, 0, 1):
        torch.rand(7)  # whatever was drawn before must not matter
        samples.append(
            lesson.play(TOY, points, seed=seed, progress=False, device="cpu").game.sample(5, seed=0)
        )
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])


def test_an_empty_folder_name_means_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lesson.play(TOY, ring().sample(300, 0), folder="", progress=False, device="cpu")
    assert not list(tmp_path.iterdir())


def test_progress_shows_what_the_game_calls_its_preview():
    """Inputs above their translations; by default, samples."""
    pairs = {
        name: torch.randint(0, 256, (4, n, 32, 32), dtype=torch.uint8)
        for name, n in (("input", 1), ("target", 3))
    }
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=1, batch_size=2)
    seen, how = (
        [],
        {
            "watch": [lambda progress: seen.append(progress.pictures)],
            "progress": False,
            "device": "cpu",
        },
    )
    record = lesson.play(config, pairs, **how)
    assert seen[-1].shape == (2 * pix2pix.EXAMPLES, 3, 32, 32) and torch.equal(
        seen[-1], record.game.preview()
    )
    given = record.game.examples[:8].expand(-1, 3, -1, -1) / 127.5 - 1
    assert torch.allclose(seen[-1][:8], given, atol=1e-5)
    record = lesson.play(TOY, ring().sample(300, 0), **how)
    assert torch.equal(seen[-1], record.game.sample(64, seed=0))


def test_quotes_are_the_source_grouped_by_file():
    text = lesson.quote(losses.log_loss, losses.minimax_generator, gan.GAN.generator_loss).data
    assert text.count("`gancourse/losses.py`") == 1
    assert text.count("`gancourse/chapters/gan.py`") == 1
    assert text.count("```python") == 2
    assert "def log_loss" in text and "def minimax_generator" in text
    assert "\ndef generator_loss(self" in text  # a method stands at the margin


def test_a_function_that_keeps_its_results_is_quoted_with_its_decorator():
    text = lesson.quote(bicubic.on).data
    lines = text.splitlines()
    assert text.startswith("`gancourse/bicubic.py`") and lines[3].startswith("@lru_cache(16)")
    assert lines[4].startswith("def on(")


def test_changes_are_a_diff_of_sources_or_layers():
    shown = lesson.changes(gan.GAN.generator_loss, infogan.InfoGAN.generator_loss).data
    lines = shown.splitlines()
    assert (lines[0], lines[-1]) == ("```diff", "```")
    assert {line[:1] for line in lines[1:-1]} == {" ", "-", "+"}
    assert not any(line.startswith(("---", "+++", "@@", "...")) for line in lines)
    before, after = nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Sequential(nn.ReLU(), nn.Sigmoid())
    assert lesson.changes(before, after, context=0).data == (
        "```diff\n-  (1): Tanh()\n+  (1): Sigmoid()\n```"
    )
    assert lesson.changes(before, before).data == "```diff\n\n```"


def test_a_lesson_needs_no_plots_and_no_metrics():
    """A cluster job that only trains starts through it."""
    heavy = "{'matplotlib', 'torchmetrics'} & {*sys.modules}"
    script = f"import sys, gancourse.school.lesson; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_a_recipe_is_that_of_the_published_model_at_a_scale():
    assert lesson.recipe("gan-mlp", "full") == Dossier("gan-mlp").config
    assert lesson.recipe("gan-mlp", "check") == gan.Config.at("check", "mlp")
    with pytest.raises(CourseError, match="model='stargan': no published model; give one of cgan"):
        lesson.recipe("stargan", "full")


def test_settings_that_are_not_at_their_defaults_are_listed():
    config = srgan.Config.at("check", "srgan")
    rows = lesson.settings(config).data.splitlines()
    assert rows[0] == "| setting | here | default | meaning |"
    (row,) = (row for row in rows if row.startswith("| `starts_from` |"))
    assert row.startswith("| `starts_from` | srresnet | – | published model or run whose")
    assert "`shape`" not in "".join(rows), "at its default"
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert any("\\|" in row for row in rows)


def test_scores_stand_above_the_published_ones():
    run = Dossier("infogan-faces")
    shown = run.protocol.columns(run.config)
    found = {**dict.fromkeys([each.key for each in shown], 0.125), "codes_test": "faces, 9 (made)"}
    head, _, mine, same, middle, _, said = lesson.scores(
        "infogan-faces", found, 1
    ).data.splitlines()
    assert head.count("|") == mine.count("|") == len(shown) + 2
    assert mine == f"| this run |{' 0.125 |' * len(shown)}"
    first, rows = shown[0], {row["seed"]: row for row in run.scores["seeds"]}
    assert same.startswith(f"| published, seed 1 | {rows[1][first.key]:{first.form}} | ")
    assert middle.startswith(
        f"| published, median | {run.scores['median'][first.key]:{first.form}}"
    )
    assert said.startswith("This run: ") and "faces, 9 (made)" in said
    assert "Not measured" not in said
    assert "seed" not in lesson.scores("infogan-faces", found, 99).data
    del found[first.key]
    assert lesson.scores("infogan-faces", found, 1).data.endswith(
        f"for lack of data: {first.head}."
    )


@pytest.mark.parametrize("name", published())
def test_a_dossier_shows_its_table_and_where_it_was_made(name):
    text = lesson.dossier(name).data
    assert Dossier(name).table() in text
    assert Dossier(name).hardware in text
