from __future__ import annotations

import hashlib
import io
import tarfile
import warnings

import pytest
from PIL import Image

from gancourse.data import CourseWarning, archives, pairs
from gancourse.files import CourseError, DamagedFile

RED, BLUE = (220, 20, 20), (20, 20, 220)


def two(left, right, width=32, height=32) -> Image.Image:
    picture = Image.new("RGB", (2 * width, height), left)
    picture.paste(Image.new("RGB", (width, height), right), (width, 0))
    return picture


def archive(*members: tuple[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as opened:
        for name, contents in members:
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            opened.addfile(info, io.BytesIO(contents))
        link = tarfile.TarInfo("facades/train/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
    return held.getvalue()


def jpeg() -> bytes:
    held = io.BytesIO()
    two(RED, BLUE).save(held, "JPEG")
    return held.getvalue()


GOOD = archive(
    ("facades/train/1.jpg", jpeg()),
    ("facades/val/2.jpg", jpeg()),
    ("facades/train/run.sh", b"rm"),
    ("../evil.jpg", b"x"),
    ("facades/train/../../../evil.jpg", b"x"),
    ("/tmp/evil.jpg", b"x"),
)


@pytest.fixture(autouse=True)
def official(server, monkeypatch):
    """The archives' address, which sends `server.body`."""
    monkeypatch.setattr(archives, "ARCHIVES_AT", server.url)
    server.body = GOOD


def test_what_nobody_vouches_for_is_taken_only_on_request_and_checked_ever_after(tmp_path, server):
    with pytest.raises(CourseError, match="no checksum.*trust=True.*sha256="):
        archives.download("facades", tmp_path)
    assert server.asked == []
    with pytest.warns(CourseWarning, match="MD5 .* not e2e25dd5"):
        folder = archives.download("facades", tmp_path, trust=True)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "train/1.jpg",
        "val/2.jpg",
    ]
    assert not list(tmp_path.rglob("evil*")) and not list(tmp_path.rglob("*.part*"))
    kept = tmp_path / "pairs" / "facades.tar.gz.sha256"
    assert kept.read_text().strip() == hashlib.sha256(GOOD).hexdigest()
    assert archives.download("facades", tmp_path) == folder and len(server.asked) == 1
    assert (
        pairs.side_by_side(folder / "train", direction="AtoB", size=16)["input"][
            0, :, 8, 8
        ].argmax()
        == 0
    ), "red is left"
    path = tmp_path / "pairs" / "facades.tar.gz"
    path.write_bytes(GOOD[:-1])
    with pytest.raises(DamagedFile, match="facades.tar.gz.*Delete"):
        archives.download("facades", tmp_path, trust=True)


def test_a_known_hash_is_demanded(tmp_path, server):
    with pytest.raises(DamagedFile, match="not the published file"):
        archives.download("facades", tmp_path, sha256="0" * 64)
    server.asked.clear()
    assert not (tmp_path / "pairs" / "facades.tar.gz").exists()
    folder = archives.download("facades", tmp_path, sha256=hashlib.sha256(GOOD).hexdigest().upper())
    assert (folder / "train" / "1.jpg").is_file() and len(server.asked) == 1


@pytest.mark.parametrize("sha256", ["zz", "", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n"])
def test_a_hash_that_is_none_is_refused_before_anything_is_asked(tmp_path, server, sha256):
    with pytest.raises(CourseError, match="64 hexadecimal digits"):
        archives.download("facades", tmp_path, sha256=sha256, trust=True)
    assert server.asked == [] and not list(tmp_path.iterdir())


def test_an_archive_too_long_or_foreign_is_refused(tmp_path, server, monkeypatch):
    monkeypatch.setitem(
        archives.ARCHIVES, "facades", archives.Archive("a", "b", "BtoA", 20_000, "-")
    )
    for body, reason in (
        (b"x" * 20_001, "longer than the 20,000 bytes"),
        (archive(("facades/train/1.jpg", b"\0" * 60_001)), "unpacks to more than 60,000"),
        (archive(("maps/train/1.jpg", b"x")), "holds no facades/train"),
        (b"<html>not found</html>", "cannot be unpacked"),
        (GOOD[: len(GOOD) // 2], "cannot be unpacked"),
    ):
        server.body = body
        root = tmp_path / hashlib.sha256(body).hexdigest()[:8]
        with warnings.catch_warnings(), pytest.raises(CourseError, match=reason):
            warnings.simplefilter("ignore", CourseWarning)
            archives.download("facades", root, trust=True)
        assert not (root / "pairs" / "facades").exists() and not list(root.rglob("*.part*"))


def test_without_a_network_the_emoji_are_named(tmp_path, server):
    server.status = 503
    for known in ({"trust": True}, {"sha256": "0" * 64}):
        with pytest.raises(
            CourseError, match=r'facades.tar.gz: could not be downloaded.*data.load\("emoji"\)'
        ):
            archives.download("facades", tmp_path, **known)
    with pytest.raises(
        CourseError, match="name='cats': no such archive.*facades, maps, edges2shoes"
    ):
        archives.download("cats", tmp_path)
