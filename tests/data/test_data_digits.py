from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from gancourse import data, files
from gancourse.data import digits
from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError, DamagedFile

pytestmark = pytest.mark.filterwarnings("error::gancourse.data.sources.CourseWarning")


def idx(array: torch.Tensor) -> bytes:
    head = struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape)
    return head + array.to(torch.uint8).numpy().tobytes()


@pytest.fixture
def official(monkeypatch) -> dict[str, bytes]:
    """A stand-in for the official files (60 train, 12 test) whose hashes the module takes for the published ones."""
    random = torch.Generator().manual_seed(0)
    contents = {}
    for part, n in {"train": 60, "t10k": 12}.items():
        contents[f"{part}-images-idx3-ubyte"] = idx(torch.randint(256, (n, 28, 28), generator=random))
        contents[f"{part}-labels-idx1-ubyte"] = idx(torch.arange(n) % 10)
    contents |= {f"{name}.gz": gzip.compress(whole, mtime=0) for name, whole in contents.items()}
    hashes = {name: files.hashlib.sha256(whole).hexdigest() for name, whole in contents.items()}
    monkeypatch.setattr(digits, "OFFICIAL", hashes)
    return contents


def put(root: Path, contents: dict[str, bytes], suffix: str = "") -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name in digits.NAMES:
        (folder / f"{name}{suffix}").write_bytes(contents[f"{name}{suffix}"])
    return folder


@pytest.mark.parametrize(("split", "n"), [("train", 8000), ("test", 2000), ("train-50000", 6666), ("validation", 1334)])
def test_bundled_digits(split, n):
    found = digits.load(split, source="bundled")
    assert found.source == "bundled" and "CC BY-SA 3.0" in found.licence and len(found) == n
    assert found["image"].shape == (n, 1, 28, 28) and found["image"].dtype == torch.uint8
    assert found["label"].shape == (n,) and found["label"].dtype == torch.int64
    assert found["label"].unique().tolist() == list(range(10))
    assert found["image"].max() == 255 and found["image"].min() == 0
    assert 0.12 < found["image"].float().mean() / 255 < 0.14  # MNIST's mean is 0.1307: ink is bright, paper 0


def test_the_first_digits_are_mnists_own():
    assert digits.load(source="bundled")["label"][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "gz"])
def test_the_full_set_is_found_in_the_root(official, tmp_path, suffix, monkeypatch):
    put(tmp_path, official, suffix)
    assert {split: len(digits.load(split, root=tmp_path)) for split in digits.SPLITS} == {
        "train": 60,
        "test": 12,
        "train-50000": 50,
        "validation": 10,
    }
    found = digits.load("test", root=tmp_path, source="full", strict=True)
    assert found.source == "full" and found["image"].shape == (12, 1, 28, 28)
    assert idx(found["image"].squeeze(1)) == official["t10k-images-idx3-ubyte"]
    assert found["label"].tolist() == [*range(10), 0, 1]
    assert digits.load(root=tmp_path, source="bundled").source == "bundled"
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    assert digits.load().source == "full"


def hostile(promised: tuple[int, ...]) -> bytes:
    return struct.pack(f">4B{len(promised)}I", 0, 0, 8, len(promised), *promised) + bytes(100)


DAMAGES = {
    "truncated": lambda whole: whole[:-1],
    "empty": lambda whole: b"",
    "one bit": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "absurd sizes": lambda whole: hostile((2**32 - 1,) * 3),
    "a page instead": lambda whole: b"<html>Please log in</html>",
    "a pickle instead": lambda whole: b"\x80\x04cos\nsystem\n(S'false'\ntR.",
}


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_named_and_never_replaced_in_silence(official, tmp_path, damage, source):
    name = "train-images-idx3-ubyte"
    path = put(tmp_path, official) / name
    path.write_bytes(damage(official[name]))
    with pytest.raises(DamagedFile) as caught:
        digits.load(root=tmp_path, source=source)
    for part in (str(path), digits.OFFICIAL[name], "Delete it", 'source="full"'):
        assert part in str(caught.value)
    assert digits.load("test", root=tmp_path).source == "full"


def test_a_swapped_part_is_refused(official, tmp_path):
    folder = put(tmp_path, official)
    (folder / "t10k-images-idx3-ubyte").write_bytes(official["train-images-idx3-ubyte"])
    with pytest.raises(DamagedFile, match="t10k-images-idx3-ubyte"):
        digits.load("test", root=tmp_path)


def test_a_zip_bomb_is_not_unpacked(official, tmp_path, monkeypatch):
    folder = put(tmp_path, official, ".gz")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(5_000_000)))
    monkeypatch.setattr(gzip, "decompress", lambda *_: pytest.fail("unpacked before its hash was checked"))
    with pytest.raises(DamagedFile):
        digits.load(root=tmp_path)


@pytest.mark.parametrize(
    "contents",
    [
        hostile((2**31 - 1, 28, 28)),
        hostile((2**32 - 1,) * 3),
        hostile((99,)),
        hostile(()),
        hostile((0, 28, 28))[:-100],
        b"",
        b"\0\0\x08",
        b"\0\0\x08\xff",
        b"\0\0\x0d\1",
    ],
)
def test_a_header_that_lies_allocates_nothing(contents):
    with pytest.raises(DamagedFile, match="pictures is not an IDX file"):
        digits._parse(contents, "pictures")
    assert digits._parse(hostile((4, 5, 5)), "pictures").shape == (4, 5, 5)


def test_auto_takes_the_bundled_digits_without_asking_the_network(monkeypatch):
    monkeypatch.setattr(digits, "_download", lambda folder: pytest.fail("auto must not download"))
    assert digits.load().source == "bundled"


def test_auto_warns_when_the_root_it_was_given_holds_no_digits(tmp_path):
    with pytest.warns(CourseWarning, match="does not hold MNIST.*bundled"):
        assert digits.load(root=tmp_path).source == "bundled"
    with pytest.raises(CourseError, match="strict"):
        digits.load(strict=True)


def test_full_without_a_network_warns_and_strict_refuses(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    def download(self):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(MNIST, "download", download)
    with pytest.warns(CourseWarning, match="(?s)Error downloading.*bundled digits.*put the four official files"):
        assert digits.load(source="full", root=tmp_path).source == "bundled"
    with pytest.raises(CourseError) as caught:
        digits.load(source="full", root=tmp_path, strict=True)
    for part in ("Error downloading", str(tmp_path), *digits.NAMES):
        assert part in str(caught.value)
    assert list(tmp_path.rglob("*ubyte*")) == [] and list(tmp_path.rglob(".download*")) == []


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionResetError(), PermissionError("denied")])
def test_every_trouble_of_a_download_is_a_warning(tmp_path, monkeypatch, error):
    from torchvision.datasets import MNIST

    def download(self):
        raise error

    monkeypatch.setattr(MNIST, "download", download)
    with pytest.warns(CourseWarning, match=str(error) or "ConnectionResetError"):
        digits.load(source="full", root=tmp_path)


def test_torchvision_itself_meets_no_network(tmp_path):
    with pytest.warns(CourseWarning, match="tests use no network"):
        assert digits.load(source="full", root=tmp_path).source == "bundled"


def test_full_downloads_once_whole_and_verified(official, tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    calls = []

    def download(self):
        calls.append(self.root)
        put(Path(self.root), official)

    monkeypatch.setattr(MNIST, "download", download)
    assert digits.load(source="full", root=tmp_path, strict=True).source == "full"
    assert digits.load("test", source="full", root=tmp_path, strict=True).source == "full"
    assert len(calls) == 1
    assert sorted(path.name for path in (tmp_path / "MNIST").rglob("*")) == sorted(["raw", *digits.NAMES])


def test_a_download_of_other_files_is_refused_and_not_kept(official, tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    swapped = official | {"t10k-labels-idx1-ubyte": idx(torch.zeros(12))}
    monkeypatch.setattr(MNIST, "download", lambda self: put(Path(self.root), swapped))
    with pytest.raises(DamagedFile, match="t10k-labels-idx1-ubyte"):
        digits.load(source="full", root=tmp_path)
    assert not (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").exists()


def test_the_bundled_folder_may_be_the_root_but_is_never_overwritten(monkeypatch):
    assert digits.load(root=files.BUNDLED).source == "bundled"
    monkeypatch.setattr(digits, "_download", lambda folder: pytest.fail("the bundled digits would be overwritten"))
    with pytest.raises(CourseError, match="Give another root"):
        digits.load(root=files.BUNDLED, source="full", strict=True)


@pytest.mark.parametrize(("what", "given"), [("split", "validate"), ("source", "web")])
def test_an_unknown_word_is_answered_with_the_known_ones(what, given):
    with pytest.raises(CourseError, match=f"no {what} '{given}'.*{'train-50000' if what == 'split' else 'bundled'}"):
        digits.load(**{what: given})


def test_stacked_is_three_digits_as_one_colour_picture():
    ones = digits.load("test")
    found = data.load("stacked", "test", n=500, seed=4)
    assert found["image"].shape == (500, 3, 28, 28) and found["image"].dtype == torch.uint8
    assert found["label"].dtype == torch.int64 and found["label"].min() >= 0 and found["label"].max() <= 999
    by_picture = {
        image.numpy().tobytes(): int(label) for image, label in zip(ones["image"], ones["label"], strict=True)
    }
    for image, label in zip(found["image"], found["label"].tolist(), strict=True):
        red, green, blue = (by_picture[channel.numpy().tobytes()] for channel in image)
        assert label == 100 * red + 10 * green + blue
    assert torch.equal(found["image"], digits.stacked(500, 4, "test")["image"])
    assert not torch.equal(found["image"], digits.stacked(500, 5, "test")["image"])


def test_stacked_reaches_all_thousand_modes():
    assert len(digits.stacked(25_600, seed=0)["label"].unique()) == 1000
    with pytest.raises(CourseError, match="n >= 1"):
        digits.stacked(0)


def test_load_by_name():
    assert repr(data.load("digits", "test", source="bundled")).startswith("Pictures(MNIST test, bundled: image (2000,")
    with pytest.raises(CourseError, match="digits, stacked, grid, ring, spiral"):
        data.load("cats")
    with pytest.raises(AttributeError):
        data.cats  # noqa: B018


def test_importing_the_room_imports_neither_torch_nor_torchvision():
    code = "import sys, gancourse.data; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=files.BUNDLED.parent).returncode == 0


def test_loading_leaves_no_warning_behind():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        digits.load("test")
