from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from gancourse import files
from gancourse.data import sources
from gancourse.files import CourseError, DamagedFile

BODY = bytes(range(256)) * 64
SHA = hashlib.sha256(BODY).hexdigest()


def fetch(server, to: Path, **changes) -> Path:
    given = {"sha256": SHA, "bytes_limit": len(BODY), **changes}
    return sources.fetch(f"{server.url}/pictures.bin", to=to, **given)


def test_fetch_keeps_a_verified_file_and_asks_only_once(server, tmp_path):
    server.body = BODY
    to = tmp_path / "new" / "pictures.bin"
    assert fetch(server, to) == fetch(server, to) == to
    assert to.read_bytes() == BODY and server.asked == ["/pictures.bin"]
    assert list(to.parent.iterdir()) == [to]


def test_fetch_mends_a_damaged_file(server, tmp_path):
    server.body = BODY
    to = tmp_path / "pictures.bin"
    to.write_bytes(BODY[:-1])
    assert fetch(server, to).read_bytes() == BODY
    assert fetch(server, to, sha256=None) == to and len(server.asked) == 1


def test_fetch_refuses_a_swapped_file(server, tmp_path):
    server.body = BODY[::-1]
    with pytest.raises(
        DamagedFile, match=f"(?s)pictures.bin: not the published.*{SHA}.*nothing was"
    ):
        fetch(server, tmp_path / "pictures.bin")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [None, 12, 99_999_999_999])
def test_fetch_stops_at_the_limit_whatever_is_announced(server, tmp_path, length):
    server.body, server.announced = BODY * 1000, length
    with pytest.raises((CourseError), match="longer than the 1,000 bytes|not the published file"):
        fetch(server, tmp_path / "pictures.bin", bytes_limit=1000)
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == (1 if length != 12 else 3), "a file too long is not asked for again"


@pytest.mark.parametrize(("breaks", "whole"), [(1, True), (2, True), (3, False)])
def test_fetch_tries_a_broken_download_again(server, tmp_path, breaks, whole):
    server.body, server.broken = BODY, breaks
    to = tmp_path / "pictures.bin"
    if whole:
        assert fetch(server, to).read_bytes() == BODY
    else:
        with pytest.raises(CourseError, match="could not be downloaded .*8192 bytes read"):
            fetch(server, to)
        assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == min(breaks + 1, 3)


def test_fetch_without_a_network_says_what_to_do(server, tmp_path):
    to = tmp_path / "pictures.bin"
    server.status = 404
    for url, reason in (
        (f"{server.url}/pictures.bin", "404"),
        ("https://example.org/pictures.bin", "a test tried to"),
        ("http://127.0.0.1:9/pictures.bin", "refused"),
    ):
        with pytest.raises(CourseError) as caught:
            sources.fetch(url, SHA, to, bytes_limit=len(BODY))
        for part in (url, reason, str(to), SHA, "try again with a network", "by hand"):
            assert part in str(caught.value)
        assert list(tmp_path.iterdir()) == []


def test_root_is_the_argument_else_the_environment_else_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path / "mine"))
    assert sources.root(tmp_path) == tmp_path
    assert sources.root() == tmp_path / "mine"
    monkeypatch.setenv("GANCOURSE_DATA", "~/mine")
    assert sources.root() == Path.home() / "mine"
    monkeypatch.setenv("GANCOURSE_DATA", "")
    assert sources.root() == Path.home() / ".cache" / "gancourse"
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match="the data root is a folder"):
        sources.root(tmp_path / "file")


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """A small bundled folder with one file and its manifest."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.bin").write_bytes(BODY)
    for beside in ("README.md", "set/README.md", "set/make.py", "set/.a.bin.7.part", ".hidden"):
        (tmp_path / beside).write_text("not listed")
    monkeypatch.setattr(files, "BUNDLED", tmp_path)
    files.write_json(tmp_path / sources.MANIFEST, sources.manifest(tmp_path))
    return tmp_path


def test_the_manifest_names_data_files_only(shelf):
    assert files.read_json(shelf / sources.MANIFEST) == {
        "set/a.bin": {"sha256": SHA, "bytes": len(BODY)}
    }
    assert sources.manifest(shelf) == files.read_json(shelf / sources.MANIFEST)


@pytest.mark.parametrize(
    "harm", [BODY[:-1], BODY[::-1], b"", BODY + b"!"], ids=["short", "swapped", "empty", "long"]
)
def test_bundled_refuses_changed_bytes(shelf, harm):
    assert sources.bundled("set/a.bin") == shelf / "set" / "a.bin"
    (shelf / "set" / "a.bin").write_bytes(harm)
    with pytest.raises(DamagedFile, match=f"(?s)a.bin.*{SHA}.*git checkout"):
        sources.bundled("set/a.bin")


def test_bundled_refuses_what_the_manifest_does_not_name(shelf):
    for path in ("set/b.bin", "../set/a.bin", str(shelf / "set" / "a.bin")):
        with pytest.raises(CourseError, match=r"make_manifest\.py"):
            sources.bundled(path)
    (shelf / "set" / "a.bin").unlink()
    with pytest.raises(CourseError, match="missing"):
        sources.bundled("set/a.bin")
    (shelf / sources.MANIFEST).unlink()
    with pytest.raises(CourseError, match="install the course again"):
        sources.bundled("set/a.bin")


def made(n: int) -> sources.Pictures:
    return sources.Pictures(
        {"label": torch.arange(n), "point": torch.arange(2.0 * n).view(n, 2)}, "made", "made", "CC0"
    )


def test_take_draws_different_entries_and_keeps_tensors_together():
    taken = made(100).take(60, seed=1)
    assert len(taken) == 60 and len(set(taken["label"].tolist())) == 60
    assert torch.equal(taken["point"][:, 0], 2.0 * taken["label"])
    assert torch.equal(taken["label"], made(100).take(60, seed=1)["label"])
    assert not torch.equal(taken["label"], made(100).take(60, seed=2)["label"])
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(taken["label"], made(100).take(60, generator)["label"])
    assert not torch.equal(taken["label"], made(100).take(60, generator)["label"])


def test_pictures_refuse_what_does_not_fit():
    for n in (0, -1, 101):
        with pytest.raises(CourseError, match=f"n={n}: made has 100 rows; give 1 to 100"):
            made(100).take(n, seed=0)
    with pytest.raises(CourseError, match="different lengths"):
        sources.Pictures(
            {"label": torch.zeros(3), "image": torch.zeros(4, 1, 2, 2)}, "x", "made", "CC0"
        )
    assert "label (100,) torch.int64" in repr(made(100))
