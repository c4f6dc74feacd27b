from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torchvision.transforms.functional import gaussian_blur

from gancourse.chapters import gan, pix2pix
from gancourse.files import CourseError
from gancourse.studio import colouring

YELLOW = (252, 234, 43)


def scene(side: int, size: int = 128):
    """A yellow disc in a black circle: (line art small, line art large, colours small, colours large)."""
    found = []
    for s in (side, size):
        box = [0.48 * s, 0.48 * s, 3.52 * s, 3.52 * s]  # drawn at four times the size
        art, picture = (
            Image.new("L", (4 * s, 4 * s), 255),
            Image.new("RGB", (4 * s, 4 * s), "white"),
        )
        ImageDraw.Draw(art).ellipse(box, outline=0, width=round(s / 9))
        ImageDraw.Draw(picture).ellipse(box, fill=YELLOW, outline=0, width=round(s / 9))
        art, picture = (
            torch.from_numpy(np.array(each.resize((s, s), Image.Resampling.BOX)))
            for each in (art, picture)
        )
        found.append((art[None, None], picture.permute(2, 0, 1)[None].float() / 127.5 - 1))
    (small, colours), (large, truth) = found
    return small, large, colours, truth


def rings(size: int):
    """The parts of `scene`: (line, inside up to the line, outside from the line on), a pixel of its edges left out."""
    at = torch.arange(size) - (size - 1) / 2
    r, outer = (at[:, None] ** 2 + at**2).sqrt(), 0.38 * size
    inner = outer - size / 36
    return (r > inner + 1) & (r < outer - 1), r < inner - 1, r > outer + 1


@pytest.mark.parametrize("blur", [0, 0.5, 0.7])
def test_no_dark_rim_lies_beside_a_line(blur):
    small, large, colours, truth = scene(64, 512)
    if blur:
        colours = gaussian_blur(colours, 9, blur)  # as a network draws
    error = (colouring.painted(colours, small, large) - truth).abs()[0].amax(0) * 127.5
    line, inside, _ = rings(512)
    assert error[line].max() == 0, "lines are as black and sharp as they were drawn"
    assert error[inside].max() < 20 and error[inside].mean() < 1


def test_flat_colours_and_the_paper_stay_as_they_are():
    small, large, colours, truth = scene(64)
    made = colouring.painted(colours, small, large)
    assert made.shape == (1, 3, 128, 128) and made.min() == -1 and made.max() <= 1
    assert torch.allclose(made[..., 64, 64], truth[..., 64, 64], atol=0.01)
    assert made[..., :6, :6].min() > 0.99
    grey = torch.full((1, 3, 32, 32), -0.4)
    blank = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    assert torch.allclose(colouring.painted(grey, blank, blank), grey, atol=1e-5)
    assert colouring.painted(grey, torch.zeros_like(blank), torch.zeros_like(blank)).max() == -1, (
        "a black picture"
    )


def test_no_colour_crosses_a_line():
    small = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    small[..., 15:17] = 0
    colours = torch.full((1, 3, 32, 32), -1.0)
    colours[:, 0, :, :15], colours[:, 2, :, 17:] = 1, 1  # red on the left, blue on the right
    made = colouring.painted(colours, small, small)
    assert torch.allclose(made[..., :15], colours[..., :15], atol=1e-4)
    assert torch.allclose(made[..., 17:], colours[..., 17:], atol=1e-4)
    room = torch.full((1, 1, 32, 32), 255, dtype=torch.uint8)
    room[..., 10:16, 10:16], room[..., 12:14, 12:14] = 0, 255
    painted = torch.full((1, 3, 32, 32), -1.0)
    painted[:, 0] = 1
    painted[..., 12:14, 12:14] = torch.tensor([-1.0, -1.0, 1.0]).view(3, 1, 1)
    assert torch.allclose(
        colouring.painted(painted, room, room)[..., 12:14, 12:14],
        painted[..., 12:14, 12:14],
        atol=1e-4,
    ), "a place too small to have a middle keeps the network's colour"


@pytest.fixture(scope="module")
def game():
    torch.manual_seed(0)
    return pix2pix.Config.at("check", width=2, shape=(3, 32, 32)).build().eval()


@pytest.fixture
def drawing() -> Image.Image:
    picture = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(picture).ellipse([60, 30, 220, 170], outline=0, width=7)
    return picture


@pytest.mark.parametrize("size", [16, 100, 512])
def test_a_drawing_of_any_size_becomes_a_square_picture(game, drawing, size):
    made = colouring.colour(game, drawing, size=size)
    assert made.mode == "RGB" and made.size == (size, size)
    assert np.asarray(made).min() < (100 if size == 16 else 1), "its lines are black"


def test_another_seed_is_another_opinion(game, drawing, tmp_path):
    drawing.save(tmp_path / "drawing.png")
    first, again, other = (
        colouring.colour(game, tmp_path / "drawing.png", size=64, seed=seed) for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_a_model_that_cannot_colour_says_so(drawing):
    with pytest.raises(CourseError, match="from nothing"):
        colouring.colour(gan.Config.at("check", width=2).build(), drawing)
    with pytest.raises(CourseError, match="3 channels"):
        colouring.colour(
            pix2pix.Config.at("check", width=2, shape=(3, 32, 32), inputs=3).build(), drawing
        )
    with pytest.raises(CourseError, match=r"\(1, 32, 32\); colours need 3"):
        colouring.colour(pix2pix.Config.at("check", width=2, shape=(1, 32, 32)).build(), drawing)


# Where pictures go


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"drawing")
    return [folder / name for name in names]


def test_each_goes_beside_its_drawing_or_into_the_folder(tmp_path):
    cat, dog = touch(tmp_path, "cat.png", "dog.tar.svg")
    beside = {cat: tmp_path / "cat-coloured.png", dog: tmp_path / "dog.tar-coloured.png"}
    assert colouring.plan([cat, dog, cat], None, False) == beside
    assert colouring.plan([cat], tmp_path / "out", False) == {
        cat: tmp_path / "out" / "cat-coloured.png"
    }
    assert colouring.plan([cat], tmp_path / "out.WEBP", False) == {cat: tmp_path / "out.WEBP"}
    (tmp_path / "album.png").mkdir()
    assert colouring.plan([cat], tmp_path / "album.png", False) == {
        cat: tmp_path / "album.png" / "cat-coloured.png"
    }


@pytest.mark.parametrize(
    ("names", "output", "words"),
    [
        ([], None, "No drawing"),
        (["a.png", "b.png"], "c.png", "2 drawings.*c.png is one"),
        (["a.png"], "c.gif", "c.gif"),
    ],
)
def test_places_that_make_no_sense(tmp_path, names, output, words):
    with pytest.raises(CourseError, match=words):
        colouring.plan(touch(tmp_path, *names), tmp_path / output if output else None, True)


def refused(places, drawing: Path) -> str:
    assert isinstance(places[drawing], CourseError)
    return str(places[drawing])


def test_what_is_there_is_written_over_only_when_told(tmp_path):
    cat, dog, _ = touch(tmp_path, "cat.png", "dog.png", "cat-coloured.png")
    places = colouring.plan([cat, dog], None, False)
    assert (
        "cat-coloured.png exists already" in refused(places, cat)
        and places[dog] == tmp_path / "dog-coloured.png"
    )
    assert colouring.plan([cat], None, True) == {cat: tmp_path / "cat-coloured.png"}
    (tmp_path / "dog-coloured.png").symlink_to(tmp_path / "nowhere")
    assert "exists already" in refused(colouring.plan([dog], None, False), dog)


@pytest.mark.parametrize("force", [False, True])
def test_no_drawing_is_ever_written_over(tmp_path, force):
    cat, coloured = touch(tmp_path, "cat.png", "cat-coloured.png")
    assert "its own colours" in refused(colouring.plan([cat], cat, force), cat)
    (tmp_path / "link.png").symlink_to(cat)
    assert "its own colours" in refused(colouring.plan([cat], tmp_path / "link.png", force), cat)
    os.link(cat, tmp_path / "hard.png")
    assert "its own colours" in refused(colouring.plan([cat], tmp_path / "hard.png", force), cat)
    places = colouring.plan(
        [cat, coloured], None, force
    )  # the second drawing is where the first would go
    assert f"{coloured} would be written over" in refused(places, cat)
    assert places[coloured] == tmp_path / "cat-coloured-coloured.png"


def test_two_drawings_never_go_to_one_place(tmp_path):
    png, jpg = touch(tmp_path, "cat.png", "cat.jpg")
    places = colouring.plan([png, jpg], None, True)
    assert places[png] == tmp_path / "cat-coloured.png" and "like another one" in refused(
        places, jpg
    )
    one, two = touch(tmp_path, "a/cat.png", "b/cat.png")
    assert "like another one" in refused(colouring.plan([one, two], tmp_path / "out", True), two)
    (tmp_path / "c").symlink_to(tmp_path / "a")
    assert len(colouring.plan([one, tmp_path / "c" / "cat.png"], None, False)) == 1, (
        "one drawing under two names"
    )
    touch(tmp_path, "a/cat.svg")
    other = tmp_path / "c" / "cat.svg"
    assert "like another one" in refused(colouring.plan([one, other], None, False), other)


def test_a_name_or_folder_that_cannot_be_looked_at_stops_nothing(tmp_path, monkeypatch):
    long = tmp_path / f"{'x' * 250}.png"  # "-coloured" would make it too long
    (cat,) = touch(tmp_path, "cat.png")
    assert colouring.plan([long, cat], None, False)[cat] == tmp_path / "cat-coloured.png"
    with pytest.raises(CourseError, match="cannot be written"):
        colouring.save(Image.new("RGB", (4, 4)), tmp_path / f"{'x' * 250}-coloured.png")


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    picture, place = Image.new("RGB", (8, 8), "red"), tmp_path / "new" / "a.jpeg"
    colouring.save(picture, place)
    with Image.open(place) as found:
        assert found.format == "JPEG"
    before = place.read_bytes()

    def full(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(CourseError, match="a.jpeg cannot be written .No space left"):
        colouring.save(picture, place)
    assert place.read_bytes() == before and [each.name for each in place.parent.iterdir()] == [
        "a.jpeg"
    ]
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot be written"):
        colouring.save(picture, tmp_path / "file" / "a.png")
