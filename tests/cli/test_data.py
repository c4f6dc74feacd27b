"""`gancourse data`."""

from __future__ import annotations

import shlex

import pytest

from gancourse.data import archives
from tests.cli.shell import mistake


def test_a_line_says_what_a_data_set_holds(gancourse):
    status, out, _ = gancourse("data", "ring")
    assert status == 0
    assert out.split()[:6] == ["ring", "made", "50,000", "train,", "50,000", "test;"]
    assert "point (2,) with label" in out and "CC0" in out
    message = mistake(gancourse("data", "rings"))
    assert message.startswith("name='rings': no such data set; choose one of: digits")


def test_full_means_what_there_is_of_data_that_come_in_one_size(gancourse):
    for name, source in (("ring", "made"), ("faces", "bundled")):
        status, out, _ = gancourse("data", name, "--source", "full")
        assert status == 0 and out.split()[:2] == [name, source]


@pytest.mark.parametrize("name", [["digits"], ["ring"], []])
@pytest.mark.parametrize("option", [["--trust"], ["--sha256", "0" * 64]])
def test_trust_is_for_official_pairs_only(gancourse, name, option):
    message = mistake(gancourse("data", *name, *option))
    assert message.startswith(f"{' '.join(option)}: is for facades, maps, edges2shoes;")


def test_a_hash_that_is_none_is_refused(gancourse, tmp_path):
    message = mistake(gancourse("data", "maps", "--data-root", tmp_path, "--sha256", "zz"))
    assert "sha256='zz'" in message


def test_official_pairs_are_fetched_on_trust_only_and_train_as_it_is_said(
    gancourse, monkeypatch, tmp_path
):
    status, _, words = gancourse("data", "facades", "--data-root", tmp_path)
    assert status == 1 and "--trust" in words

    def download(name, root, *, sha256, trust):
        return root / name if trust else None

    monkeypatch.setattr(archives, "download", download)
    root = tmp_path / "my data"
    status, said, _ = gancourse("data", "facades", "--trust", "--data-root", root)
    given = ["--data", str(root / "facades" / "train"), "--direction", "BtoA", "--folder", "RUN"]
    assert status == 0 and shlex.split(said) == ["gancourse", "train", "pix2pix", *given]
