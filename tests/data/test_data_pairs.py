from __future__ import annotations

import os
import struct
import unicodedata
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from gancourse.data import CourseWarning, pairs, picture_file, svg
from gancourse.files import CourseError

RED, BLUE, GREEN = (220, 20, 20), (20, 20, 220), (20, 160, 20)


def two(left, right, width=32, height=32) -> Image.Image:
    picture = Image.new("RGB", (2 * width, height), left)
    picture.paste(Image.new("RGB", (width, height), right), (width, 0))
    return picture


def colour(image: torch.Tensor) -> tuple[int, ...]:
    """The colour (3, H, W) has all over."""
    assert (image == image[:, :1, :1]).all()
    return tuple(image[:, 0, 0].tolist())


def pattern(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth noise: no two places of it look the same."""
    levels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)


def png_header(width: int, height: int) -> bytes:
    """A picture of this size in a hundred bytes: decoded, it would fill the memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


SVG = '<svg viewBox="0 0 10 10" xmlns="http://www.w3.org/2000/svg">{}</svg>'
LAUGHS = "".join(f'<g id="a{i + 1}"><use href="#a{i}"/><use href="#a{i}"/></g>' for i in range(60))


def spoil(folder) -> dict[str, str]:
    """Put files that cannot be used into `folder`: name -> why it cannot."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 128, 3), dtype=np.uint8))
    noise.save(folder / "cut.jpg", quality=95)
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-3000])
    (folder / "text.png").write_text("this is no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    Image.new("RGB", (3, 1)).save(folder / "tiny.png")
    frames = [two(RED, BLUE), two(BLUE, RED)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "moving.png", save_all=True, append_images=frames[1:])
    Image.new("F", (64, 32)).save(folder / "deep.tif")
    (folder / "large.png").write_bytes(png_header(9000, 9000))
    (folder / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (folder / "laughs.svg").write_text(SVG.format(f'<g id="a0"/>{LAUGHS}<use href="#a60"/>'))
    (folder / "entity.svg").write_text('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;"))
    (folder / "loop.svg").write_text(SVG.format('<g id="a"><use href="#a"/></g>'))
    (folder / "thief.svg").write_text(SVG.format('<image href="cut.jpg" width="9" height="9"/>'))
    (folder / "deep.svg").write_text(SVG.format("<g>" * 50_000 + "</g>" * 50_000))
    (folder / "long.svg").write_text(SVG.format("<!--" + " " * svg.MOST_BYTES + "-->"))
    (folder / "folder.png").mkdir()
    return {
        "cut.jpg": "truncated",
        "text.png": "cannot be opened",
        "empty.png": "cannot be opened",
        "phone.heic": "PNG or JPEG",
        "tiny.png": "3 x 1 pixels",
        "moving.gif": "2 frames",
        "moving.png": "2 frames",
        "deep.tif": "32 bits per pixel",
        "large.png": "more than 64 megapixels",
        "bomb.png": "more than 64 megapixels",
        "laughs.svg": "more than 200,000 elements",
        "entity.svg": "XML entities",
        "loop.svg": "more than 200,000 elements",
        "thief.svg": "another picture",
        "deep.svg": "recursion",
        "long.svg": "5,000,000 bytes",
    }


def test_one_bad_file_never_stops_the_others(tmp_path):
    two(RED, BLUE).save(tmp_path / "a.png")
    two(GREEN, RED).save(tmp_path / "z.png")
    (tmp_path / "notes.txt").write_text("passed over")
    (tmp_path / ".hidden.png").write_text("passed over")
    reasons = spoil(tmp_path)
    Image.new("RGB", (65, 32)).save(tmp_path / "odd.png")
    reasons["odd.png"] = "two pictures of equal width"
    with pytest.warns(CourseWarning) as caught:
        found = pairs.side_by_side(tmp_path, direction="AtoB", size=16)
    assert [colour(image) for image in found["input"]] == [RED, GREEN]
    (warning,) = [one for one in caught if one.category is CourseWarning]
    lines = str(warning.message).splitlines()
    assert lines[0] == f"{tmp_path}: {len(reasons)} of {len(reasons) + 2} files were left out."
    assert len(lines) == len(reasons) + 1
    for name, reason in reasons.items():
        assert any(name in line and reason in line for line in lines), (name, reason, lines)
    with pytest.warns(CourseWarning, match="left out"):
        assert len(pairs.photos(tmp_path, size=16)) == 3


def test_nothing_left_is_an_error_that_names_every_reason(tmp_path):
    reasons = spoil(tmp_path)
    with pytest.raises(CourseError, match="none of its 16 pictures can be used") as caught:
        pairs.photos(tmp_path, size=16)
    assert all(name in str(caught.value) for name in reasons)
    empty = tmp_path / "folder.png"
    for folder, reason in (
        (empty, "no pictures in it .0 other files"),
        (tmp_path / "no", "missing"),
        (tmp_path / "cut.jpg", "a file"),
    ):
        with pytest.raises(CourseError, match=reason):
            pairs.photos(folder)


def test_a_file_without_permission_is_left_out(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        pattern(32, 32, ord(name[0])).save(tmp_path / name)

    def guarded(path, *args, **options):
        if "b.png" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return open(path, *args, **options)

    # The tests may run as root, whom nothing is forbidden.
    monkeypatch.setattr(picture_file, "open", guarded, raising=False)
    with pytest.warns(CourseWarning, match="b.png: may not be read"):
        assert len(pairs.photos(tmp_path, size=16)) == 1

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(CourseError, match="may not be read .*permissions"):
        pairs.photos(tmp_path)


def test_the_left_half_is_a_and_the_right_half_b(tmp_path):
    two(RED, BLUE).save(tmp_path / "one.png")
    forth = pairs.side_by_side(tmp_path, direction="AtoB", size=16)
    back = pairs.side_by_side(tmp_path, direction="BtoA", size=16)
    assert colour(forth["input"][0]) == colour(back["target"][0]) == RED
    assert colour(forth["target"][0]) == colour(back["input"][0]) == BLUE
    assert (
        forth["input"].shape == forth["target"].shape == (1, 3, 16, 16)
        and forth["input"].dtype == torch.uint8
    )
    assert forth.source == "yours"
    one = pairs.side_by_side(tmp_path, direction="BtoA", size=16, channels=1)
    assert one["input"].shape == (1, 1, 16, 16) and one["target"].shape == (1, 3, 16, 16)
    for load in (
        pairs.side_by_side,
        lambda folder, **given: pairs.two_folders(folder, folder, **given),
    ):
        with pytest.raises(TypeError, match="direction"):
            load(tmp_path)
        with pytest.raises(CourseError, match="direction='atob': .*AtoB.*BtoA"):
            load(tmp_path, direction="atob")


def test_two_folders_are_paired_by_stem(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir(), b.mkdir()
    for stem, here, there in (("x", RED, BLUE), ("y", GREEN, RED)):
        Image.new("RGB", (32, 20), here).save(a / f"{stem}.png")
        Image.new("RGB", (32, 20), there).save(b / f"{stem}.bmp")
    found = pairs.two_folders(a, b, direction="AtoB", size=16)
    assert [colour(image) for image in found["input"]] == [RED, GREEN]
    assert [colour(image) for image in found["target"]] == [BLUE, RED]
    assert [colour(i) for i in pairs.two_folders(a, b, direction="BtoA", size=16)["input"]] == [
        BLUE,
        RED,
    ]
    for path, size in (
        (a / "alone.png", 32),
        (b / "lone.png", 32),
        (a / "uneven.png", 32),
        (b / "uneven.png", 33),
    ):
        Image.new("RGB", (size, 20)).save(path)
    Image.new("RGB", (32, 20)).save(b / "y.png")
    with pytest.warns(CourseWarning, match="4 of 5 files") as caught:
        assert len(pairs.two_folders(a, b, direction="AtoB", size=16)) == 1
    told = str(caught[0].message)
    assert f"alone.png: no partner; put a picture called alone.* into {b}" in told
    assert f"lone.png: no partner; put a picture called lone.* into {a}" in told
    assert (
        "32 x 20 pixels, but" in told
        and "33 x 20" in told
        and "several files are called y.*" in told
    )


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 60), (48, 48), (24, 400)])
def test_both_pictures_of_a_pair_are_cropped_alike(tmp_path, width, height):
    shown = pattern(width, height)
    both = Image.new("RGB", (2 * width, height))
    both.paste(shown, (0, 0))
    both.paste(shown, (width, 0))
    (tmp_path / "side").mkdir(), (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    both.save(tmp_path / "side" / "p.png")
    shown.save(tmp_path / "a" / "p.png")
    shown.save(tmp_path / "b" / "p.png")
    one = pairs.side_by_side(tmp_path / "side", direction="AtoB", size=24)
    other = pairs.two_folders(tmp_path / "a", tmp_path / "b", direction="BtoA", size=24)
    expected = pairs.photos(tmp_path / "a", size=24)["target"]
    for found in (one, other):
        assert torch.equal(found["input"], found["target"]) and torch.equal(
            found["target"], expected
        )
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = shown.crop((left, top, left + side, top + side)).resize(
        (24, 24), Image.Resampling.LANCZOS
    )
    assert (
        expected[0].permute(1, 2, 0).int() - torch.from_numpy(np.array(middle)).int()
    ).abs().max() <= 2


def test_a_picture_made_smaller_is_averaged_not_sampled(tmp_path):
    stripes = np.zeros((128, 128, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    inner = pairs.photos(tmp_path, size=16)["target"][0, :, 2:-2, 2:-2]
    assert (inner.int() - 127).abs().max() < 12


def test_limit_takes_the_first_and_reads_no_more(tmp_path):
    for name in "abc":
        pattern(32, 32, ord(name)).save(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_text("never read")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two_of = pairs.photos(tmp_path, size=16, limit=2)
    assert len(two_of) == 2
    with pytest.raises(CourseError, match="limit=0: too few"):
        pairs.photos(tmp_path, limit=0)
    with pytest.raises(CourseError, match="size"):
        pairs.photos(tmp_path, size=8)


def test_photos_give_grey_or_edges(tmp_path):
    shown = Image.new("RGB", (64, 64), (200, 200, 255))
    ImageDraw.Draw(shown).rectangle((16, 16, 47, 47), fill=(120, 30, 30))
    shown.save(tmp_path / "box.png")
    found = pairs.photos(tmp_path, kind="grey", size=64)
    assert found["input"].shape == (1, 1, 64, 64) and found["target"].shape == (1, 3, 64, 64)
    assert np.array_equal(found["input"][0, 0], np.array(shown.convert("L")))
    lines = pairs.photos(tmp_path, kind="edges", size=64)["input"][0, 0]
    assert lines.unique().tolist() == [0, 255] and (lines == 255).float().mean() > 0.9
    ys, xs = torch.nonzero(lines == 0, as_tuple=True)
    for at in (ys, xs):
        assert abs(at.min() - 16) <= 1 and abs(at.max() - 47) <= 1
    with pytest.raises(CourseError, match="kind='sketch': .*grey, edges, hole"):
        pairs.photos(tmp_path, kind="sketch")


def test_a_hole_is_white_in_the_middle_and_the_target_whole(tmp_path):
    pattern(64, 64).save(tmp_path / "one.png")
    found = pairs.photos(tmp_path, kind="hole", size=64)
    assert found["input"].shape == found["target"].shape == (1, 3, 64, 64)
    holed, target = found["input"][0], found["target"][0]
    assert (holed[:, 20:44, 20:44] == 255).all()
    around = torch.ones(64, 64, dtype=torch.bool)
    around[20:44, 20:44] = False
    assert torch.equal(holed[:, around], target[:, around]) and not torch.equal(holed, target)


@pytest.mark.parametrize("here, there", [("NFC", "NFD"), ("NFD", "NFC")])
def test_partners_are_found_however_their_accents_are_stored(tmp_path, here, there):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir(), b.mkdir()
    for folder, form, shade in ((a, here, RED), (b, there, BLUE)):
        for name in ("café", "Ångström", "가"):
            stem = unicodedata.normalize(form, name)
            Image.new("RGB", (20, 20), shade).save(folder / f"{stem}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(pairs.two_folders(a, b, direction="AtoB", size=16)) == 3


def test_photos_in_folders_inside_count_and_copies_count_once(tmp_path):
    (tmp_path / "inside" / "more").mkdir(parents=True)
    pattern(32, 32, 1).save(tmp_path / "b.png")
    pattern(32, 32, 2).save(tmp_path / "inside" / "more" / "a.png")
    (tmp_path / "inside" / "copy.png").write_bytes((tmp_path / "b.png").read_bytes())
    with pytest.warns(CourseWarning, match="1 of 3 files.*\n.*copy.png: the same file as .*b.png"):
        assert len(pairs.photos(tmp_path, size=16)) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(pairs.side_by_side(tmp_path, direction="AtoB", size=16)) == 1


def test_a_warning_stays_short(tmp_path):
    pattern(32, 32).save(tmp_path / "good.png")
    for i in range(70):
        (tmp_path / f"{i}.png").write_text(f"no picture {i}")
    with pytest.warns(CourseWarning, match="70 of 71 files") as caught:
        pairs.photos(tmp_path, size=16)
    lines = str(caught[0].message).splitlines()
    assert len(lines) == 52 and lines[-1] == "- and 20 more"


def test_a_larger_sigma_finds_fewer_edges():
    image = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
    )
    counts = [(pairs.edges(image, sigma) == 0).sum() for sigma in (1.0, 2.0, 4.0)]
    assert counts[0] > counts[1] > counts[2]
    assert (pairs.edges(torch.full((1, 3, 16, 16), 99, dtype=torch.uint8)) == 255).all()
    for wrong in (image.float(), image[0], image[:, :1]):
        with pytest.raises(CourseError, match=r"not colour pictures; give \(N, 3, H, W\) uint8"):
            pairs.edges(wrong)
    with pytest.raises(CourseError, match="sigma=-1"):
        pairs.edges(image, -1)
