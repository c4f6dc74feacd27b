from __future__ import annotations

import json
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse.data import CourseWarning, folders, pairs, photos
from gancourse.files import CourseError
from gancourse.training.feed import identity

GREY, COLOUR = (1, 16, 16), (3, 16, 16)
RED, BLUE = (220, 20, 20), (20, 20, 220)
few = pytest.mark.filterwarnings("ignore:.*More would help:gancourse.data.sources.CourseWarning")


def picture(path: Path, seed: int | None = None, size=(20, 20), colour=RED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if seed is None:
        Image.new("RGB", size, colour).save(path)
    else:
        noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)


def left_out(caught) -> list[str]:
    """The lines of the one warning about files that were left out."""
    (warning,) = [each for each in caught if "left out" in str(each.message)]
    return str(warning.message).splitlines()


@few
def test_any_size_and_mode_becomes_one_shape(tmp_path):
    """Grey, palette, transparent, CMYK, turned by EXIF, and SVG."""
    picture(tmp_path / "a wide.jpg", seed=1, size=(90, 30))
    Image.new("L", (18, 18), 77).save(tmp_path / "b grey.png")
    Image.new("RGB", (40, 40), RED).quantize(4).save(tmp_path / "c palette.png")
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    clear.save(tmp_path / "d clear.png")
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(tmp_path / "e cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = Image.new("RGB", (20, 20), BLUE)
    turned.paste(RED, (0, 0, 20, 10))
    turned.save(tmp_path / "f turned.png", exif=exif)
    svg = '<svg viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" fill="{}"/></svg>'
    (tmp_path / "g.svg").write_text(svg.format("#0000ff"))
    found = folders.own("pictures", tmp_path, shape=COLOUR)
    assert found["image"].shape == (7, *COLOUR) and found["image"].dtype == torch.uint8
    assert (found.name, found.source) == (tmp_path.name, "yours") and not found.texts
    corner, foot = found["image"][:, :, 0, 0].tolist(), found["image"][:, :, -1, 0].tolist()
    assert corner[1] == [77, 77, 77] and corner[3] == [255, 255, 255] and corner[6] == [0, 0, 255]
    assert corner[2] == pytest.approx(RED, abs=4)
    assert corner[4][0] > 180 and max(corner[4][1:]) < 80
    assert corner[5] == list(BLUE) and foot[5] == list(RED)
    middle = Image.open(tmp_path / "a wide.jpg").crop((30, 0, 60, 30)).resize((16, 16), 1)
    near = found["image"][0].permute(1, 2, 0).int() - torch.from_numpy(np.array(middle)).int()
    assert near[2:-2, 2:-2].abs().max() <= 2, "the middle square, antialiased"
    grey = folders.own("pictures", tmp_path, shape=GREY)["image"]
    assert grey.shape == (7, *GREY) and grey[1].unique().tolist() == [77]
    assert all(
        word in folders.HOW for word in ("white", "shorter side", "middle square", "antialias")
    )


@few
def test_pictures_come_in_the_order_of_their_names_from_folders_inside_too(tmp_path):
    for i, name in enumerate(["z.png", "b/deep/x.png", "b/a.png", "a.PNG"]):
        picture(tmp_path / name, colour=(i, 0, 0))
    (tmp_path / "b" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    picture(tmp_path / "b" / "._a.png")
    picture(tmp_path / ".cache" / "a.png")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*left out")
        found = folders.own("pictures", tmp_path, shape=COLOUR)
    assert found["image"][:, 0, 0, 0].tolist() == [3, 2, 1, 0]
    assert len(folders.own("pictures", tmp_path, shape=COLOUR, limit=2)) == 2


@few
def test_broken_files_and_copies_are_named_in_one_warning(tmp_path):
    picture(tmp_path / "good.png", seed=1)
    (tmp_path / "again.png").write_bytes((tmp_path / "good.png").read_bytes())
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "zwei.png").write_bytes(b"")
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    with pytest.warns(CourseWarning) as caught:
        assert len(folders.own("pictures", tmp_path, shape=COLOUR)) == 1
    first, *lines = left_out(caught)
    assert first == f"{tmp_path}: 4 of 5 files were left out."
    for name in ("zero.png", "zwei.png", "torn.png"):
        assert any(f"{tmp_path / name}" in line for line in lines)
    assert any("good.png: the same file as" in line for line in lines)


@pytest.mark.parametrize("kind", ["pictures", "classes", "captions", "photos"])
def test_a_folder_without_pictures_is_refused(tmp_path, kind):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, reason in (
        ("empty", "no pictures"),
        ("file", "a file; give"),
        ("no", "missing; give"),
    ):
        with pytest.raises(CourseError, match=f"{name}: {reason}"):
            folders.own(kind, tmp_path / name, shape=COLOUR)


@pytest.mark.parametrize("kind", folders.KINDS)
def test_few_pictures_get_a_warning_that_says_what_to_expect(tmp_path, monkeypatch, kind):
    if kind == "pairs":
        picture(tmp_path / "a.png", seed=0, size=(40, 20))
    for label in ("x", "y"):
        for i in range(2):
            path = tmp_path / label / f"{label}{i}.png"
            picture(path, seed=2 * ord(label) + i, size=(30, 30))
            path.with_suffix(".txt").write_text("a caption")
    options = {"direction": "AtoB"} if kind == "pairs" else {}
    rows = {"pairs": 1, "classes": 2}.get(kind, 4)
    enough, expect = folders.FEW[kind]
    with pytest.warns(CourseWarning) as caught:
        folders.own(kind, tmp_path, shape=COLOUR, **options)
    (said,) = (str(warning.message) for warning in caught)
    assert f"{rows} " in said and f"fewer than {enough:,}; expect that {expect}" in said
    assert caught[0].filename == __file__
    # Here a warning would be an error.
    folders.own(kind, tmp_path, shape=COLOUR, learning=False, **options)
    monkeypatch.setitem(folders.FEW, kind, (rows, "x"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folders.own(kind, tmp_path, shape=COLOUR, **options)


# Classes


@few
def test_a_folder_for_each_class(tmp_path):
    for i, name in enumerate(["dog/1.png", "cat/2.png", "cat/more/1.png", "bird/1.png"]):
        picture(tmp_path / name, colour=(i, 0, 0))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    found = folders.own("classes", tmp_path, shape=COLOUR)
    assert found.words == {"label": ("bird", "cat", "dog")}
    assert found["label"].tolist() == [0, 1, 1, 2] and found["label"].dtype == torch.int64
    assert found["image"][:, 0, 0, 0].tolist() == [3, 1, 2, 0]


@few
def test_what_is_in_no_class_or_broken_is_named(tmp_path):
    picture(tmp_path / "loose.png")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "1.png").write_text("x")
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        picture(tmp_path / name, seed=7)  # one picture: twice in a, which is one too many, and in b
    with pytest.warns(CourseWarning) as caught:
        found = folders.own("classes", tmp_path, shape=COLOUR)
    assert found.words == {"label": ("a", "b")} and found["label"].tolist() == [0, 1]
    told = "\n".join(left_out(caught))
    assert "3 of 5 files" in told and "loose.png: in no class" in told and "2.png: the same" in told


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["train/1.png", "test/1.png"], "test and train, which are not classes"),
        (["a.png"], "no folders, which are not classes"),
        (["cat/a.png"], "only the class cat"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*left out")
def test_folders_that_are_no_classes_are_refused(tmp_path, names, reason):
    for name in names:
        picture(tmp_path / name)
    with pytest.raises(CourseError, match=reason):
        folders.own("classes", tmp_path, shape=COLOUR)


# Pairs


@few
def test_pairs_side_by_side_or_in_folders_a_and_b(tmp_path):
    for i in range(3):
        both = Image.new("RGB", (40, 20), (i, 0, 0))
        both.paste((0, 0, i), (20, 0, 40, 20))
        (tmp_path / "side").mkdir(exist_ok=True)
        both.save(tmp_path / "side" / f"{i}.png")
        picture(tmp_path / "ab" / "A" / f"{i}.png", colour=(i, 0, 0))
        picture(tmp_path / "ab" / "b" / f"{i}.png", colour=(0, 0, i))
    for folder in ("side", "ab"):
        forth, back = (
            folders.own("pairs", tmp_path / folder, shape=COLOUR, direction=direction)
            for direction in ("AtoB", "BtoA")
        )
        assert forth.name == folder
        assert (
            forth["input"][:, 0, 0, 0].tolist() == [0, 1, 2] == forth["target"][:, 2, 0, 0].tolist()
        )
        assert torch.equal(forth["input"], back["target"])
        assert torch.equal(forth["target"], back["input"])


@few
@pytest.mark.parametrize("make", pairs.KINDS)
def test_pairs_made_from_photos(tmp_path, make):
    for i in range(3):
        picture(tmp_path / f"{i}.png", seed=i, size=(30, 20))
    found = folders.own("pairs", tmp_path, shape=COLOUR, make=make)
    assert torch.equal(found["input"], getattr(pairs, make)(found["target"]))


def test_options_that_do_not_fit_are_refused(tmp_path):
    picture(tmp_path / "a.png", size=(40, 20))
    for kind, options, reason in (
        ("pairs", {}, "neither given; give direction .* or make"),
        ("pairs", {"direction": "AtoB", "make": "grey"}, "both given"),
        ("pairs", {"direction": "forth"}, "direction='forth'"),
        ("pairs", {"make": "sketch"}, "kind='sketch'"),
        ("pairs", {"direction": "AtoB", "shape": GREY}, "pairs are in colour"),
        ("pictures", {"direction": "AtoB"}, "direction='AtoB': only pairs have it"),
        ("classes", {"make": "grey"}, "make='grey': only pairs have it"),
        ("pictures", {"shape": (3, 16, 20)}, r"shape=\(3, 16, 20\): not a square"),
        ("pictures", {"shape": (4, 16, 16)}, r"shape=\(4, 16, 16\)"),
        ("pictures", {"shape": (2,)}, r"shape=\(2,\)"),
        ("pictures", {"shape": (3, 8, 8)}, "size"),
        ("pictures", {"limit": 0}, "limit=0"),
        ("movies", {}, "kind='movies': .*pictures, classes, pairs, captions, photos"),
    ):
        with pytest.raises(CourseError, match=reason):
            folders.own(kind, tmp_path, **{"shape": COLOUR, **options})


@few
def test_photos_are_cut_into_crops_of_the_shape(tmp_path):
    for i in range(3):
        picture(tmp_path / f"{i}.png", seed=i, size=(30 + i, 20))
    found = folders.own("photos", tmp_path, shape=COLOUR)
    assert isinstance(found, photos.Photos) and len(found) == 3 and found.side == 16


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_folder_a_without_a_folder_b_is_refused(tmp_path, name):
    picture(tmp_path / name / "1.png")
    with pytest.raises(CourseError, match=f"has a folder {name} only; give A and B"):
        folders.own("pairs", tmp_path, shape=COLOUR, direction="AtoB")


# Captions


@pytest.fixture
def birds(tmp_path):
    """Three pictures, of which one lies in a folder inside."""
    for i, name in enumerate(["a.png", "b.png", "wild/c.png"]):
        picture(tmp_path / name, colour=(i, 0, 0))
    return tmp_path


def write(folder: Path, captions) -> None:
    text = captions if isinstance(captions, str) else json.dumps(captions)
    (folder / folders.CAPTIONS).write_text(text, encoding="utf-8")


@few
def test_captions_travel_with_their_pictures(birds):
    captions = {"wild/c.png": "a wild bird", "a.png": "a red bird, small", "b.png": " blue – ü "}
    write(birds, captions)
    found = folders.own("captions", birds, shape=COLOUR)
    assert found["caption"] == ["a red bird, small", "blue – ü", "a wild bird"]
    assert found.columns.keys() == {"image", "caption"} and "caption (3,) str" in repr(found)
    taken = found.take(3, seed=1)
    order = taken["image"][:, 0, 0, 0].tolist()
    assert order != [0, 1, 2] and taken["caption"] == [found["caption"][i] for i in order]
    assert identity(found.columns) != identity({**found.columns, "caption": taken["caption"]})
    (birds / folders.CAPTIONS).unlink()
    for name, text in captions.items():
        (birds / name).with_suffix(".txt").write_text(f"\ufeff{text}\n", encoding="utf-8")
    assert folders.own("captions", birds, shape=COLOUR)["caption"] == found["caption"]


@few
def test_pictures_and_captions_without_each_other_are_named(birds):
    write(birds, {"a.png": "one", "b.png": "", "ghost.png": "nobody"})
    with pytest.warns(CourseWarning) as caught:
        assert folders.own("captions", birds, shape=COLOUR)["caption"] == ["one"]
    told = "\n".join(left_out(caught))
    assert "3 of 4 files" in told
    assert "ghost.png: has a caption, but there is no such picture" in told
    assert "b.png: no caption; add it to captions.json" in told and "c.png: no caption" in told
    (birds / folders.CAPTIONS).unlink()
    (birds / "a.txt").write_text("one")
    (birds / "b.txt").write_text(" \n")
    picture(birds / "a.jpg")
    with pytest.warns(CourseWarning) as caught:
        assert folders.own("captions", birds, shape=COLOUR)["caption"] == ["one"]
    told = "\n".join(left_out(caught))
    assert "b.txt is empty" in told and "c.png: no caption in c.txt" in told
    assert "a.png: a.txt is the caption of a.jpg; rename one" in told


@few
@pytest.mark.parametrize("here, there", [("NFC", "NFD"), ("NFD", "NFC")])
def test_captions_find_names_however_accents_are_stored(tmp_path, here, there):
    stem, other = (unicodedata.normalize(form, "café") for form in (here, there))
    picture(tmp_path / f"{stem}.png")
    write(tmp_path, {f"./{other}.png": "coffee"})
    assert folders.own("captions", tmp_path, shape=COLOUR)["caption"] == ["coffee"]
    picture(tmp_path / f"{other}.png")
    with pytest.warns(CourseWarning, match="another file has this name"):
        assert folders.own("captions", tmp_path, shape=COLOUR)["caption"] == ["coffee"]
    (tmp_path / f"{other}.png").unlink()
    (tmp_path / folders.CAPTIONS).unlink()
    (tmp_path / f"{other}.txt").write_text("coffee")
    assert folders.own("captions", tmp_path, shape=COLOUR)["caption"] == ["coffee"]


@few
def test_a_picture_may_have_several_captions(birds):
    """A list, or the lines of a .txt; what has no letter is none."""
    several = {
        "a.png": ["one", " two ", "!!"],
        "b.png": "three",
        "wild/c.png": ["four", "\ud800 5"],
    }
    write(birds, several)
    found = folders.own("captions", birds, shape=COLOUR)
    wanted = [("one", "two"), ("three",), ("four", "5")]
    assert found.texts["caption"] == wanted and found["caption"] == ["one", "three", "four"]
    assert "caption (3,) str in 5 wordings" in repr(found)
    (birds / folders.CAPTIONS).unlink()
    for name, lines in zip(several, ["\ufeffone\n\n two\r\n", "three", "four\n?!\n5"], strict=True):
        (birds / name).with_suffix(".txt").write_text(lines, encoding="utf-8")
    again = folders.own("captions", birds, shape=COLOUR)
    assert again.texts == found.texts and identity(again.columns) == identity(found.columns)


def birds_and_flowers(folder: Path, kind: str) -> dict[str, Path]:
    """A small data set in a standard layout: {the name of a picture: its captions}."""
    known = {}
    for i, name in enumerate(["one", "two", "three"]):
        of_class = f"00{i % 2 + 1}.Class"
        if kind == "flowers":
            image, text = f"jpg/image_{name}.jpg", f"text_c10/class_0000{i}/image_{name}.txt"
        else:
            image, text = f"images/{of_class}/{name}.jpg", f"text_c10/{of_class}/{name}.txt"
        if kind == "CUB_200_2011":
            image = f"CUB_200_2011/{image}"
        picture(folder / image, colour=(80 * i, 0, 0))
        known[name] = folder / text
        known[name].parent.mkdir(parents=True, exist_ok=True)
        known[name].write_text(f"{name} it is .\nand {name} again\n")
        known[name].with_suffix(".h5").write_bytes(b"x")
    for mask in ("segmentations/001.Class/one.png", "attributes/two.png"):
        picture(folder / mask)
    (folder / "text_c10" / "001.Class.t7").write_bytes(b"x")
    (folder / "README.txt").write_text("no caption")
    return known


@few
@pytest.mark.parametrize("kind", ["birds", "CUB_200_2011", "flowers"])
def test_standard_layouts_of_captions_are_found(tmp_path, kind):
    known = birds_and_flowers(tmp_path, kind)
    (tmp_path / "text_c10" / "._one.txt").write_text("a Mac's")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*left out")
        found = folders.own("captions", tmp_path, shape=COLOUR)
    shown = sorted(zip(found["image"][:, 0, 8, 8].tolist(), found.texts["caption"], strict=True))
    assert [level for level, _ in shown] == pytest.approx([0, 80, 160], abs=4), "and no masks"
    assert [each for _, each in shown] == [(f"{n} it is .", f"and {n} again") for n in known]


@few
def test_what_a_standard_layout_lacks_is_named(tmp_path):
    known = birds_and_flowers(tmp_path, "birds")
    known["one"].unlink()
    known["two"].write_bytes(b"\xff\xfe")
    picture(tmp_path / "images" / "004.Class" / "four.jpg")
    for other in ("001.Other", "006.Class"):
        (tmp_path / "text_c10" / other).mkdir()
        (tmp_path / "text_c10" / other / "four.txt").write_text("four")
    (tmp_path / "text_c10" / "lost.txt").write_text("lost")
    with pytest.warns(CourseWarning) as caught:
        found = folders.own("captions", tmp_path, shape=COLOUR)
    assert found.texts["caption"] == [("three it is .", "and three again")]
    told = "\n".join(left_out(caught))
    assert "4 of 5 files" in told and "one.jpg: no caption in one.txt" in told
    assert "two.jpg: no caption in two.txt" in told and "lost.txt: captions of no picture" in told
    assert "four.jpg: captions in " in told and "keep one of the two" in told
    # Of two files of one name, that of the same class counts.
    (tmp_path / "text_c10" / "004.Class").mkdir()
    (tmp_path / "text_c10" / "004.Class" / "four.txt").write_text("my four")
    with pytest.warns(CourseWarning, match="left out"):
        found = folders.own("captions", tmp_path, shape=COLOUR)
    assert ("my four",) in found.texts["caption"]
    (tmp_path / "images").rename(tmp_path / "photos")
    with pytest.raises(CourseError, match="has text_c10, and no pictures beside it; add"):
        folders.own("captions", tmp_path, shape=COLOUR)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('{"a.png": "one"', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"a.png": "one", "a.png": "two"}', "a.png occurs twice; keep one, with a list"),
        ('{"caf\\u00e9.png": "one", "cafe\\u0301.png": "two"}', "café.png occurs twice"),
        ('{"a.png": ["one", 2]}', "the caption of a.png is not a text"),
        ('{"a.png": ["one", ["two"]]}', "the caption of a.png is not a text"),
        ('{"a.png": {"text": "one"}}', "the caption of a.png is not a text"),
        ('["one", "two"]', "not one caption for each name"),
        ('"one"', "not one caption for each name"),
        ("7", "not one caption for each name"),
        ("{}", "none of its 3 pictures can be used"),
        (
            '{"a.png": [], "b.png": "!? 🚤", "wild/c.png": ["", "..."]}',
            "(?s)none of its 3 .*c.png: no caption",
        ),
    ],
)
def test_captions_that_cannot_be_read_are_refused(birds, written, reason):
    write(birds, written)
    with pytest.raises(CourseError, match=reason):
        folders.own("captions", birds, shape=COLOUR)


def test_captions_in_another_encoding_are_refused(birds):
    (birds / folders.CAPTIONS).write_bytes('{"a.png": "café"}'.encode("latin-1"))
    with pytest.raises(CourseError, match="captions.json: cannot be read as JSON .*UTF-8"):
        folders.own("captions", birds, shape=COLOUR)
