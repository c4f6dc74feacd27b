from __future__ import annotations

import io
import os
import sys
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from gancourse.files import CourseError
from gancourse.studio import batch

RED = Image.new("RGB", (8, 8), "red")


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"drawing")
    return [folder / name for name in names]


def plan(inputs, output=None, force=False) -> batch.Plan:
    return batch.plan(inputs, output, suffix="-coloured", force=force)


def refused(places: batch.Plan, path: Path) -> str:
    assert isinstance(places[path], CourseError)
    return str(places[path])


# Where results go


def test_each_goes_beside_its_input_or_into_the_folder(tmp_path):
    cat, dog = touch(tmp_path, "cat.png", "dog.tar.svg")
    beside = {cat: tmp_path / "cat-coloured.png", dog: tmp_path / "dog.tar-coloured.png"}
    assert plan([cat, dog, cat]) == beside
    assert plan([cat], tmp_path / "out") == {cat: tmp_path / "out" / "cat-coloured.png"}
    assert plan([cat], tmp_path / "out.WEBP") == {cat: tmp_path / "out.WEBP"}
    large = batch.plan([cat], suffix="-large")
    assert large == {cat: tmp_path / "cat-large.png"}
    (tmp_path / "album.png").mkdir()
    album = tmp_path / "album.png"
    assert plan([cat], album) == {cat: album / "cat-coloured.png"}


@pytest.mark.parametrize(
    ("names", "output", "words"),
    [
        ([], None, "no file; give one"),
        (["a.png", "b.png"], "c.png", "c.png: one picture for 2 files; give a folder"),
        (["a.png"], "c.gif", "c.gif: not a format that is written; give .png, .jpg"),
    ],
)
def test_places_that_make_no_sense(tmp_path, names, output, words):
    with pytest.raises(CourseError, match=words):
        plan(touch(tmp_path, *names), tmp_path / output if output else None, True)


def test_what_is_there_is_written_over_only_by_force(tmp_path):
    cat, dog, _ = touch(tmp_path, "cat.png", "dog.png", "cat-coloured.png")
    places = plan([cat, dog])
    assert "cat-coloured.png: exists already; give" in refused(places, cat)
    assert places[dog] == tmp_path / "dog-coloured.png"
    assert plan([cat], force=True) == {cat: tmp_path / "cat-coloured.png"}
    (tmp_path / "dog-coloured.png").symlink_to(tmp_path / "nowhere")
    assert "exists already" in refused(plan([dog]), dog)


@pytest.mark.parametrize("force", [False, True])
def test_no_input_is_ever_written_over(tmp_path, force):
    cat, coloured = touch(tmp_path, "cat.png", "cat-coloured.png")
    (tmp_path / "link.png").symlink_to(cat)
    os.link(cat, tmp_path / "hard.png")
    for place in ("cat.png", "link.png", "hard.png"):
        words = refused(plan([cat], tmp_path / place, force), cat)
        assert f"would be written over {cat}, an input; give" in words
    places = plan([cat, coloured], force=force)
    assert f"would be written over {coloured}" in refused(places, cat)
    assert places[coloured] == tmp_path / "cat-coloured-coloured.png"


def test_one_file_under_several_names_is_one_input(tmp_path):
    (cat,) = touch(tmp_path, "a/cat.png")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    (tmp_path / "link.png").symlink_to(cat)
    os.link(cat, tmp_path / "hard.png")
    others = [tmp_path / "c" / "cat.png", tmp_path / "link.png", tmp_path / "hard.png"]
    assert plan([cat, *others]) == {cat: tmp_path / "a" / "cat-coloured.png"}


def test_two_results_never_go_to_one_place(tmp_path):
    png, jpg = touch(tmp_path, "cat.png", "cat.jpg")
    places = plan([png, jpg], force=True)
    assert places[png] == tmp_path / "cat-coloured.png"
    assert f"{jpg}: its result would go to" in refused(places, jpg)
    assert f"as that of {png} does" in refused(places, jpg)
    one, two = touch(tmp_path, "a/cat.png", "b/cat.png")
    assert "as that of" in refused(plan([one, two], tmp_path / "out", True), two)
    (tmp_path / "c").symlink_to(tmp_path / "a")
    touch(tmp_path, "a/cat.svg")
    other = tmp_path / "c" / "cat.svg"
    assert "as that of" in refused(plan([one, other]), other)


def test_two_unicode_forms_of_a_name_are_one_place(tmp_path):
    nfc, nfd = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    one, two = touch(tmp_path, f"a/{nfc}", f"b/{nfd}")
    assert "as that of" in refused(plan([one, two], tmp_path / "out"), two)
    words = refused(plan([two], tmp_path / "b" / nfc, True), two)
    assert "would be written over" in words


def test_a_name_that_cannot_be_looked_at_stops_nothing(tmp_path):
    long = tmp_path / f"{'x' * 250}.png"  # "-coloured" would make it too long
    (cat,) = touch(tmp_path, "cat.png")
    assert plan([long, cat])[cat] == tmp_path / "cat-coloured.png"
    with pytest.raises(CourseError, match="cannot be written"):
        batch.save(RED, tmp_path / f"{'x' * 250}-coloured.png")


# The work


def red_unless_bad(path: Path) -> Image.Image:
    if "bad" in path.name:
        raise CourseError("no lines; draw some.")
    return RED


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_bad_file_does_not_stop_the_rest(tmp_path, capsys):
    inputs = touch(tmp_path, "a.png", "bad.png", "c.png", "c-coloured.png", "d.png")
    with pytest.raises(CourseError, match="2 of 5 files: failed; see the messages"):
        batch.run(red_unless_bad, plan(inputs))
    out, err = capsys.readouterr()
    made = ["a-coloured.png", "c-coloured-coloured.png", "d-coloured.png"]
    assert [Path(line).name for line in out.splitlines()] == made
    assert f"gancourse: {inputs[1]}: no lines; draw some.\n" in err and "an input" in err
    assert names(tmp_path) == {path.name for path in inputs} | set(made)
    assert inputs[3].read_bytes() == b"drawing"


def test_a_single_bad_file_is_the_error_itself(tmp_path):
    inputs = touch(tmp_path, "bad.png")
    with pytest.raises(CourseError, match="bad.png: no lines; draw some"):
        batch.run(red_unless_bad, plan(inputs))


def test_a_disk_that_ignores_case_loses_no_result(tmp_path, monkeypatch, capsys):
    """It shows that two names are one once the first is written."""
    inputs = touch(tmp_path, "a/Cat.png", "b/cat.png", "b/dog.png")
    places = plan(inputs, tmp_path / "out")
    true = os.stat

    def stat(path, *given, **options):
        return true(str(path).replace("out/cat", "out/Cat"), *given, **options)

    monkeypatch.setattr(batch.os, "stat", stat)
    with pytest.raises(CourseError, match="1 of 3 files"):
        batch.run(red_unless_bad, places)
    assert names(tmp_path / "out") == {"Cat-coloured.png", "dog-coloured.png"}
    assert f"as that of {inputs[0]} does" in capsys.readouterr().err


def test_control_c_leaves_whole_files_and_says_how_many(tmp_path, monkeypatch):
    inputs = touch(tmp_path, "a.png", "b.png", "c.png")
    save = Image.Image.save

    def interrupted(self, path, **options):
        if ".b-" in path.name:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        save(self, path, **options)

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stopped; 1 of 3 files are done"):
        batch.run(red_unless_bad, plan(inputs))
    assert names(tmp_path) == {"a.png", "b.png", "c.png", "a-coloured.png"}


def test_names_that_the_terminal_cannot_print_stop_nothing(tmp_path, monkeypatch):
    """As `gancourse` sets its streams up; the messages go to those of the moment."""
    inputs = touch(tmp_path, "猫.png", "bad-猫.png", "dog.png")
    out, err = (
        io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="backslashreplace")
        for _ in range(2)
    )
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(CourseError, match="1 of 3"):
        batch.run(red_unless_bad, plan(inputs))
    out.flush(), err.flush()
    assert b"\\u732b-coloured.png" in out.buffer.getvalue()
    assert b"dog-coloured.png" in out.buffer.getvalue()
    assert b"bad-\\u732b.png: no lines" in err.buffer.getvalue()


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    place = tmp_path / "new" / "a.jpeg"
    batch.save(RED, place)
    with Image.open(place) as found:
        assert found.format == "JPEG"
    before = place.read_bytes()
    with pytest.raises(CourseError, match="wide.webp.*cannot be written"):
        batch.save(Image.new("RGB", (17_000, 1)), tmp_path / "new" / "wide.webp")

    def full(self, path, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(CourseError, match="a.jpeg.*cannot be written .No space left"):
        batch.save(RED, place)
    assert place.read_bytes() == before and names(place.parent) == {"a.jpeg"}
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot be written"):
        batch.save(RED, tmp_path / "file" / "a.png")
