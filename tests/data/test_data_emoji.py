from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import pytest
import torch
from torch.nn.functional import normalize

from gancourse import data, files
from gancourse.data import CourseWarning, emoji
from gancourse.files import CourseError, DamagedFile

COUNTS = {"train": 1044, "test": 321}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def small(folder):
    """Both splits at the smallest size, where a picture takes a millisecond."""
    return {split: data.load("emoji", split, size=16, root=folder) for split in emoji.SPLITS}


def few(monkeypatch, n=3):
    """Only the first `n` pairs of every split from now on."""
    whole = emoji.index
    monkeypatch.setattr(emoji, "index", lambda split: whole(split)[:n])


def centred(pictures) -> torch.Tensor:
    """(N, 256): line art whose scalar products are correlations."""
    ink = 255 - pictures["input"].float().flatten(1)
    return normalize(ink - ink.mean(dim=1, keepdim=True), dim=1)


def test_pictures_captions_and_concepts(small):
    seen = set()
    for split, n in COUNTS.items():
        found = small[split]
        assert (
            list(found.tensors) == ["input", "target", "concept"]
            and found.licence == emoji.ABOUT["emoji"].terms
        )
        assert found["input"].shape == (n, 1, 16, 16) and found["input"].dtype == torch.uint8
        assert found["target"].shape == (n, 3, 16, 16) and found["target"].dtype == torch.uint8
        assert found["concept"].shape == (n,) and found["concept"].dtype == torch.int64
        assert found["input"].is_contiguous() and found["target"].is_contiguous()
        assert len(emoji.captions(split)) == len(emoji.index(split)) == n
        seen |= set(found["concept"].tolist())
    assert seen == set(range(len(emoji.concepts())))
    assert emoji.ABOUT["emoji"].terms == "CC BY-SA 4.0, OpenMoji"


def test_no_concept_is_in_both_splits(small):
    train, test = (set(small[split]["concept"].tolist()) for split in emoji.SPLITS)
    assert not train & test
    assert 0.17 < len(test) / len(train | test) < 0.23


def test_the_hash_of_its_name_alone_decides_where_a_concept_goes():
    for split in emoji.SPLITS:
        for entry in emoji.index(split):
            number = int(hashlib.sha256(entry["concept"].encode()).hexdigest()[:8], 16)
            assert (number % 5 == 0) == (split == "test"), entry


def test_gender_skin_and_direction_make_no_new_concept():
    """Told from the code points alone, not by what made the index."""
    concept = {
        entry["hexcode"]: entry["concept"] for split in emoji.SPLITS for entry in emoji.index(split)
    }
    assert not any(f"1F3F{tone}" in code for code in concept for tone in "BCDEF"), "a skin tone"
    compared = 0
    for code, name in concept.items():
        for suffix in ("-200D-2640-FE0F", "-200D-2642-FE0F", "-200D-27A1-FE0F"):
            base = code.removesuffix(suffix).removesuffix("-FE0F")
            for other in (base, f"{base}-FE0F"):
                if suffix in code and other in concept:
                    assert concept[other] == name, (code, other)
                    compared += 1
        for one, other in (("1F468-200D-", "1F469-200D-"), ("1F468-200D-", "1F9D1-200D-")):
            twin = other + code.removeprefix(one)
            if code.startswith(one) and twin in concept:
                assert concept[twin] == name, (code, twin)
                compared += 1
    assert compared > 100


def test_no_line_art_has_a_near_twin_in_the_other_split(small):
    """By the correlation of pixels: another measure than the one that joined the concepts."""
    train, test = (centred(small[split]) for split in emoji.SPLITS)
    nearest = (test @ train.T).amax(dim=1)
    assert nearest.max() < 0.95 and (nearest > 0.9).float().mean() < 0.07
    within = (train @ train.T).fill_diagonal_(0).amax(dim=1)
    assert (within > 0.95).float().mean() > 0.1, "twins there are, and this test would see them"


def test_no_line_art_occurs_twice_in_any_split(small):
    with zipfile.ZipFile(files.BUNDLED / emoji.ARCHIVE) as archive:
        names = [
            f"line_art/{entry['hexcode']}.svg"
            for split in emoji.SPLITS
            for entry in emoji.index(split)
        ]
        assert len({archive.read(name) for name in names}) == len(names) == sum(COUNTS.values())
        colours = [name.replace("line_art", "colour") for name in names]
        assert sorted(archive.namelist()) == sorted([*names, *colours, "index.json"])


def test_input_is_grey_line_art_and_target_the_same_in_colour(folder, monkeypatch):
    few(monkeypatch, 24)
    found = data.load("emoji", "test", size=72, root=folder / "72")
    line, colour = found["input"][:, 0], found["target"]
    assert (line[:, 0] == 255).all() and (colour[:, :, 0] == 255).all(), "not on white"
    ink = line < 64
    assert (ink.float().mean(dim=(1, 2)) > 0.02).all() and (
        ink.float().mean(dim=(1, 2)) < 0.5
    ).all()
    covered = torch.stack(
        [
            (one.amax(dim=0) < 128)[mask].float().mean()
            for one, mask in zip(colour, ink, strict=True)
        ]
    )
    assert covered.min() > 0.85
    assert ((colour.amax(dim=1).int() - colour.amin(dim=1)) > 40).float().mean(
        dim=(1, 2)
    ).min() > 0.015
    first = emoji.captions("test")[0]
    assert first == "grinning face" and emoji.words(found, 0) == "face grinning"
    assert (colour[0, :, 22, 36] - torch.tensor([252, 234, 43])).abs().max() < 4, (
        "its forehead is yellow"
    )
    assert line[0, 22, 36] == 255 and (line[0, 31, [27, 45]] == 0).all(), "its eyes are black"


def test_what_was_rendered_is_kept_and_a_damaged_file_is_rendered_anew(tmp_path, monkeypatch):
    few(monkeypatch)
    drawn = []
    true = emoji._render
    monkeypatch.setattr(
        emoji, "_render", lambda split, size: drawn.append((split, size)) or true(split, size)
    )
    first = data.load("emoji", size=20, root=tmp_path)
    (path,) = (tmp_path / "openmoji").iterdir()
    assert path.name.startswith("train-20-") and "resvg" in path.name and drawn == [("train", 20)]
    whole = path.read_bytes()
    assert (
        torch.equal(data.load("emoji", size=20, root=tmp_path)["target"], first["target"])
        and len(drawn) == 1
    )
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for n, damaged in enumerate((flipped, whole[:-1], b"", b"\0" * len(whole)), 2):
        path.write_bytes(damaged)
        again = data.load("emoji", size=20, root=tmp_path)
        assert all(torch.equal(again[name], first[name]) for name in first.tensors)
        assert len(drawn) == n and path.read_bytes() == whole
    data.load("emoji", "test", size=20, root=tmp_path)
    assert drawn[-1] == ("test", 20) and len(list((tmp_path / "openmoji").iterdir())) == 2


def test_a_cache_of_another_size_is_not_taken_for_this_one(tmp_path, monkeypatch):
    few(monkeypatch)
    data.load("emoji", size=20, root=tmp_path)
    (path,) = (tmp_path / "openmoji").iterdir()
    path.rename(path.with_name(path.name.replace("train", "test")))
    fresh = data.load("emoji", "test", size=20, root=tmp_path)
    assert not torch.equal(fresh["input"], data.load("emoji", size=20, root=tmp_path)["input"])


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(tmp_path, monkeypatch):
    few(monkeypatch)
    (tmp_path / "openmoji").write_text("a file where the folder should be")
    with pytest.warns(
        CourseWarning, match="openmoji: the rendered.*cannot be kept.*GANCOURSE_DATA"
    ):
        found = data.load("emoji", size=20, root=tmp_path)
    assert len(found) == 3


@pytest.mark.parametrize("size", [15, 513, 64.0, True, "64", None])
def test_a_size_that_cannot_be_rendered_is_refused(size):
    with pytest.raises(CourseError, match=r"size=.*: not a number of pixels.*give 16 to 512"):
        data.load("emoji", size=size)


def test_an_unknown_word_is_answered_with_the_known_ones():
    with pytest.raises(CourseError, match="split='validation': the emoji have no.*train, test"):
        data.load("emoji", "validation")
    with pytest.raises(CourseError, match="source='web': the emoji have no.*auto, bundled, full"):
        data.load("emoji", source="web")
    with pytest.raises(CourseError, match="split='all'"):
        emoji.captions("all")


def test_a_damaged_archive_is_named_and_refused(tmp_path, monkeypatch):
    shutil.copytree(files.BUNDLED / "openmoji", tmp_path / "openmoji")
    monkeypatch.setattr(files, "BUNDLED", tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(data.sources.manifest(tmp_path)))
    assert len(emoji.captions("test")) == COUNTS["test"]
    path = tmp_path / emoji.ARCHIVE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match="pairs.zip.*not the published file"):
        data.load("emoji", size=16, root=tmp_path)
