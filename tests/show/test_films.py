"""Films: the right frames at the right pace, small, with a still beside them, or an error and no
file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gancourse import show
from gancourse.files import CourseError
from gancourse.show import films

ROOT = Path(__file__).resolve().parents[2]


def frames(count=5, size=40):
    return [np.full((size, size, 3), 50 * index, np.uint8) for index in range(count)]


def read(path):
    with Image.open(path) as film:
        durations, pictures = [], []
        for picture in ImageSequence.Iterator(film):
            pictures.append(np.asarray(picture.convert("RGB")))
            durations.append(picture.info["duration"])
        return pictures, durations, film.info["loop"]


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_film_holds_every_frame_and_stays_on_the_last(tmp_path, suffix):
    path = show.film(frames(5), tmp_path / f"ring{suffix}", seconds=1.0, hold=3.0)
    pictures, durations, loop = read(path)
    assert len(pictures) == 5 and loop == 0
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 50, 100, 150, 200]
    assert durations == [250] * 4 + [3000]
    still = np.asarray(Image.open(tmp_path / "ring-still.png"))
    np.testing.assert_array_equal(still, pictures[-1])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ring-still.png", f"ring{suffix}"]


def test_small_frames_are_enlarged_without_blur(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    (picture,), _, _ = read(show.film([noise], tmp_path / "one.webp"))
    np.testing.assert_array_equal(picture, noise.repeat(5, 0).repeat(5, 1))


def test_captions_stand_below_and_differ(tmp_path):
    pictures, _, _ = read(
        show.film(frames(2), tmp_path / "a.webp", captions=["step 1", "step 1,000"])
    )
    assert pictures[0].shape[0] > pictures[0].shape[1] == 480
    assert (pictures[0][480:] != pictures[1][480:]).any()


def test_film_of_run_follows_the_steps_not_the_names(tmp_path):
    for step, name in (
        (1000, "step-1000"),
        (20, "step-000020"),
        (3, "step-3"),
        (100, "step-100"),
        (45, "step-45"),
    ):
        show.save_grid(
            tmp_path / "samples" / f"{name}.png", np.full((4, 1, 20, 20), step % 251, np.uint8), 2
        )
    show.save_grid(tmp_path / "samples" / "step-best.png", np.zeros((1, 1, 9, 9), np.uint8))
    pictures, durations, _ = read(show.film_of_run(tmp_path, tmp_path / "film.webp"))
    assert [int(picture[200, 100, 0]) for picture in pictures] == [3, 20, 45, 100, 1000 % 251]
    assert durations == [1500] * 4 + [2000]


def test_a_film_of_digits_is_small(tmp_path):
    random = np.random.default_rng(0)
    coarse = random.random((12, 64, 1, 7, 7)) < 0.25
    digits = (
        coarse.repeat(4, 3).repeat(4, 4) * random.integers(150, 256, (12, 64, 1, 28, 28))
    ).astype(np.uint8)
    path = show.film([show.tile(images, 8) for images in digits], tmp_path / "digits.webp")
    assert path.stat().st_size < 12 * 25_000


def test_a_film_of_enlarged_noise_gives_up_sharpness_for_a_size_that_a_page_can_bear(
    tmp_path, monkeypatch
):
    random = np.random.default_rng(0)
    slope = np.linspace(20, 220, 60)[:, None, None]
    noise = [(slope + random.normal(0, 6, (60, 60, 3))).astype(np.uint8) for _ in range(4)]
    sharp = show.film(noise, tmp_path / "sharp.webp").stat().st_size
    monkeypatch.setattr(films, "LARGEST", sharp - 1)
    small = show.film(noise, tmp_path / "small.webp").stat().st_size
    assert small < 0.7 * sharp
    monkeypatch.setattr(films, "LARGEST", small - 1)
    assert show.film(noise, tmp_path / "smaller.webp").stat().st_size < small


def test_no_published_film_is_too_large_for_a_page():
    found = {path: path.stat().st_size for path in (ROOT / "runs").glob("*/film.webp")}
    assert found and [path for path, size in found.items() if size > films.LARGEST] == []


@pytest.mark.parametrize(
    ("given", "name", "how", "message"),
    [
        ([], "a.webp", {}, r"frames=\[\]: "),
        (frames(2), "a.mp4", {}, r"a\.mp4.*\.webp or \.gif"),
        (frames(2), "a.webp", {"captions": ["one"]}, "captions: 1 for 2 frames"),
        (frames(2), "a.webp", {"seconds": 0}, "seconds=0"),
        ([*frames(1), *frames(1, size=20)], "a.webp", {}, "20 x 20, 40 x 40"),
        ([np.zeros((4, 4))], "a.webp", {}, r"frame.shape=\(4, 4\), float64"),
        ([np.zeros((1, 3, 4, 4), np.uint8)], "a.webp", {}, r"frame.shape=\(1, 3, 4, 4\).*tile"),
    ],
)
def test_what_cannot_be_filmed_is_refused_and_leaves_no_file(tmp_path, given, name, how, message):
    with pytest.raises(CourseError, match=message):
        show.film(given, tmp_path / name, **how)
    assert not list(tmp_path.iterdir())


def test_a_run_without_pictures_and_a_broken_picture_are_named(tmp_path):
    with pytest.raises(CourseError, match=r"run-7: no pictures samples/step-\*\.png"):
        show.film_of_run(tmp_path / "run-7", tmp_path / "film.webp")
    broken = tmp_path / "samples" / "step-1.png"
    whole = show.save_grid(broken, np.zeros((1, 1, 28, 28), np.uint8)).read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CourseError, match=r"step-1\.png: not a readable picture"):
        show.film_of_run(tmp_path, tmp_path / "film.webp")
    assert not (tmp_path / "film.webp").exists()


def test_of_opening_frames_that_look_alike_only_the_first_is_shown(tmp_path):
    """Grey levels of steps 0 to 5: flat, flat but for rounding, then something is seen, and
    standing still later.
    """
    for step, level in enumerate((127, 128, 126, 160, 200, 200)):
        show.save_grid(
            tmp_path / f"samples/step-{step}.png", np.full((4, 1, 8, 8), level, np.uint8)
        )
    with Image.open(show.film_of_run(tmp_path, tmp_path / "film.webp")) as film:
        assert film.n_frames == 4
    for step in range(3, 6):
        (tmp_path / f"samples/step-{step}.png").unlink()
    with Image.open(show.film_of_run(tmp_path, tmp_path / "film.gif")) as film:
        assert film.n_frames == 3  # nothing is ever seen: no frame is better than another


def test_an_old_film_outlives_a_failed_new_one(tmp_path, monkeypatch):
    path = show.film(frames(2), tmp_path / "a.webp")
    before = path.read_bytes()

    def full(self, target, *args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        show.film(frames(3), path)
    assert path.read_bytes() == before
