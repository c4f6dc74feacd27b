"""The files in data/: what the manifest, the READMEs, torchvision and the script that made them say must agree."""

from __future__ import annotations

import importlib.util
import re

import pytest
import torch

from gancourse import files
from gancourse.data import digits, sources

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
    assert {path for path in listed if path.startswith("MNIST/")} == {
        path for path in told if path.startswith("MNIST/")
    }


def test_the_index_names_every_folder():
    index = (files.BUNDLED / "README.md").read_text(encoding="utf-8")
    for folder in files.BUNDLED.iterdir():
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            assert f"| {folder.name} |" in index or f"({folder.name}/README.md)" in index


@pytest.mark.parametrize(("train", "split"), [(True, "train"), (False, "test")])
def test_torchvision_opens_the_bundled_digits(train, split):
    from torchvision.datasets import MNIST

    theirs, ours = MNIST(root=files.BUNDLED, train=train), digits.load(split, source="bundled")
    assert torch.equal(theirs.data, ours["image"].squeeze(1))
    assert torch.equal(theirs.targets, ours["label"])


@pytest.fixture
def make():
    if not (files.BUNDLED / "MNIST" / "make.py").is_file():
        pytest.skip("an installed package carries no scripts")
    spec = importlib.util.spec_from_file_location("make_mnist", files.BUNDLED / "MNIST" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_three_decimals_keep_every_grey_level(make):
    levels = list(range(256)) * 49  # 12,544 levels are 16 pictures of 784
    restored = make.pictures([round(level / 255, 3) for level in levels])
    assert len(restored) == 16 and b"".join(restored) == bytes(levels)


def test_the_script_makes_the_bundled_files(make):
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
