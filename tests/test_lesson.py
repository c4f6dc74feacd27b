from __future__ import annotations

import pytest
import torch

from gancourse import lesson, losses, runs
from gancourse.chapters import gan
from gancourse.data.toy import ring
from gancourse.files import CourseError
from gancourse.published import published

TOY = gan.Config.at("check", "toy", steps=3, width=8)


def test_a_given_scale_outranks_the_environment(monkeypatch):
    assert lesson.scale() == "check"
    monkeypatch.setenv("GANCOURSE_SCALE", "class")
    assert lesson.scale() == "class"
    assert lesson.scale("check") == "check"
    monkeypatch.setenv("GANCOURSE_SCALE", "huge")
    with pytest.raises(CourseError, match="huge.*check, class, full"):
        lesson.scale()


def test_play_is_decided_by_its_seed_alone():
    points = ring().sample(300, 0)
    samples = []
    for seed in (0, 0, 1):
        torch.rand(7)  # whatever was drawn before must not matter
        samples.append(lesson.play(TOY, points, seed=seed, progress=False, device="cpu").game.sample(5, seed=0))
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])


def test_an_empty_folder_name_means_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lesson.play(TOY, ring().sample(300, 0), folder="", progress=False, device="cpu")
    assert not list(tmp_path.iterdir())


def test_quotes_are_the_source_grouped_by_file():
    text = lesson.quote(losses.log_loss, losses.minimax_generator, gan.GAN.generator_loss).data
    assert text.count("`gancourse/losses.py`") == 1
    assert text.count("`gancourse/chapters/gan.py`") == 1
    assert text.count("```python") == 2
    assert "def log_loss" in text and "def minimax_generator" in text
    assert "\ndef generator_loss(self" in text  # a method stands at the margin


@pytest.mark.parametrize("name", published())
def test_a_dossier_shows_its_table_and_where_it_was_made(name):
    text = lesson.dossier(name).data
    assert runs.table(name) in text
    assert runs.hardware(name) in text
