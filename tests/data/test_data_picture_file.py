from __future__ import annotations

import pytest
from PIL import Image

from gancourse.data import picture_file
from gancourse.files import CourseError

RED, BLUE = (220, 20, 20), (20, 20, 220)
SVG = '<svg viewBox="0 0 10 10" xmlns="http://www.w3.org/2000/svg">{}</svg>'


def two(left, right, width=32, height=32) -> Image.Image:
    picture = Image.new("RGB", (2 * width, height), left)
    picture.paste(Image.new("RGB", (width, height), right), (width, 0))
    return picture


def test_a_picture_is_read_upright_and_on_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    two(RED, BLUE).save(tmp_path / "turned.png", exif=exif)
    upright = picture_file.read(tmp_path / "turned.png")
    assert (
        upright.size == (32, 64)
        and upright.getpixel((5, 5)) == RED
        and upright.getpixel((5, 60)) == BLUE
    )
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((*RED, 255), (0, 0, 10, 20))
    palette = clear.quantize(4)
    for name, picture in {
        "rgba.png": clear,
        "la.png": clear.convert("LA"),
        "p.png": palette,
    }.items():
        picture.save(tmp_path / name)
        found = picture_file.read(tmp_path / name)
        assert found.mode == "RGB" and found.getpixel((15, 5)) == (255, 255, 255), name
        assert found.getpixel((5, 5)) != (255, 255, 255), name
    Image.new("CMYK", (20, 20)).save(tmp_path / "cmyk.jpg")
    assert picture_file.read(tmp_path / "cmyk.jpg").getpixel((3, 3)) == (255, 255, 255)
    assert picture_file.read(tmp_path / "cmyk.jpg", "L").mode == "L"
    two(RED, BLUE).save(
        tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[two(BLUE, RED)]
    )
    assert picture_file.read(tmp_path / "phone.jpg").getpixel((3, 3))[0] > 200, (
        "the first of a phone's two views"
    )
    (tmp_path / "wide.svg").write_text(
        SVG.replace("10 10", "20 10").format('<rect width="9" height="10"/>')
    )
    drawn = picture_file.read(tmp_path / "wide.svg", size=64)
    assert (
        drawn.size == (64, 32)
        and drawn.getpixel((2, 2)) == (0, 0, 0)
        and drawn.getpixel((60, 2)) == (255,) * 3
    )
    (tmp_path / "strip.svg").write_text(SVG.replace("10 10", "1 100000").format("<g/>"))
    assert max(picture_file.read(tmp_path / "strip.svg", size=64).size) == 64
    with pytest.raises(CourseError, match="is missing"):
        picture_file.read(tmp_path / "none.png")
    with pytest.raises(CourseError, match="mode='RGBA'"):
        picture_file.read(tmp_path / "rgba.png", "RGBA")
