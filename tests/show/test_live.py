"""The live picture: one in a notebook, none outside, never in the way of a training."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gancourse import show
from gancourse.show import live as module

PICTURES = torch.zeros(16, 1, 28, 28)


def view(step, steps=10, pictures=PICTURES, records=None):
    metrics = [
        {"step": i, "discriminator/real": 0.7, "generator/fake": 0.7} for i in range(1, step + 1)
    ]
    return SimpleNamespace(
        step=step, steps=steps, pictures=pictures, metrics=metrics if records is None else records
    )


@pytest.fixture
def shown(monkeypatch):
    """What the notebook would show: a list of display data, one for each drawing."""
    bundles = []
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    monkeypatch.setattr(show.Live, "_show", lambda self, bundle: bundles.append(bundle))
    return bundles


def test_outside_a_notebook_it_does_nothing(monkeypatch, capsys):
    monkeypatch.setattr(show.Live, "figure", lambda *args: pytest.fail("drew"))
    show.Live()(view(10))
    assert capsys.readouterr() == ("", "")


def test_pictures_stand_above_curves():
    plate = show.Live().figure(5, 10, view(5).metrics, PICTURES)
    assert len(plate.axes) == 2 and plate.alt == "Training at step 5 of 10. Samples above."
    plate.png()
    above, below = (axes.get_position() for axes in plate.axes)
    assert above.y0 > below.y1 and above.y1 <= 1
    assert len(show.Live().figure(1, 10, view(1).metrics, PICTURES).axes) == 1
    assert len(show.Live().figure(5, 10, view(5).metrics).axes) == 1


def test_points_are_drawn_over_the_real_ones():
    real = np.random.default_rng(0).normal(size=(50, 2))
    plate = show.Live(real=real, centres=real[:3]).figure(5, 10, view(5).metrics, torch.zeros(7, 2))
    assert [len(collection.get_offsets()) for collection in plate.axes[0].collections] == [50, 7, 3]
    assert plate.png()


def test_wide_sheets_fit_the_page():
    plate = show.Live(columns=16).figure(1, 10, [], torch.zeros(16, 3, 64, 64))
    plate.png()
    place = plate.axes[0].get_position()
    assert place.x0 >= 0 and place.x1 <= 1


def test_more_metrics_than_colours_do_not_stop_a_training(shown):
    records = [{"step": i} | {f"loss {n}": 1.0 for n in range(9)} for i in range(1, 4)]
    show.Live()(view(3, records=records))
    assert "image/png" in shown[0]


def test_a_training_that_diverged_is_explained_and_goes_on(shown):
    show.Live()(view(3, pictures=torch.full((1, 1, 2, 2), torch.nan)))
    assert "image/png" not in shown[0] and "diverged" in shown[0]["text/plain"]


def test_drawing_is_rationed_but_the_last_step_is_drawn(shown, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        show.Live, "figure", lambda *args: now.__setitem__(0, now[0] + 0.5) or show.Plate(1, 1)
    )
    watch = show.Live(time_fraction=0.1)
    for step in range(1, 101):
        watch(view(step, steps=100))
        now[0] += 0.1
    # 0.5 s for a picture at a tenth of the time: one picture in 5.5 s of the 10 s, and the last
    assert len(shown) == 3


def test_last_pictures_are_kept_when_a_step_brings_none(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(
        show.Live, "figure", lambda self, *args: kept.append(args[3]) or show.Plate(1, 1)
    )
    watch = show.Live()
    watch(view(1, pictures=None, records=[]))
    assert not shown
    watch(view(2))
    watch(view(10, pictures=None))
    assert kept[0] is PICTURES and kept[1] is PICTURES


def test_another_training_gets_a_picture_of_its_own(shown):
    watch = show.Live()
    watch(view(10))
    watch._handle = "the first one's"
    watch(view(10))
    assert watch._handle == "the first one's"
    watch(view(1))
    assert watch._handle is None


CELL = """
from types import SimpleNamespace
import numpy as np
from gancourse import show
watch, metrics = show.Live(), []
for step in range(1, 4):
    metrics.append({"step": step, "generator/fake": 0.7})
    pictures = np.zeros((4, 1, 8, 8), np.uint8)
    watch(SimpleNamespace(step=step, steps=3, metrics=metrics, pictures=pictures))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the machinery that starts a kernel
def test_a_notebook_keeps_one_picture_and_no_widget_state(repository):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        nbformat.v4.new_code_cell(source)
        for source in (CELL, "show.grid(np.zeros((4, 1, 8, 8), np.uint8))")
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(repository)}}
    ).execute()
    for cell in notebook.cells:
        (output,) = cell.outputs
        assert output.output_type == "display_data" and set(output.data) == {
            "image/png",
            "text/plain",
        }
    assert (
        notebook.cells[0].outputs[0].data["text/plain"] == "Training at step 3 of 3. Samples above."
    )
    assert "widgets" not in notebook.metadata
