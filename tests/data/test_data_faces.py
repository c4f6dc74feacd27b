from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, one_hot

from gancourse import data, files
from gancourse.data import faces
from gancourse.files import CourseError, DamagedFile

SETS = {"faces": (9000, 1000, 32), "faces-micah": (3600, 400, 64)}
SKINS = (
    "ffdbac",
    "f5cfa0",
    "eac393",
    "e0b687",
    "cb9e6e",
    "b68655",
    "a26d3d",
    "8d5524",
)  # in the order of the words
HAIRS = {
    "brown": ("603a14", "603015", "612616", "611c17"),
    "black": ("28150a",),
    "light brown": ("83623b",),
    "dark blond": ("a78961",),
    "blond": ("cab188",),
    "red": ("bd1700",),
    "green": ("91cb15",),
    "blue": ("009bbd",),
}


def rgb(colour: str) -> torch.Tensor:
    return torch.tensor(list(bytes.fromhex(colour)))


@pytest.fixture(scope="module")
def pixel_art():
    return data.load("faces"), data.load("faces", "test")


@pytest.mark.parametrize("name", SETS)
def test_pictures_and_attributes(name):
    *lengths, size = SETS[name]
    style, seen = faces.STYLES[name], []
    for split, n in zip(faces.SPLITS, lengths, strict=True):
        found = data.load(name, split)
        assert (
            found.source == "bundled"
            and found.name.endswith(split)
            and found.licence == data.about(name).terms
        )
        assert list(found.tensors) == ["image", *style.attributes]
        assert found.words == style.attributes
        assert found["image"].shape == (n, 3, size, size) and found["image"].dtype == torch.uint8
        assert found["image"].is_contiguous()
        for key, words in style.attributes.items():
            assert found[key].shape == (n,) and found[key].dtype == torch.int64
            assert found[key].unique().tolist() == list(range(len(words))), (
                f"{key}: not every word is in use"
            )
        seen += [image.numpy().tobytes() for image in found["image"]]
    assert len(set(seen)) == sum(lengths), "the same picture twice"


def test_licences_name_who_is_to_be_named():
    assert "CC BY 4.0" in data.load("faces-micah", "test").licence
    assert "Micah Lanier" in data.load("faces-micah", "test").licence
    assert "CC0" in data.load("faces", "test").licence


def test_half_the_faces_wear_glasses(pixel_art):
    train, _ = pixel_art
    for name, share in {
        "glasses": 0.5,
        "hat": 0.2,
        "beard": 0.1,
        "hair_length": 0.47,
        "mouth": 0.56,
    }.items():
        assert abs(train[name].float().mean() - share) < 0.02, name


def test_faces_are_sixteen_pixels_wide(pixel_art):
    blocks = pixel_art[1]["image"].unflatten(3, (16, 2)).unflatten(2, (16, 2))
    assert torch.equal(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks))


def test_skin_is_what_its_word_says_and_goes_from_light_to_dark(pixel_art):
    """Beside the nose the skin is never covered; a tenth of white lies over it."""
    for found in pixel_art:
        expected = 0.9 * torch.stack([rgb(colour) for colour in SKINS])[found["skin_colour"]] + 25.5
        assert (found["image"][:, :, 16, 14] - expected).abs().max() < 1.5
    light = torch.stack([rgb(colour).float().mean() for colour in SKINS])
    assert (light.diff() < 0).all() and len(faces.ATTRIBUTES["skin_colour"]) == len(SKINS)


def test_hair_has_its_colour_where_no_hat_hides_it(pixel_art):
    found = pixel_art[1]
    for index, word in enumerate(faces.ATTRIBUTES["hair_colour"]):
        images = found["image"][(found["hair_colour"] == index) & (found["hat"] == 0)]
        of_hair = sum((images == rgb(colour).view(3, 1, 1)).all(dim=1) for colour in HAIRS[word])
        assert of_hair.sum(dim=(1, 2)).min() >= 16, word


def test_glasses_change_the_eyes_and_nothing_else(pixel_art):
    train, _ = pixel_art
    mean = [train["image"][train["glasses"] == value].float().mean(dim=0) for value in (0, 1)]
    apart = (mean[1] - mean[0]).abs().mean(dim=0)
    assert apart[10:12, 8:24].mean() > 80 and apart[14:16, 6:26].mean() > 50
    assert apart[20:].max() < 5 and apart[:8].max() < 8


def read_off(train, test, attributes: dict[str, tuple[str, ...]], pool: int) -> dict[str, float]:
    """Share of test faces whose attribute a linear map of the pixels, fitted by least squares, gets
    right.
    """
    x, y = (
        torch.cat(
            [avg_pool2d(part["image"].float() / 255, pool).flatten(1), torch.ones(len(part), 1)],
            dim=1,
        )
        for part in (train, test)
    )
    wanted = torch.cat(
        [one_hot(train[key], len(words)) for key, words in attributes.items()], dim=1
    ).float()
    weights = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]), x.T @ wanted)
    votes = (y @ weights).split([len(words) for words in attributes.values()], dim=1)
    return {
        key: (vote.argmax(dim=1) == test[key]).float().mean().item()
        for key, vote in zip(attributes, votes, strict=True)
    }


def test_attributes_can_be_read_off_the_pictures(pixel_art):
    train, test = pixel_art
    binary = {key: words for key, words in faces.ATTRIBUTES.items() if len(words) == 2}
    right = read_off(train.take(4000, seed=0), test, binary, 2)
    assert right.keys() == {"glasses", "hat", "beard", "hair_length", "mouth"}
    for key, share in right.items():
        assert share > 0.96 and share > test[key].bincount().max() / len(test) + 0.04, key


def test_micahs_attributes_can_be_read_off_the_pictures():
    train, test = data.load("faces-micah"), data.load("faces-micah", "test")
    assert torch.equal(train["glasses"], (train["frame"] > 0).long())
    keys = ("glasses", "facial_hair", "hair", "skin_colour", "eyebrows", "shirt")
    right = read_off(train, test, {key: faces.MICAH_ATTRIBUTES[key] for key in keys}, 4)
    assert min(right.values()) > 0.85, right


def test_words_of_a_face(pixel_art):
    train, _ = pixel_art
    told = faces.words(train, 0)
    assert (
        told["glasses"] == "no glasses"
        and told["hair_length"] == "long hair"
        and told["mouth"] == "sad"
    )
    assert told.keys() == faces.ATTRIBUTES.keys()
    assert faces.words(data.load("faces-micah"), 0, "faces-micah")["frame"] == "square"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The bundled faces somewhere where they may be damaged.

    `publish` makes the manifest agree with what lies there.
    """
    shutil.copytree(files.BUNDLED / "faces", tmp_path / "faces")
    monkeypatch.setattr(files, "BUNDLED", tmp_path)

    def publish():
        (tmp_path / data.sources.MANIFEST).write_text(json.dumps(data.sources.manifest(tmp_path)))

    publish()
    return tmp_path / "faces" / "pixel-art.npz", publish


@pytest.mark.parametrize("source", faces.SOURCES)
def test_damaged_faces_are_named_and_refused(copy, source):
    path, _ = copy
    assert len(data.load("faces", source=source)) == 9000
    whole = path.read_bytes()
    for damaged in (
        whole[:-1],
        b"",
        bytes([whole[0] ^ 1]) + whole[1:],
        (path.parent / "micah.npz").read_bytes(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="pixel-art.npz.*not the published file"):
            data.load("faces", source=source)
    path.unlink()
    with pytest.raises(CourseError, match="pixel-art.npz is missing"):
        data.load("faces", source=source)


def test_no_pickle_is_opened_even_with_a_good_hash(copy):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("the pickle was run",)

    path, publish = copy
    np.savez(path, image=np.array([Bomb()], dtype=object))
    publish()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        data.load("faces")


def test_an_unknown_word_is_answered_with_the_known_ones():
    with pytest.raises(CourseError, match="split='validation': the faces have no.*train, test"):
        data.load("faces", "validation")
    with pytest.raises(CourseError, match="source='web': the faces have no.*auto, bundled, full"):
        data.load("faces-micah", source="web")
    with pytest.raises(CourseError, match="name='cats': the faces have no.*faces, faces-micah"):
        faces.load(name="cats")
