"""The executed notebook of a run: found, checked, kept once, and named by each model it made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_output

from gancourse import models
from gancourse.chapters import gan
from gancourse.cli.publishing import publish
from gancourse.data.sources import Pictures
from gancourse.files import CourseError, read_json
from gancourse.press import dossier, executed, publishing, running
from gancourse.school import lesson, notebooks
from tests.executed import executed as notebook_run_in

DIGITS = Pictures({"image": torch.zeros(40, 1, 28, 28, dtype=torch.uint8)}, "digits", "made", "CC0")
PARAMETERS = 'scale: str = "auto"  # scale\nseed: int = 0  # seed\nform: str = "dcgan"  # form'


def train(folder: Path, *, seed: int = 0, **changes) -> Path:
    """A run of two steps of the recipe at check scale, which here is full."""
    config = gan.Config.at("full", "dcgan", **changes)
    lesson.play(config, DIGITS, seed=seed, folder=folder, progress=False, device="cpu")
    return folder


def write(place: Path, *outputs, **given) -> Path:
    """The notebook that `gancourse run` would have left in a folder."""
    made = notebook_run_in(*outputs, **{"folder": str(place), "data_root": "", **given})
    made.cells[1].source = PARAMETERS
    path = place / executed.NAME
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a small recipe, each in the folder of its notebook."""
    place = tmp_path_factory.mktemp("runs")
    small = {"steps": 2, "width": 4, "batch_size": 8}
    before = gan.Config.SCALES
    gan.Config.SCALES = {**before, "full": {"dcgan": small}}
    yield [train(place / f"gan-{seed}" / "model", seed=seed) for seed in (0, 1)]
    gan.Config.SCALES = before


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository of its own."""
    for module in (publishing, dossier, models):
        monkeypatch.setattr(module, "BUNDLED", tmp_path / "data")
    for module in (publishing, dossier, executed):
        monkeypatch.setattr(module, "DOSSIERS", tmp_path / "runs")
    monkeypatch.setattr("gancourse.data.sources.bundled", lambda name: tmp_path / "data" / name)
    return tmp_path


@pytest.fixture
def scored(repository, monkeypatch):
    """Publishing without its measuring."""
    keys = [each.key for each in publishing.chapters.protocol("gan").columns(gan.Config())]
    row = {**dict.fromkeys(keys, 1.0), "samples": 10, "reference_samples": 20, "k": 5, "seed": 0}
    row |= {"neighbourhood_samples": 10, "reference": "digits", "parzen_test": "test"}
    monkeypatch.setattr(publishing, "evaluate", lambda game, **how: dict(row))
    monkeypatch.setattr(publishing.data, "load", lambda *names, **how: DIGITS)
    return repository


def put_on_the_shelf(name: str, run: Path) -> None:
    """What publishing leaves of the weights, and the dossier's folder."""
    shelf = models.BUNDLED / "weights" / name
    shelf.mkdir(parents=True)
    shutil.copyfile(run / "config.json", shelf / "config.json")
    publishing.save_file(publishing.stored_tensors(models.load(run)), shelf / "model.safetensors")
    (executed.DOSSIERS / name).mkdir(parents=True)


# --- whose notebook it is ---


@pytest.mark.parametrize("inside", [True, False])
def test_the_notebook_lies_in_the_runs_folder_or_in_the_one_above(tmp_path, inside):
    run = tmp_path / "full" / "model"
    run.mkdir(parents=True)
    assert executed.beside(run) is None
    path = (run if inside else run.parent) / executed.NAME
    path.write_text("{}")
    assert executed.beside(run) == path.resolve()


def test_a_notebook_that_made_a_run_is_accepted_even_when_both_were_moved(runs, tmp_path):
    for run, seed in zip(runs, ({}, {"seed": 1}), strict=True):
        path = write(run.parent, **seed)
        executed.check(running.read(path), path, run)
    moved = shutil.copytree(runs[0].parent, tmp_path / runs[0].parent.name)
    executed.check(running.read(moved / executed.NAME), moved, moved / "model")
    inside = write(runs[0], scale="full")
    executed.check(running.read(inside), inside, runs[0])
    inside.unlink()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"folder": "/elsewhere/srgan-full/"}, "its folder was srgan-full, and .*model does not"),
        ({"seed": 1}, "seed=1, and .*model has seed=0; give the notebook that made this run"),
        ({"form": "mlp"}, "form='mlp', and .*model has form='dcgan'"),
        ({"steps": 9}, "steps=9, and .*model has steps=2"),
        ({"scale": "check"}, "ran at scale check, whose recipe is not that of .*model .*steps=2"),
        ({"scale": "vast"}, "scale='vast': not known"),
    ],
)
def test_the_notebook_of_another_run_is_refused(runs, given, says):
    path = write(runs[0].parent, **given)
    with pytest.raises(CourseError, match=says):
        executed.check(running.read(path), path, runs[0])


def test_a_notebook_that_papermill_did_not_run_is_refused(runs):
    path = write(runs[0].parent)
    made = running.read(path)
    del made.metadata["papermill"]
    with pytest.raises(CourseError, match="notebook.ipynb: was not run by `gancourse run`"):
        executed.check(made, path, runs[0])


@pytest.mark.parametrize("failed", [True, False])
def test_a_notebook_that_did_not_reach_its_end_is_refused(runs, failed):
    path = write(runs[0].parent)
    made = running.read(path)
    error = new_output("error", ename="KeyError", evalue="x", traceback=[])
    cell = new_code_cell("last()", execution_count=4 if failed else None)
    cell.outputs = [error] * failed
    made.cells.append(cell)
    words = "ends in an error; run the notebook again" if failed else "was not run; run the noteb"
    with pytest.raises(CourseError, match=rf"cell 5 \(`last\(\)`\) {words}"):
        executed.check(made, path, runs[0])


def test_the_models_of_a_run_are_those_with_its_weights(repository, runs):
    put_on_the_shelf("first", runs[0])
    put_on_the_shelf("second", runs[1])
    assert [executed.made_of(run) for run in runs] == [["first"], ["second"]]
    settings = json.loads((models.BUNDLED / "weights" / "first" / "config.json").read_text())
    other = models.BUNDLED / "weights" / "second" / "config.json"
    other.write_text(json.dumps(settings))  # one config, other weights
    assert [executed.made_of(run) for run in runs] == [["first"], []]


def test_the_workbench_makes_a_model_by_its_own_recipe(scored, runs, tmp_path):
    odd = train(tmp_path / "odd-full", width=6)
    publish("odd", [odd])
    path = write(odd, model="odd")
    executed.check(running.read(path), path, odd)
    assert notebooks.keep(odd)["odd"].name.startswith("workbench-")
    write(odd, model="cgan-gone")
    with pytest.raises(CourseError, match="model='cgan-gone': no published model; give one of odd"):
        notebooks.keep(odd)
    write(odd)
    with pytest.raises(
        CourseError, match=r"ran at scale full, whose recipe .*odd-full \(width=6\)"
    ):
        notebooks.keep(odd)
    write(odd, model="odd", scale="check")
    with pytest.raises(CourseError, match="ran at scale check, whose recipe is not that"):
        notebooks.keep(odd)


def test_the_workbench_of_another_chapter_is_refused(runs):
    made = running.read(write(runs[0].parent, model="cgan-fashion"))
    (path := runs[0].parent / executed.NAME).unlink()
    with pytest.raises(
        CourseError, match="trained cgan-fashion, of chapter cgan, and .*model is of"
    ):
        executed.check(made, path, runs[0])


# --- where it is kept ---


def test_a_notebook_is_kept_once_for_all_models_that_it_made(repository, runs):
    for name in ("one", "two"):
        (repository / "runs" / name).mkdir(parents=True)
    made = notebook_run_in(folder="RUN", data_root="")
    made.metadata.papermill |= {"start_time": "2026-03-01T10:00:00+00:00", "duration": 59.5}
    first = executed.keep(made, "gan", ["one"])
    assert executed.keep(made, "gan", ["two"]) == first
    assert list((repository / "runs" / "notebooks").iterdir()) == [first]
    assert nbformat.read(first, 4) == made
    pointer = read_json(repository / "runs" / "one" / "notebook.json")
    assert (
        pointer
        == read_json(repository / "runs" / "two" / "notebook.json")
        == {
            "file": first.name,
            "scale": "full",
            "began": "2026-03-01T10:00:00+00:00",
            "seconds": 59.5,
        }
    )

    made.cells[0].source = "# Run again"
    second = executed.keep(made, "gan", ["one"])
    assert {*(repository / "runs" / "notebooks").iterdir()} == {first, second}, "two names it"
    assert executed.keep(None, "gan", ["two"]) is None
    assert list((repository / "runs" / "notebooks").iterdir()) == [second], "nobody names it"
    assert not (repository / "runs" / "two" / "notebook.json").exists()


def test_keeping_adds_the_notebook_to_every_published_model_of_a_folder(scored, runs):
    repository = scored
    publish("first", [runs[0]])
    summary = repository / "runs" / "first" / "summary.json"
    summary.write_text(json.dumps({**read_json(summary), "seconds": 6_000.0}))
    for file in ("environment.json", "metrics.jsonl"):
        (summary.parent / file).write_text("{}")
    before = {path: path.read_bytes() for path in summary.parent.iterdir()}
    picture = new_output("stream", name="stdout", text=f"kept in {runs[0].parent}/model\n")
    write(runs[0].parent, picture)
    found = notebooks.keep(runs[0].parent)
    after = {path: path.read_bytes() for path in (repository / "runs" / "first").iterdir()}
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed == {"summary.json", "environment.json", "metrics.jsonl", "notebook.json"}
    assert read_json(summary) == read_json(runs[0] / "summary.json")
    assert "of 8 in 1 minute." in (models.BUNDLED / "weights" / "first" / "README.md").read_text()
    assert "| 1 CPU thread, float32 | 1 |" in (repository / "runs" / "LEDGER.md").read_text()
    (path,) = (repository / "runs" / "notebooks").iterdir()
    assert found == {"first": path} and path.name.startswith("gan-")
    made = nbformat.read(path, 4)
    nbformat.validate(made)
    assert made.cells[-1].outputs[0].text == "kept in RUN/model\n"
    assert "`gancourse run` executed it on 01 March 2026, in 60 seconds" in made.cells[1].source
    assert str(repository) not in path.read_text() and str(runs[0].parent) not in path.read_text()


def test_the_time_of_folded_solutions_counts(repository, runs):
    put_on_the_shelf("first", runs[0])
    path = write(runs[0].parent)
    made = running.read(path)
    when = {"shell.execute_reply": "2026-03-01T10:02:00Z"}
    tagged = {"tags": ["solution"], "execution": when}
    made.cells.append(new_code_cell("answer = 42", execution_count=4, metadata=tagged))
    nbformat.write(made, path)
    small, _ = notebooks.kept(path, runs[:1])
    assert (
        small.metadata["papermill"]["duration"] == 119.5
        and "in 120 seconds" in small.cells[1].source
    )


def test_nothing_is_kept_for_a_run_that_is_not_published(repository, runs):
    put_on_the_shelf("first", runs[0])
    write(runs[1].parent, seed=1)
    with pytest.raises(CourseError, match="gan-1: holds no run whose weights are published; publ"):
        notebooks.keep(runs[1].parent)
    with pytest.raises(CourseError, match="nowhere: no folder; give the one that"):
        notebooks.keep(repository / "nowhere")
    write(runs[0].parent, scale="check")
    with pytest.raises(CourseError, match="ran at scale check"):
        notebooks.keep(runs[0].parent)
    (runs[0].parent / executed.NAME).unlink()
    with pytest.raises(CourseError, match="notebook.ipynb: no such file"):
        notebooks.keep(runs[0].parent)
    assert not (repository / "runs" / "notebooks").exists()


def test_a_solution_that_would_stand_open_is_refused(repository, runs):
    put_on_the_shelf("first", runs[0])
    path = write(runs[0].parent)
    made = running.read(path)
    line = "answer = 'forty two'"
    made.cells += [
        new_code_cell(line, execution_count=4, metadata={"tags": ["solution"]}),
        new_code_cell(line, execution_count=5),
    ]
    nbformat.write(made, path)
    made.cells.pop()
    assert line not in [cell.source for cell in notebooks.kept(path, runs[:1])[0].cells[:-1]]


# --- publishing ---


@pytest.mark.parametrize("how", ["beside", "given"])
def test_publishing_keeps_the_notebook_that_made_the_run(scored, runs, how):
    path, given = write(runs[0].parent), None
    if how == "given":
        path = given = path.rename(scored / "mine.ipynb")
    publish("tiny", [runs[0]], notebook=given)
    pointer = read_json(scored / "runs" / "tiny" / "notebook.json")
    assert (scored / "runs" / "notebooks" / pointer["file"]).is_file()
    path.unlink()
    publish("tiny", [runs[0]])
    assert not (scored / "runs" / "tiny" / "notebook.json").exists(), "it was the old run's"
    assert not list((scored / "runs" / "notebooks").iterdir())


def test_publishing_with_the_notebook_of_another_run_writes_nothing(scored, runs):
    write(runs[0].parent, seed=3)
    with pytest.raises(CourseError, match="seed=3, and"):
        publish("tiny", [runs[0]])
    assert not (scored / "runs").exists() and not (scored / "data").exists()


# --- what the repository holds ---


def test_every_model_has_a_notebook_and_every_notebook_is_named_small_and_valid():
    folder = executed.DOSSIERS / executed.KEPT
    kept = {path.name: path for path in folder.glob("*")}
    named = {
        name: read_json(pointer)["file"]
        for name in models.published()
        if (pointer := executed.DOSSIERS / name / dossier.POINTER).is_file()
    }
    assert named.keys() == set(models.published()), "each was made by a notebook"
    assert kept.keys() == set(named.values())
    for path in kept.values():
        made = running.read(path)
        assert path.stat().st_size <= 400_000 and nbformat.validate(made) is None
        assert path.stem.endswith(executed.digest(path.read_bytes()))
        assert {"parameters", "injected-parameters"} <= {
            tag for cell in made.cells for tag in cell.metadata.get("tags", [])
        }
