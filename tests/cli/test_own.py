"""Your own pictures: `gancourse train CHAPTER --data FOLDER`, and what can be done with such a
run.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gancourse.chapters import CHAPTERS
from gancourse.cli.own import HOLDS, Own
from gancourse.data import folders
from gancourse.models import load
from tests.cli.shell import TINY, mistake

SMALL = [*TINY, "-s", "shape=3,32,32"]
WAYS = [
    ("gan", ["--data", "photos"]),
    ("cgan", ["--data", "classes"]),
    ("infogan", ["--data", "photos"]),
    ("pix2pix", ["--data", "pairs", "--direction", "BtoA"]),
    ("pix2pix", ["--data", "photos", "--make", "edges"]),
    ("srgan", ["--data", "photos", "-s", "anneal=0"]),  # falling rates end with a run
]
# Eight pictures are few, and a warning says so; tests of it ask for it.
pytestmark = pytest.mark.filterwarnings("ignore:.*fewer than")


@pytest.fixture(autouse=True)
def here(photos, monkeypatch):
    monkeypatch.chdir(photos)


def config(run: str = "run") -> dict:
    return json.loads(Path(run, "config.json").read_text())


@pytest.mark.parametrize(("chapter", "own"), WAYS)
def test_every_chapter_learns_from_a_folder(gancourse, chapter, own):
    how, name = folders.HOW, own[1]
    if chapter == "srgan":
        how, name = folders.HOW_PHOTOS, "photos all"
        for path in Path("photos").iterdir():  # crops of 32 px are cut with a border of 8
            Image.open(path).resize((60, 52)).save(path)
    train = ["train", chapter, "--folder", "run", *SMALL, *own]
    status, out, err = gancourse(*train)
    assert status == 0, err
    assert how in out and f"{name}: 8 samples (yours); 2 steps, batch size 8." in out
    assert config()["pictures"] == "yours" and config()["data"]["rows"] == 8
    assert load("run").config.shape == (3, 32, 32)
    assert gancourse("sample", "run", "-n", 4, "-o", "sheet.png")[0] == 0
    assert gancourse(*train, "-s", "steps=3")[0] == 0, "it goes on"


def test_every_kind_of_folder_is_explained():
    assert HOLDS.keys() == set(folders.KINDS)
    assert {row.config.takes for row in CHAPTERS.values()} <= HOLDS.keys()


def test_few_pictures_are_warned_of(gancourse):
    with pytest.warns(UserWarning, match="photos: 8 pictures, fewer than 1,000; expect that"):
        assert gancourse("train", "gan", "--folder", "run", *SMALL, "--data", "photos")[0] == 0


def test_labels_are_told_with_the_names_of_their_folders(gancourse):
    _, out, _ = gancourse("train", "cgan", "--folder", "run", *SMALL, "--data", "classes")
    assert "label: 0 cats, 1 dogs\n" in out and config()["classes"] == 2
    assert json.loads(Path("run/data.json").read_text())["words"] == {"label": ["cats", "dogs"]}
    assert gancourse("sample", "run", "-n", 2, "-c", "label=1", "-o", "dogs.png")[0] == 0
    sample = ["sample", "run", "-n", 2, "-c", "label=2", "-o", "none.png"]
    assert mistake(gancourse(*sample)).startswith("label=2: no such class; labels go from 0 to 1")


def test_a_setting_outranks_what_the_chapter_sets_for_own_pictures(gancourse):
    train = ["train", "gan", *TINY, "--data", "photos"]
    assert gancourse(*train, "--folder", "usual")[0] == 0
    assert gancourse(*train, "--folder", "grey", "-s", "shape=1,32,32")[0] == 0
    assert config("usual")["shape"] == list(CHAPTERS["gan"].config.OWN["shape"])
    assert config("grey")["shape"] == [1, 32, 32]


def test_a_folder_may_move_and_its_pictures_may_not_change(gancourse):
    train = ["train", "gan", "--folder", "run", *SMALL, "--data"]
    assert gancourse(*train, "photos")[0] == 0
    shutil.copytree("photos", "moved")
    assert gancourse(*train, "moved", "-s", "steps=3")[0] == 0
    assert Own.of_run("run").folder == Path("moved").resolve()
    Image.new("RGB", (40, 40)).save("photos/0.png")
    status, _, err = gancourse(*train, "photos", "-s", "steps=4")
    assert status == 1 and "Traceback" not in err
    assert "holds a run with other settings or data" in err and "data: {'rows': 8" in err
    assert Own.of_run("run").folder == Path("moved").resolve(), "the run is as it was"
    assert config()["steps"] == 3


def test_evaluate_measures_against_the_runs_own_pictures_or_others(gancourse, monkeypatch):
    seen = []

    def measure(game, *, data, **options):
        seen.append(data)
        return {"rows": len(data)}

    monkeypatch.setattr("gancourse.evaluation.evaluate", measure)
    train = ["train", "pix2pix", "--folder", "run", *SMALL, "--data", "pairs"]
    assert gancourse(*train, "--direction", "BtoA")[0] == 0
    assert gancourse("evaluate", "run")[1] == '{\n  "rows": 8\n}\n'
    shutil.copytree("pairs", "others")
    Path("others/0.png").unlink()
    assert gancourse("evaluate", "run", "--data", "others")[1] == '{\n  "rows": 7\n}\n'
    assert all((data["target"] == 255).all() for data in seen), "read as in training"
    options = ["--data", "photos", "--make", "grey"]
    assert gancourse("evaluate", "run", *options)[0] == 0
    assert seen[-1]["input"].shape[1] == 1, "read as it was asked for"
    shutil.move("pairs", "elsewhere")
    assert mistake(gancourse("evaluate", "run")).startswith(f"{Path('pairs').resolve()}: missing")


def test_evaluate_of_what_has_no_score_does_not_read_the_folder(gancourse, monkeypatch):
    assert gancourse("train", "gan", "--folder", "run", *SMALL, "--data", "photos")[0] == 0
    monkeypatch.setattr(folders, "own", None)
    assert mistake(gancourse("evaluate", "run")).startswith("pictures='yours': chapter gan")


@pytest.mark.parametrize(
    ("chapter", "options", "words"),
    [
        ("pix2pix", ["--data", "pairs"], "direction=None, make=None: neither given; give"),
        (
            "pix2pix",
            ["--data", "pairs", "--direction", "AtoB", "--make", "grey"],
            "direction='AtoB', make='grey': both given; give",
        ),
        ("pix2pix", ["--direction", "AtoB"], "--direction AtoB: is for pictures of your own; add"),
        ("gan", ["--make", "edges"], "--make edges: is for pictures of your own; add --data"),
        (
            "pix2pix",
            ["--data", "nowhere", "--direction", "AtoB"],
            "nowhere: missing; give a folder",
        ),
        ("gan", ["--data", "photos", "--make", "grey"], "make='grey': only pairs have it"),
        ("cgan", ["--data", "photos"], "photos: no folders, which are not classes"),
        ("gan", ["--data", "photos", "-s", "form=toy"], "--data: form=toy draws points"),
        ("gan", ["--data", "photos", "--source", "full"], "--data: --data-root and --source are"),
        ("gan", ["--data", "photos", "-s", "pictures=faces"], "pictures=faces: with --data it is"),
        ("cgan", ["--data", "classes", "-s", "classes=3"], "classes=3: with --data it is 2; leave"),
        (
            "gan",
            ["--data", "photos", "-s", "batch_size=9"],
            "batch_size=9: more than the 8 rows",
        ),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_one_message(gancourse, chapter, options, words):
    train = ["train", chapter, "--folder", "run", *TINY, *options]
    status, _, err = gancourse(*train)
    assert status == 1 and err.startswith(f"gancourse: {words}"), err
    assert not Path("run").exists()
