from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from gancourse import files
from gancourse.data import sources
from gancourse.files import CourseError, DamagedFile
from gancourse.game import Source, every_text, examples, require_rows
from gancourse.training.feed import Feed, Order, identity, rows_of

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
        for part in (url, reason, str(to), SHA, "try again with an internet connection", "by hand"):
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


def worded(n: int = 6) -> sources.Pictures:
    """Rows whose image tells their number, with 1, 2, 3, 1, ... captions."""
    image = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1)
    texts = [tuple(f"{row} in wording {i}" for i in range(row % 3 + 1)) for row in range(n)]
    return sources.Pictures({"image": image}, "birds", "yours", "mine", texts={"caption": texts})


def test_of_several_wordings_a_batch_draws_one_for_each_row():
    pictures, order = worded(), Order(6, 6, seed=1)
    drawn = Counter()
    for batch in islice(Feed(pictures.columns, order, torch.device("cpu")), 400):
        rows = [int(text.partition(" ")[0]) for text in batch["caption"]]
        assert rows == batch["image"].flatten().tolist() and sorted(rows) == list(range(6))
        drawn.update(batch["caption"])
    assert set(drawn) == {text for texts in pictures.texts["caption"] for text in texts}
    for texts in pictures.texts["caption"]:
        for text in texts:
            assert drawn[text] == pytest.approx(400 / len(texts), rel=0.25), text


def test_which_wording_is_drawn_depends_on_seed_and_step_alone():
    def captions(seed: int, start: int = 0, rank: int = 0, processes: int = 1) -> list[list[str]]:
        order = Order(6, 4, seed, start, rank, processes)
        feed = Feed(worded().columns, order, torch.device("cpu"))
        return [batch["caption"] for batch in islice(feed, 12 - start)]

    whole = captions(0)
    assert captions(0, start=5) == whole[5:] and captions(1) != whole
    halves = zip(captions(0, rank=0, processes=2), captions(0, rank=1, processes=2), strict=True)
    assert [[a, c, b, d] for (a, b), (c, d) in halves] == whole


def test_several_wordings_are_columns_with_the_first_of_each():
    pictures = worded()
    columns = pictures.columns
    assert isinstance(columns, Source) and rows_of(columns) == len(pictures) == 6
    assert list(columns) == ["image", "caption"] and columns.keys() == {"image", "caption"}
    first = [f"{row} in wording 0" for row in range(6)]
    assert columns["caption"] == pictures["caption"] == first
    assert columns.nbytes == 6 and columns.to("cpu").batch(torch.tensor([1]), torch.zeros(1, 1))
    require_rows(columns, {"image": (1, 1, 1)})
    assert examples(columns, "image", 3).flatten().tolist() == [0, 2, 4]
    every = every_text(columns, "caption")
    assert every == every_text(pictures, "caption") and len(every) == 12
    assert every_text({"caption": first}, "caption") == first
    taken = pictures.take(4, seed=0)
    assert [row[0] for row in taken["caption"]] == list(map(str, taken["image"].flatten().tolist()))
    assert taken.columns.draws == 1


def test_a_run_knows_all_wordings_of_its_data():
    pictures = worded()
    known = identity(pictures.columns)
    assert known == identity(worded().columns) and known["rows"] == 6
    changed = [*pictures.texts["caption"][:5], ("5 in wording 0", "5 in wording 1", "another")]
    other = replace(pictures, texts={"caption": changed})
    assert other["caption"] == pictures["caption"] and identity(other.columns) != known
    darker = replace(pictures, tensors={"image": pictures["image"] // 2})
    assert identity(darker.columns) != known


def test_a_row_without_a_wording_is_refused():
    with pytest.raises(CourseError, match="birds: row 5 has no caption; give one"):
        replace(worded(), texts={"caption": [*worded().texts["caption"][:5], ()]})
    with pytest.raises(CourseError, match="columns of different lengths"):
        replace(worded(), texts={"caption": worded().texts["caption"][:5]})
