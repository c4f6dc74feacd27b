"""Both data sets in MNIST's format, through one reader: what lies in a root, what is damaged, what
is downloaded.
"""

from __future__ import annotations

import gzip
import struct
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from gancourse import files
from gancourse.data import digits, fashion, idx
from gancourse.data.idx import NAMES, SPLITS
from gancourse.data.sources import CourseWarning
from gancourse.files import CourseError, DamagedFile

pytestmark = pytest.mark.filterwarnings("error::gancourse.data.sources.CourseWarning")
PUBLISHED = {digits: "MNIST", fashion: "FASHION"}


@pytest.fixture(params=list(PUBLISHED), ids=["digits", "clothes"])
def room(request):
    return request.param


def published(room) -> idx.Published:
    return getattr(room, PUBLISHED[room])


def written(array: torch.Tensor) -> bytes:
    head = struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape)
    return head + array.to(torch.uint8).numpy().tobytes()


@pytest.fixture
def official(room, monkeypatch) -> dict[str, bytes]:
    """A stand-in for the official files (60 train, 12 test) whose hashes the module takes for the
    published ones.
    """
    random = torch.Generator().manual_seed(0)
    contents = {}
    for part, n in {"train": 60, "t10k": 12}.items():
        contents[f"{part}-images-idx3-ubyte"] = written(
            torch.randint(256, (n, 28, 28), generator=random)
        )
        contents[f"{part}-labels-idx1-ubyte"] = written(torch.arange(n) % 10)
    contents |= {f"{name}.gz": gzip.compress(whole, mtime=0) for name, whole in contents.items()}
    hashes = {name: files.hashlib.sha256(whole).hexdigest() for name, whole in contents.items()}
    monkeypatch.setattr(room, PUBLISHED[room], replace(published(room), official=hashes))
    return contents


def put(room, root: Path, contents: dict[str, bytes], suffix: str = "") -> Path:
    folder = Path(root) / published(room).raw
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / f"{name}{suffix}").write_bytes(contents[f"{name}{suffix}"])
    return folder


@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["plain", "gz"])
def test_the_full_set_is_found_in_the_root(room, official, tmp_path, suffix, monkeypatch):
    put(room, tmp_path, official, suffix)
    assert {split: len(room.load(split, root=tmp_path)) for split in SPLITS} == {
        "train": 60,
        "test": 12,
        "train-50000": 50,
        "validation": 10,
    }
    found = room.load("test", root=tmp_path, source="full", strict=True)
    assert found.source == "full" and found["image"].shape == (12, 1, 28, 28)
    assert written(found["image"].squeeze(1)) == official["t10k-images-idx3-ubyte"]
    assert found["label"].tolist() == [*range(10), 0, 1]
    assert room.load(root=tmp_path, source="bundled").source == "bundled"
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    assert room.load().source == "full"


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
def test_a_damaged_file_is_named_and_never_replaced_in_silence(
    room, official, tmp_path, damage, source
):
    name = "train-images-idx3-ubyte"
    path = put(room, tmp_path, official) / name
    path.write_bytes(damage(official[name]))
    with pytest.raises(DamagedFile) as caught:
        room.load(root=tmp_path, source=source)
    for part in (str(path), published(room).official[name], "Delete it", 'source="full"'):
        assert part in str(caught.value)
    assert room.load("test", root=tmp_path).source == "full"


def test_a_swapped_part_is_refused(room, official, tmp_path):
    folder = put(room, tmp_path, official)
    (folder / "t10k-images-idx3-ubyte").write_bytes(official["train-images-idx3-ubyte"])
    with pytest.raises(DamagedFile, match="t10k-images-idx3-ubyte"):
        room.load("test", root=tmp_path)


def test_the_other_sets_files_are_refused(room, tmp_path):
    other = fashion if room is digits else digits
    folder = tmp_path / published(room).raw
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes((files.BUNDLED / published(other).raw / name).read_bytes())
    for split in SPLITS:
        with pytest.raises(DamagedFile, match="not the published file"):
            room.load(split, root=tmp_path)


def test_a_zip_bomb_is_not_unpacked(room, official, tmp_path, monkeypatch):
    folder = put(room, tmp_path, official, ".gz")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(5_000_000)))
    monkeypatch.setattr(
        gzip, "decompress", lambda *_: pytest.fail("unpacked before its hash was checked")
    )
    with pytest.raises(DamagedFile):
        room.load(root=tmp_path)


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
    with pytest.raises(DamagedFile, match="pictures: not an IDX file"):
        idx.parse(contents, "pictures")
    assert idx.parse(hostile((4, 5, 5)), "pictures").shape == (4, 5, 5)


def test_auto_takes_the_bundled_digits_without_asking_the_network(room, monkeypatch):
    monkeypatch.setattr(idx, "_download", lambda *_: pytest.fail("auto must not download"))
    assert room.load().source == "bundled"


def test_auto_warns_when_the_root_it_was_given_holds_no_digits(room, tmp_path):
    with pytest.warns(
        CourseWarning, match=f"{published(room).name} is not there.*bundled"
    ) as caught:
        assert room.load(root=tmp_path).source == "bundled"
    assert caught[0].filename == __file__, "the warning does not point to the call"
    with pytest.raises(CourseError, match="cannot stand in"):
        room.load(strict=True)


def test_full_without_a_network_warns_and_strict_refuses(room, tmp_path, monkeypatch):
    def download(self):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    things = published(room).things
    monkeypatch.setattr(getattr(datasets, published(room).torchvision), "download", download)
    with pytest.warns(
        CourseWarning, match=f"(?s)Error downloading.*bundled {things}.*put the four official files"
    ):
        assert room.load(source="full", root=tmp_path).source == "bundled"
    with pytest.raises(CourseError) as caught:
        room.load(source="full", root=tmp_path, strict=True)
    for part in ("Error downloading", str(tmp_path), *NAMES):
        assert part in str(caught.value)
    assert list(tmp_path.rglob("*ubyte*")) == [] and list(tmp_path.rglob(".download*")) == []


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), ConnectionResetError(), PermissionError("denied")]
)
def test_every_trouble_of_a_download_is_a_warning(room, tmp_path, monkeypatch, error):
    def download(self):
        raise error

    monkeypatch.setattr(getattr(datasets, published(room).torchvision), "download", download)
    with pytest.warns(CourseWarning, match=str(error) or "ConnectionResetError"):
        room.load(source="full", root=tmp_path)


def test_torchvision_itself_meets_no_network(room, tmp_path):
    with pytest.warns(CourseWarning, match="tests use no network"):
        assert room.load(source="full", root=tmp_path).source == "bundled"


def test_full_downloads_once_whole_and_verified(room, official, tmp_path, monkeypatch):
    calls = []

    def download(self):
        calls.append(self.root)
        put(room, self.root, official)

    monkeypatch.setattr(getattr(datasets, published(room).torchvision), "download", download)
    assert room.load(source="full", root=tmp_path, strict=True).source == "full"
    assert room.load("test", source="full", root=tmp_path, strict=True).source == "full"
    assert len(calls) == 1
    assert sorted(
        path.name for path in (tmp_path / published(room).torchvision).rglob("*")
    ) == sorted(["raw", *NAMES])


def test_a_download_of_other_files_is_refused_and_not_kept(room, official, tmp_path, monkeypatch):
    swapped = official | {"t10k-labels-idx1-ubyte": written(torch.zeros(12))}
    torchvision = getattr(datasets, published(room).torchvision)
    monkeypatch.setattr(torchvision, "download", lambda self: put(room, self.root, swapped))
    with pytest.raises(DamagedFile, match="t10k-labels-idx1-ubyte"):
        room.load(source="full", root=tmp_path)
    assert not (tmp_path / published(room).raw / "t10k-labels-idx1-ubyte").exists()


def test_the_bundled_folder_may_be_the_root_but_is_never_overwritten(room, monkeypatch):
    assert room.load(root=files.BUNDLED).source == "bundled"
    monkeypatch.setattr(
        idx, "_download", lambda *_: pytest.fail("the bundled digits would be overwritten")
    )
    with pytest.raises(CourseError, match="give another root"):
        room.load(root=files.BUNDLED, source="full", strict=True)


@pytest.mark.parametrize(("what", "given"), [("split", "validate"), ("source", "web")])
def test_an_unknown_word_is_answered_with_the_known_ones(room, what, given):
    with pytest.raises(
        CourseError, match=f"{what}='{given}': .*{'train-50000' if what == 'split' else 'bundled'}"
    ):
        room.load(**{what: given})


def test_loading_leaves_no_warning_behind(room):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        room.load("test")
