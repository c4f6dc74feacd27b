from __future__ import annotations

import importlib.util
import shutil
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from gancourse import data, files
from gancourse.data import drawings, emoji
from gancourse.files import CourseError, DamagedFile
from gancourse.metrics.outlines import outside

FOLDER = files.BUNDLED / "drawings"


@pytest.fixture(scope="module")
def make():
    path = FOLDER / "make.py"
    if not path.is_file():
        pytest.skip("an installed package carries no scripts")
    spec = importlib.util.spec_from_file_location("make_drawings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn():
    return data.load("drawings", "test")


def test_twenty_drawings_with_names_and_hands(drawn):
    assert drawn["input"].shape == (20, 1, 64, 64) and drawn["input"].dtype == torch.uint8
    assert len(set(drawn["name"])) == 20 and {"house", "fish", "tree", "car", "cat"} < set(
        drawn["name"]
    )
    assert drawn["hand"] == ["script"] * 10 + ["mouse"] * 10
    known = data.about("drawings")
    assert known.sizes == {"bundled": (0, len(drawn))} and drawn.licence == known.terms == "CC0 1.0"
    first, *others = drawn.columns
    assert known.holds == f"{first} {tuple(drawn[first].shape[1:])} with {', '.join(others)}"
    assert drawn.take(3, seed=0)["name"] != drawn["name"][:3], "names travel with their rows"


def test_the_same_pictures_every_time(drawn):
    assert torch.equal(drawings.load()["input"], drawn["input"])
    assert len({picture.numpy().tobytes() for picture in drawn["input"]}) == 20


@pytest.mark.parametrize("size", [16, 100, 256])
def test_any_size_shows_the_same(drawn, size):
    found = drawings.load(size=size)["input"]
    assert found.shape == (20, 1, size, size)
    ink = [1 - each.float().mean((1, 2, 3)) / 255 for each in (found, drawn["input"])]
    assert (ink[0] - ink[1]).abs().max() < 0.02, "strokes grow with the size"


def test_they_are_framed_and_inked_like_the_emoji(drawn, tmp_path, monkeypatch):
    whole = emoji.index
    monkeypatch.setattr(emoji, "index", lambda split: whole(split)[::5])
    theirs = emoji.load("test", root=tmp_path)["input"]
    ours, theirs = (1 - each.float().mean((1, 2, 3)) / 255 for each in (drawn["input"], theirs))
    low, high = theirs.quantile(torch.tensor([0.02, 0.98])).tolist()
    assert low < ours.min() and ours.max() < high
    marked = drawn["input"][:, 0] < 128
    rows, columns = marked.any(2), marked.any(1)
    for each in (rows, columns):
        assert not each[:, :4].any() and not each[:, -4:].any(), "a margin on every side"
    longer = torch.maximum(*(each.sum(1) for each in (rows, columns))) / 64
    assert longer.min() > 0.7 and longer.max() < 0.86


def test_outlines_by_script_close_and_those_by_mouse_nearly(drawn):
    large = drawings.load(size=288)["input"]
    enclosed = [1 - outside(large, gap).float().mean((1, 2)) for gap in (0, 8)]
    ink = (large < 250).float().mean((1, 2, 3))
    assert (enclosed[0] - ink)[:10].min() > 0.03
    assert (enclosed[1] - enclosed[0])[:10].max() < 0.03, "by script: no gap to close"
    assert (enclosed[1] - ink)[10:].min() > 0.1
    assert (enclosed[1] - enclosed[0])[10:].max() > 0.05, "by mouse: some do not close"


def test_each_file_is_line_art_of_the_emojis_measures():
    for hand, names in drawings.NAMES.items():
        assert {path.stem for path in (FOLDER / hand).iterdir()} == set(names)
        for name in names:
            root = ElementTree.fromstring(drawings.path(name).read_text(encoding="utf-8"))
            assert root.get("viewBox") == "0 0 72 72"
            assert (root.get("stroke-width"), root.get("fill")) == ("2", "none")
            assert {child.tag.rpartition("}")[2] for child in root} == {"path"}


def test_the_script_makes_the_bundled_drawings(make):
    made = make.files()
    assert list(made) == [f"{hand}/{name}.svg" for hand in drawings.NAMES for name in
                          drawings.NAMES[hand]]  # fmt: skip
    for name, contents in made.items():
        assert contents == (FOLDER / name).read_bytes()


def test_a_mouse_sways_and_its_dice_are_the_name(make):
    straight = [(k / 5, 36.0) for k in range(200)]
    one, again, other = (make.unsteady(straight, make.random.Random(n)) for n in "aab")
    assert one == again != other
    away = [abs(y - 36) for _, y in one]
    assert 0.2 < max(away) < 1.1 and len(one) < 40
    assert all(x * make.SCREEN % 1 == y * make.SCREEN % 1 == 0 for x, y in one)


def test_what_is_not_there_is_said(monkeypatch, tmp_path):
    with pytest.raises(CourseError, match="split='train': the drawings have no such split"):
        data.load("drawings")
    with pytest.raises(CourseError, match="size=8: not a number of pixels.*; give 16 to 1024"):
        drawings.load(size=8)
    with pytest.raises(CourseError, match="name='yacht': no such drawing; choose one of: apple"):
        drawings.path("yacht")
    shutil.copytree(FOLDER, tmp_path / "drawings")
    shutil.copy(files.BUNDLED / "manifest.json", tmp_path)
    place = tmp_path / "drawings" / "script" / "cat.svg"
    place.write_text(place.read_text(encoding="utf-8").replace("Z", ""), encoding="utf-8")
    monkeypatch.setattr(files, "BUNDLED", tmp_path)
    with pytest.raises(DamagedFile, match="cat"):
        drawings.load()
