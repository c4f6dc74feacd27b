"""The files in data/: what the manifest, the READMEs, torchvision and the script that made them say
must agree.
"""

from __future__ import annotations

import importlib.util
import io
import re

import pytest
import torch
from PIL import Image
from torchvision import datasets

from gancourse import files
from gancourse.data import digits, faces, fashion, photo_sets, sources

ROW = re.compile(r"^\| `([^`]+)` \| (\d+) \| `([0-9a-f]{64})` \|", re.MULTILINE)


def test_the_manifest_is_up_to_date():
    assert sources.manifest(files.BUNDLED) == files.read_json(files.BUNDLED / sources.MANIFEST), (
        "data/ and data/manifest.json differ: run `python data/make_manifest.py`"
    )


def test_readmes_and_manifest_tell_the_same_hashes():
    listed = files.read_json(files.BUNDLED / sources.MANIFEST)
    told = {}
    for readme in files.BUNDLED.rglob("README.md"):
        folder = readme.parent.relative_to(files.BUNDLED)
        for name, size, sha256 in ROW.findall(readme.read_text(encoding="utf-8")):
            told[(folder / name).as_posix()] = {"sha256": sha256, "bytes": int(size)}
    assert told == {path: listed.get(path) for path in told}
    assert {path for path in listed if not path.startswith("weights/")} <= told.keys()


def test_the_index_names_every_folder():
    index = (files.BUNDLED / "README.md").read_text(encoding="utf-8")
    for folder in files.BUNDLED.iterdir():
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            assert f"| {folder.name} |" in index or f"({folder.name}/README.md)" in index


@pytest.mark.parametrize("room", [digits, fashion], ids=["digits", "clothes"])
@pytest.mark.parametrize(("train", "split"), [(True, "train"), (False, "test")])
def test_torchvision_opens_the_bundled_pictures(room, train, split):
    theirs = getattr(datasets, "MNIST" if room is digits else "FashionMNIST")(
        root=files.BUNDLED, train=train
    )
    ours = room.load(split, source="bundled")
    assert torch.equal(theirs.data, ours["image"].squeeze(1))
    assert torch.equal(theirs.targets, ours["label"])
    if room is fashion:
        assert tuple(theirs.classes) == fashion.NAMES


def script(folder: str):
    """The make.py of a folder of data/, as a module."""
    path = files.BUNDLED / folder / "make.py"
    if not path.is_file():
        pytest.skip("an installed package carries no scripts")
    spec = importlib.util.spec_from_file_location(f"make_{folder}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_three_decimals_keep_every_grey_level():
    levels = list(range(256)) * 49  # 12,544 levels are 16 pictures of 784
    restored = script("MNIST").pictures([round(level / 255, 3) for level in levels])
    assert len(restored) == 16 and b"".join(restored) == bytes(levels)


def test_the_script_makes_the_bundled_digits():
    make = script("MNIST")
    splits = [digits.load(split, source="bundled") for split in ("train", "test")]
    classes = [[] for _ in range(10)]
    for split in splits:
        for image, label in zip(split["image"], split["label"].tolist(), strict=True):
            classes[label].append(image.numpy().tobytes())
    order = "".join((files.BUNDLED / "MNIST" / "order.txt").read_text().split())
    for name, contents in make.files(make.interleave(classes, order), order).items():
        assert contents == (files.BUNDLED / "MNIST" / "raw" / name).read_bytes()
    with pytest.raises(ValueError, match="order.txt names 9999"):
        make.interleave(classes, order[:-1])


def test_the_script_deals_clothes_in_rounds():
    make = script("FashionMNIST")
    assert make.rounds(bytes([3, 3, 0, 3, 0, 1, 0]), each=2) == [0, 2, 5, 1, 4]
    for part in ("train", "t10k"):  # what is in rounds already stays as it is
        names = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
        held = [(files.BUNDLED / "FashionMNIST" / "raw" / name).read_bytes() for name in names]
        assert make.files(*held, part) == dict(zip(names, held, strict=True))


def test_the_script_cuts_and_lists_the_photographs():
    make = script("photos")
    sets = photo_sets.index("bundled"), photo_sets.index(*photo_sets.PLACES)
    assert make.table([*sets[0], *sets[1]]) == (files.BUNDLED / photo_sets.INDEX).read_bytes()
    kept = [(how.file, how.licence, how.credit) for how in make.CUTS]
    assert kept == [(photo.file, photo.licence, photo.credit) for photo in sets[0]]
    for how in make.CUTS:
        with Image.open(files.BUNDLED / "photos" / how.file) as image:
            assert image.size == how.size and not any(side % 12 for side in image.size)
            assert image.mode == "RGB" and "icc_profile" not in image.info
    how = make.Cut("x.jpg", "", "", (0, 4, 48, 40), (24, 18), "", "")
    held = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).convert("RGB").save(held, "PNG")
    made = Image.open(io.BytesIO(make.cut(held.getvalue(), how)))
    assert made.size == (24, 18)
    rows = [made.getpixel((9, y))[0] for y in (0, 17)]  # 4 + 1 and 4 + 35 of 48 rows down
    assert abs(rows[0] - 25) < 6 and abs(rows[1] - 205) < 6


def test_the_script_knows_a_word_for_every_face():
    make = script("faces")
    shown = {
        "hair": "long07",
        "hairColor": "#611c17",
        "skinColor": "#8d5524",
        "mouth": "happy11",
        "hat": "variant01",
    }
    assert make.in_words("pixel-art", shown, bearded=False) == {
        "glasses": "no glasses",
        "hat": "hat",
        "beard": "no beard",
        "hair_length": "long hair",
        "hair_colour": "brown",
        "skin_colour": "dark",
        "mouth": "happy",
    }
    tables = {
        "hair_colour": make.HAIR_COLOURS,
        "skin_colour": make.SKIN_COLOURS,
    }
    micah = {
        "hair_colour": make.MICAH_COLOURS,
        "shirt_colour": make.MICAH_COLOURS,
        "skin_colour": make.MICAH_SKINS,
        "hair": make.MICAH_HAIR,
        "eyes": make.MICAH_EYES,
        "eyebrows": make.MICAH_EYEBROWS,
    }
    for words, known in ((faces.ATTRIBUTES, tables), (faces.MICAH_ATTRIBUTES, micah)):
        for name, table in known.items():
            assert set(table.values()) == set(words[name])
