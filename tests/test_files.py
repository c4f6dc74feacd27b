from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from gancourse import files
from gancourse.files import CourseError, DamagedFile


def test_the_bundled_folder_is_there_and_an_installed_one_outranks_the_checkout():
    assert (files.BUNDLED / "manifest.json").is_file()
    assert files.BUNDLED.name in ("data", "_bundled")


def test_sha256_is_the_standard_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert (
        files.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-2


def test_verify_gives_back_the_path_of_an_intact_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"bytes")
    assert files.verify(str(path), hashlib.sha256(b"bytes").hexdigest()) == path


@pytest.mark.parametrize(
    "contents", [b"", b"byte", b"bytez", b"bytes "], ids=["empty", "short", "swapped", "long"]
)
def test_verify_names_file_expectation_and_remedy(tmp_path, contents):
    path, expected = tmp_path / "weights", hashlib.sha256(b"bytes").hexdigest()
    path.write_bytes(contents)
    with pytest.raises(DamagedFile) as error:
        files.verify(path, expected, "Fetch it again.")
    for part in (str(path), expected, hashlib.sha256(contents).hexdigest(), "Fetch it again."):
        assert part in str(error.value)


def test_verify_of_a_missing_file_says_so(tmp_path):
    with pytest.raises(CourseError, match="gone is missing. Do this.") as error:
        files.verify(tmp_path / "gone", "0" * 64, "Do this.")
    assert not isinstance(error.value, DamagedFile)


def test_replacing_makes_folders_and_leaves_one_whole_file(tmp_path):
    path = tmp_path / "new" / "folder" / "picture.png"
    with files.replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".png"
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole" and os.listdir(path.parent) == ["picture.png"]


def test_replacing_keeps_the_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power"), files.replacing(path) as temporary:
        temporary.write_text("ha")
        assert path.read_text() == "old"
        raise RuntimeError("power")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file.json"]


def test_replacing_syncs_the_bytes_before_the_name_and_the_name_after(tmp_path, monkeypatch):
    """Renamed first and synced later, a power cut leaves the new name with no bytes under it."""
    path, order = tmp_path / "file", []
    really_sync, really_replace = files.sync, os.replace
    monkeypatch.setattr(files, "sync", lambda what: (order.append(what.name), really_sync(what)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("rename"), really_replace(a, b)))
    with files.replacing(path) as temporary:
        temporary.write_text("x")
    assert order == [temporary.name, "rename", tmp_path.name]


def test_replacing_sweeps_what_killed_processes_left_and_nothing_else(tmp_path):
    """Only its own target's, and only what nobody has touched for a day: another process may be
    writing right now.
    """
    long_ago = time.time() - 90_000
    names = {
        ".a[1].41.part.json": True,
        ".a[1].42.part.json": False,
        ".a[1].part.json": True,
        ".a[1].x.part.json": True,
        ".b.41.part.json": True,
        ".a[1].41.part.png": True,
        ".a[1].b.41.part.json": True,
        "a[1].41.part.json": True,
    }
    for name, old in names.items():
        (tmp_path / name).write_text("half")
        if old:
            os.utime(tmp_path / name, (long_ago, long_ago))
    files.write_text(tmp_path / "a[1].json", "whole")
    assert set(names) - set(os.listdir(tmp_path)) == {".a[1].41.part.json"}
    assert (tmp_path / "a[1].json").read_text() == "whole"


def test_two_processes_may_sweep_at_once(tmp_path, monkeypatch):
    leftover = tmp_path / ".a.41.part.json"
    leftover.write_text("half")
    os.utime(leftover, (0, 0))
    really_stat = Path.stat

    def swept_meanwhile(path, **options):
        if path == leftover:
            leftover.unlink(missing_ok=True)
        return really_stat(path, **options)

    monkeypatch.setattr(Path, "stat", swept_meanwhile)
    files.write_text(tmp_path / "a.json", "whole")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a.json"]


def test_json_goes_round_and_text_is_utf8(tmp_path):
    value = {"lr": 2e-4, "shape": [1, 28, 28], "name": "Schrödinger", "none": None}
    files.write_json(tmp_path / "value.json", value)
    assert files.read_json(tmp_path / "value.json") == value
    assert (tmp_path / "value.json").read_bytes().endswith(b"}\n")
    files.write_text(tmp_path / "text", "é")
    assert (tmp_path / "text").read_bytes() == "é".encode()


@pytest.mark.parametrize("contents", [b"", b'{"step": 1', b"\x80\x04K\x01.", b"\xff\xfe"])
def test_json_that_is_none_names_the_file(tmp_path, contents):
    (tmp_path / "state.json").write_bytes(contents)
    with pytest.raises(DamagedFile, match="state.json is not valid JSON.*Restore it, or delete it"):
        files.read_json(tmp_path / "state.json")


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    files.write_json(tmp_path / "value.json", {"step": 1})
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "value.json", {"step": object()})
    assert json.loads((tmp_path / "value.json").read_text()) == {"step": 1}


# Places that cannot be written to


def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file" / "picture.png", tmp_path / "file" / "deeper" / "picture.png"):
        with pytest.raises(
            CourseError,
            match=r"file.* cannot be written(: it is a file, and a folder is needed| \(Not a dir)",
        ):
            files.write_text(path, "new")
    assert (tmp_path / "file").read_text() == "kept" and os.listdir(tmp_path) == ["file"]


def test_a_folder_or_a_device_is_never_renamed_over(tmp_path):
    (tmp_path / "folder").mkdir()
    kinds = {"folder": "folder"}
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        kinds["pipe"] = "device"
    for name, kind in kinds.items():
        with pytest.raises(
            CourseError, match=f"{name} cannot be written: it is a {kind}. Give the name of a file"
        ):
            files.write_text(tmp_path / name, "new")
        assert not (tmp_path / name).is_file()


def test_a_folder_without_permission_is_said_in_words(tmp_path, monkeypatch):
    def refused(*arguments, **named):
        raise PermissionError(13, "Permission denied", "elsewhere")

    monkeypatch.setattr(os, "mkdir", refused)
    words = r"new cannot be written \(Permission denied\)\. Make room there or change its permissions, or give another"
    with pytest.raises(CourseError, match=words):
        files.write_text(tmp_path / "new" / "file", "x")
    with pytest.raises(OSError):  # for those who can do without the file
        files.write_text(tmp_path / "new" / "file", "x")


@pytest.mark.parametrize(
    "moment", ["while it is written", "when it is synced", "when it is renamed"]
)
def test_a_full_disk_is_said_once_and_leaves_the_old_file(tmp_path, monkeypatch, moment):
    (tmp_path / "file").write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync", full if "synced" in moment else files.sync)
    monkeypatch.setattr(os, "replace", full if "renamed" in moment else os.replace)
    with pytest.raises(CourseError) as error, files.replacing(tmp_path / "file") as temporary:
        temporary.write_text("ha")
        if "written" in moment:
            full()
    assert str(error.value).startswith(
        f"{tmp_path / 'file'} cannot be written (No space left on device). Make room"
    )
    assert str(error.value).count("cannot be written") == 1
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_a_temporary_file_that_cannot_be_opened_is_said_in_words(tmp_path):
    with (
        pytest.raises(CourseError, match="file cannot be written .No such file"),
        files.replacing(tmp_path / "file") as at,
    ):
        tmp_path.rename(tmp_path.with_name("gone"))
        at.write_text("x")


def test_an_error_of_something_else_stays_what_it_is(tmp_path):
    for error in (
        ConnectionResetError(104, "Connection reset"),
        FileNotFoundError(2, "No such file", "elsewhere"),
    ):
        with pytest.raises(type(error)) as found, files.replacing(tmp_path / "file"):
            raise error
        assert found.value is error
