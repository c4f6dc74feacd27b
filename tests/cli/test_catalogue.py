"""`gancourse chapters`."""

from __future__ import annotations

import pytest

from gancourse.chapters import CHAPTERS
from gancourse.cli.own import HOLDS
from gancourse.models import published
from tests.cli.shell import mistake, plain


def test_the_list_names_chapters_forms_and_models(gancourse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = gancourse("chapters")
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    for name, chapter in CHAPTERS.items():
        assert f"{name}" in out and f"{chapter.title}" in plain(out)
        assert f"forms: {', '.join(chapter.forms)}" in plain(out)
    assert all(name in out for name in published())
    assert "gancourse chapters CHAPTER" in out


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_table_knows_every_form_and_the_default_comes_first(name):
    forms, config = CHAPTERS[name].forms, CHAPTERS[name].config
    assert forms[0] == config.DEFAULT and set(forms) == set(config.FORMS)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_settings_fit_a_window_of_80_columns(gancourse, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = gancourse("chapters", name)
    assert status == 0 and max(map(len, out.splitlines())) <= 80
    config = CHAPTERS[name].config
    for setting, default, meaning in config.table():
        assert plain(f"{setting} {default}") in plain(out) and meaning.split()[0] in out
    assert f"holds {HOLDS[config.takes]}." in plain(out)


def test_the_forms_show_what_they_change_at_a_scale(gancourse, wide):
    _, out, _ = gancourse("chapters", "gan", "--scale", "check")
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "width=240" in lines["paper"] and "shape=2 " in lines["toy"]
    assert "width=600" in gancourse("chapters", "gan")[1]


def test_an_unknown_chapter(gancourse):
    assert mistake(gancourse("chapters", "gam")).startswith("chapter=gam: not known; choose")
