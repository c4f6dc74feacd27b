from __future__ import annotations

import re
from pathlib import Path

import pytest

from gancourse.files import CourseError, write_text
from gancourse.models import published
from gancourse.press import pages
from gancourse.press.dossier import Dossier
from gancourse.show.style import Plate

BOOK = Path(__file__).resolve().parents[2] / "book"


def test_a_score_is_the_median_in_the_form_of_its_column():
    run = Dossier("gan")
    assert pages.score("gan classifier_fid") == f"{run.scores['median']['classifier_fid']:.2f}"
    assert pages.score("gan classifier_fid") in run.table().splitlines()[-1]
    own = run.scores["seeds"][0]["parzen_sigma"]
    assert pages.score("gan parzen_sigma .3f") == f"{own:.3f}"


def test_one_seeds_score_is_not_shown_as_a_median(monkeypatch):
    run = Dossier("gan")
    del run.scores["median"]["kid"]
    monkeypatch.setattr(pages, "dossier", lambda name: run)
    with pytest.raises(CourseError, match="'kid': gan has no median of it; not every seed was"):
        pages.score("gan kid")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nobody fid", "'nobody': not published; choose one of: cgan, "),
        ("gan fid", "'fid': gan has no such score; it has .*classifier_fid"),
        ("gan parzen_sigma", "'parzen_sigma': stands in no column of gan; give a form, such as"),
    ],
)
def test_what_is_no_score_is_said(text, words):
    with pytest.raises(CourseError, match=words):
        pages.score(text)


def test_each_published_run_is_shown_on_one_page():
    shown = [
        name
        for page in sorted(BOOK.glob("runs-*.md"))
        for name in re.findall(r"^```{dossier} (\S+)$", page.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(shown) == sorted(published())


@pytest.mark.parametrize("name", published())
def test_a_page_says_how_a_run_was_made_and_what_it_scored(name):
    run = Dossier(name)
    text = pages.text_of(run, {"generator": "curves.png"})
    for part in (run.length, run.table(), run.command, f"/runs/{name}/film.webp", "/curves.png"):
        assert part in text
    seconds, memory = run.summary["seconds"], run.summary["peak_memory"] / 2**20
    for part in (f"| Time | {seconds:,.0f} seconds |", f"| Peak memory | {memory:,.0f} MiB |"):
        assert part in text
    assert f"Python {run.environment['python']}, torch" in text
    assert (", executed at scale" in text) == bool(run.notebook)
    assert ("Still wanted" in text) == bool(run.wanted)


@pytest.mark.parametrize(
    ("began", "seconds", "words"),
    [
        ("2026-03-01T10:00:00+00:00", 1e9, "at scale full on 01 March 2026, is"),
        ("2026-03-01T10:00:00+00:00", 20, "March 2026 in 20 seconds, going on from checkpoints"),
        (None, None, "at scale full, is"),
    ],
)
def test_a_page_leads_to_the_executed_notebook(began, seconds, words):
    run = Dossier("gan")
    run.notebook = {"file": "gan-1.ipynb", "scale": "full", "began": began, "seconds": seconds}
    text = pages.text_of(run, {})
    assert words in text
    assert f"[on GitHub]({pages.RUNS}/notebooks/gan-1.ipynb)" in text
    assert "{download}`download it </runs/notebooks/gan-1.ipynb>`" in text
    assert "The chapter's notebook, executed" in text
    run.notebook["file"] = "workbench-1.ipynb"
    assert "The {doc}`workbench </notebooks/workbench>`, executed" in pages.text_of(run, {})
    run.notebook = None
    assert "executed" not in pages.text_of(run, {})


def test_curves_are_drawn_once_and_again_when_the_run_is_another(tmp_path, monkeypatch):
    run = Dossier("infogan")
    files = pages.draw(run, tmp_path)
    assert files == {player: f"infogan-{player}.png" for player in ("discriminator", "generator")}
    before = [(tmp_path / file).read_bytes() for file in files.values()]
    drawn = []
    monkeypatch.setattr(
        pages, "curves", lambda metrics, names, **how: drawn.append(names) or Plate()
    )
    assert pages.draw(run, tmp_path) == files and not drawn
    write_text(tmp_path / "infogan.sha256", "of another run")
    pages.draw(run, tmp_path)
    assert [{name.split("/")[0] for name in names} for names in drawn] == [
        {"discriminator"}, {"generator"},
    ]  # fmt: skip
    assert [(tmp_path / file).read_bytes() for file in files.values()] != before
