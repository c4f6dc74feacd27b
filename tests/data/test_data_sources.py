from __future__ import annotations

import hashlib
import http.client
import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

from gancourse import files
from gancourse.data import sources
from gancourse.files import CourseError, DamagedFile

URL = "https://example.org/pictures.bin"
BODY = bytes(range(256)) * 64
SHA = hashlib.sha256(BODY).hexdigest()


class Answer(io.BytesIO):
    def __init__(self, body: bytes, length: str | None = None):
        super().__init__(body)
        self.headers = {} if length is None else {"Content-Length": length}


@pytest.fixture
def server(monkeypatch):
    """Call it with what the network shall answer: an Answer, or an error to raise. It returns the list of requests."""

    def answering(answer):
        asked = []

        def urlopen(url, timeout):
            asked.append((url, timeout))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return answering


def test_fetch_keeps_a_verified_file_and_asks_only_once(server, tmp_path):
    asked = server(Answer(BODY, str(len(BODY))))
    to = tmp_path / "new" / "pictures.bin"
    assert sources.fetch(URL, SHA, to, bytes_limit=len(BODY), timeout=7) == to
    assert to.read_bytes() == BODY
    assert sources.fetch(URL, SHA, to, bytes_limit=len(BODY), timeout=7) == to
    assert asked == [(URL, 7)]


def test_fetch_mends_a_damaged_file(server, tmp_path):
    server(Answer(BODY))
    to = tmp_path / "pictures.bin"
    to.write_bytes(BODY[:-1])
    assert sources.fetch(URL, SHA, to, bytes_limit=len(BODY)).read_bytes() == BODY


def test_fetch_refuses_a_swapped_file(server, tmp_path):
    server(Answer(BODY[::-1]))
    with pytest.raises(DamagedFile, match=f"(?s){URL}.*{SHA}.*Nothing was kept"):
        sources.fetch(URL, SHA, tmp_path / "pictures.bin", bytes_limit=len(BODY))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [None, "12", "99999999999", "-1", "many"])
def test_fetch_stops_at_the_limit_whatever_is_announced(server, tmp_path, length):
    answer = Answer(BODY * 1000, length)
    server(answer)
    with pytest.raises(CourseError, match="longer than the 1,000 bytes expected"):
        sources.fetch(URL, SHA, tmp_path / "pictures.bin", bytes_limit=1000)
    assert list(tmp_path.iterdir()) == []


def test_fetch_says_that_a_download_broke_off(server, tmp_path):
    server(Answer(BODY[:100], str(len(BODY))))
    with pytest.raises(CourseError, match="broke off after 100 of 16,384 bytes"):
        sources.fetch(URL, SHA, tmp_path / "pictures.bin", bytes_limit=len(BODY))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "trouble",
    [
        urllib.error.URLError("Name or service not known"),
        urllib.error.HTTPError(URL, 404, "Not Found", {}, None),
        TimeoutError("timed out"),
        ConnectionResetError("reset by peer"),
        http.client.IncompleteRead(b""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_fetch_without_a_network_says_what_to_do(server, tmp_path, trouble):
    server(trouble)
    to = tmp_path / "pictures.bin"
    with pytest.raises(CourseError) as caught:
        sources.fetch(URL, SHA, to, bytes_limit=len(BODY))
    message = str(caught.value)
    for part in (URL, str(to), SHA, "Try again with a network", "by hand"):
        assert part in message
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
    with pytest.raises(CourseError, match="must be a folder"):
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
    with pytest.raises(CourseError, match="Install the course again"):
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
        with pytest.raises(CourseError, match="Ask for 1 to 100"):
            made(100).take(n, seed=0)
    with pytest.raises(CourseError, match="same length"):
        sources.Pictures(
            {"label": torch.zeros(3), "image": torch.zeros(4, 1, 2, 2)}, "x", "made", "CC0"
        )
    assert "label (100,) torch.int64" in repr(made(100))
