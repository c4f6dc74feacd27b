"""What is known of each data set without loading it, held against what loading it gives."""

from __future__ import annotations

import re

import pytest

from gancourse import data
from gancourse.data import emoji
from gancourse.files import CourseError


def test_every_data_set_says_whose_it_is_and_what_it_may_be_used_for():
    for name in data.DATASETS:
        known = data.about(name)
        assert known.title and known.licence and known.weights_licence
        assert known.limits.endswith(".") and len(known.limits) > 40
        assert known.licence in known.terms and known.credit in known.terms
        said = known.trained_on("train")
        assert said.startswith(f"{known.title}, ") and said.endswith(f"{known.licence})")
    with pytest.raises(CourseError, match="name='cats': no such data set; choose one of: digits"):
        data.about("cats")


def test_a_split_is_said_in_words():
    assert data.about("digits").trained_on("train-50000") == (
        "MNIST, the first 50,000 training digits (Yann LeCun and Corinna Cortes, CC BY-SA 3.0)"
    )
    assert data.about("fashion").trained_on("train") == (
        "Fashion-MNIST, the whole training part (Zalando SE, MIT)"
    )


PHOTOS = {"photos", "set5", "kodak24"}  # no tensors; see test_data_photo_sets


SLOW = {"emoji", "scenes"}  # drawn one by one; see below and test_data_scenes
UNTRAINED = {"drawings"}  # for trying alone; see test_data_drawings


@pytest.mark.parametrize("name", sorted(data.DATASETS.keys() - PHOTOS - SLOW - UNTRAINED))
def test_what_is_stored_is_what_loading_gives(name):
    known = data.about(name)
    train, test = data.load(name), data.load(name, "test")
    assert (len(train), len(test)) == known.sizes[train.source]
    assert train.licence == known.terms
    first, *others = train.columns
    said = f"{first} {tuple(train[first].shape[1:])} with {', '.join(others)}"
    assert known.holds == said


def test_the_emoji_are_as_many_as_is_said(tmp_path):
    known = data.about("emoji")
    assert known.sizes == {"bundled": (len(emoji.index("train")), len(emoji.index("test")))}
    assert known.holds == "input (1, 64, 64) with target, concept"


def test_the_listing_loads_no_picture(monkeypatch):
    monkeypatch.setattr(data, "load", None)
    lines = list(data.listing())
    assert [line.split()[0] for line in lines] == list(data.DATASETS)
    assert lines[0] == (
        "digits       bundled   8,000 train,  2,000 test; image (1, 28, 28) with label; "
        "CC BY-SA 3.0, Yann LeCun and Corinna Cortes"
    )
    assert list(data.listing("ring", "emoji")) == [
        line for name in ("ring", "emoji") for line in lines if line.startswith(f"{name} ")
    ]
    with pytest.raises(CourseError, match="name='cats'"):
        list(data.listing("cats"))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_listing_sees_a_full_set_in_the_root(tmp_path, suffix):
    names = data.about("digits").full
    for name in names[:-1]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}{suffix}").touch()
    assert "bundled" in next(data.listing("digits", root=tmp_path))
    (tmp_path / f"{names[-1]}{suffix}").touch()
    found = next(data.listing("digits", root=tmp_path))
    assert re.match(r"digits +full +60,000 train, 10,000 test", found)
    assert "bundled" in next(data.listing("digits", root=tmp_path, source="bundled"))


def test_a_full_set_that_is_asked_for_is_fetched_and_verified(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(data, "load", lambda *which, **where: asked.append((which, where)))
    list(data.listing("faces", "fashion", root=tmp_path, source="full"))
    where = {"root": tmp_path, "source": "full", "strict": True}
    assert asked == [(("fashion", split), where) for split in ("train", "test")]
