"""Pictures read and written with all that their files hold."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

from gancourse.data import CourseWarning, raster
from gancourse.data.raster import Raster
from gancourse.files import CourseError

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
MOST = 65_535


def levels(channels: int, kind=np.uint8, height: int = 70, width: int = 50) -> np.ndarray:
    """Noise: every byte of every level counts. More rows than are compressed at once."""
    dice = np.random.default_rng(channels)
    return dice.integers(0, np.iinfo(kind).max + 1, (height, width, channels), dtype=kind)


def smooth(channels: int, kind=np.uint8) -> np.ndarray:
    ramp = np.linspace(0.1, 0.9, 48)[None, :, None] * np.ones((40, 1, channels))
    return (ramp * np.iinfo(kind).max).astype(kind)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# There and back


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_levels_profile_and_resolution_come_back(tmp_path, suffix, channels, kind):
    path, given = tmp_path / f"a{suffix}", levels(channels, kind)
    raster.write(Raster(given, PROFILE, b"", (300.0, 150.0)), path)
    if suffix != ".png" and channels == 2 and kind == np.uint16:  # Pillow does not know these
        assert (tifffile.imread(path) == given).all()
        return
    found = raster.read(path)
    assert found.levels.dtype == kind and (found.levels == given).all()
    assert found.profile == PROFILE and found.dpi == pytest.approx((300, 150), rel=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_other_programs_read_what_is_written(tmp_path, channels):
    for kind in (np.uint8, np.uint16):
        given = levels(channels, kind)
        raster.write(Raster(given), tmp_path / "a.png")
        raster.write(Raster(given), tmp_path / "a.tif")
        with Image.open(tmp_path / "a.png") as png:  # keeps the upper byte of 16 bits
            shown = np.asarray(png.convert("RGBA")).astype(int)
        if kind == np.uint8 or channels > 1:
            upper = given >> 8 * (kind == np.uint16)
            assert (shown[..., 0] == upper[..., 0]).all()
            assert channels % 2 or (shown[..., 3] == upper[..., -1]).all()
        assert (tifffile.imread(tmp_path / "a.tif").reshape(given.shape) == given).all()
    with tifffile.TiffFile(tmp_path / "a.tif") as found:
        page = found.pages[0]
        assert page.photometric.name == ("RGB" if channels > 2 else "MINISBLACK")
        assert [sample.name for sample in page.extrasamples] == ["UNASSALPHA"] * (
            channels in (2, 4)
        )


@pytest.mark.parametrize(("suffix", "tolerance"), [(".jpg", 4), (".webp", 6)])
def test_lossy_formats_are_near(tmp_path, suffix, tolerance):
    for channels in (1, 3) if suffix == ".jpg" else (1, 2, 3, 4):
        given, path = smooth(channels), tmp_path / f"a{suffix}"
        raster.write(Raster(given, PROFILE, b"", (300.0, 300.0)), path)
        found = raster.read(path)
        kept = channels if suffix == ".jpg" else {1: 3, 2: 4}.get(channels, channels)
        assert found.levels.shape == (40, 48, kept) and found.profile == PROFILE
        assert np.abs(found.levels[..., 0].astype(int) - given[..., 0]).max() <= tolerance
        assert suffix == ".webp" or found.dpi == (300, 300)


# What others wrote


@pytest.mark.parametrize(
    "how",
    [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"byteorder": ">", "compression": "zlib"},
     {"tile": (16, 16)}],
)  # fmt: skip
def test_tiff_of_16_bits_in_every_layout(tmp_path, how):
    for channels in (1, 3, 4):
        given = levels(channels, np.uint16)
        stored = given[..., 0] if channels == 1 else given
        options = {"photometric": "rgb" if channels > 1 else "minisblack", **how}
        if channels == 4:
            options["extrasamples"] = ["unassalpha"]
        tifffile.imwrite(tmp_path / "a.tif", stored, **options)
        found = raster.read(tmp_path / "a.tif").levels
        assert found.dtype == np.uint16 and (found == given).all(), channels


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_planes_of_16_bits_are_refused_rather_than_read_wrongly(tmp_path, compression):
    apart = np.ascontiguousarray(levels(3, np.uint16).transpose(2, 0, 1))
    how = {"photometric": "rgb", "planarconfig": "separate", "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", apart, **how)
    with pytest.raises(CourseError, match="a.tif: 16 bits, with red.* apart .*; save it with"):
        raster.read(tmp_path / "a.tif")


def test_a_level_that_means_transparent_becomes_opacity(tmp_path):
    for kind in (np.uint8, np.uint16):
        given = levels(1, kind)
        given[5:9] = 31
        Image.fromarray(given[..., 0]).save(tmp_path / "grey.png", transparency=31)
        found = raster.read(tmp_path / "grey.png").levels
        most = np.iinfo(kind).max
        assert found.dtype == kind and (found[..., 0] == given[..., 0]).all()
        assert (found[..., 1] == np.where(given[..., 0] == 31, 0, most)).all()
    given = levels(3, np.uint16)
    given[5:9] = 300, 400, 500
    raster.write(Raster(given), tmp_path / "rgb.png")
    whole = (tmp_path / "rgb.png").read_bytes()
    clear = b"tRNS" + struct.pack(">HHH", 300, 400, 500)
    chunk = struct.pack(">I", 6) + clear + struct.pack(">I", zlib.crc32(clear))
    (tmp_path / "rgb.png").write_bytes(whole[:33] + chunk + whole[33:])
    found = raster.read(tmp_path / "rgb.png").levels
    assert (found[..., :3] == given).all() and (found[5:9, :, 3] == 0).all()
    assert (found[9:, :, 3] == MOST).all()


def test_palettes_one_bit_and_opaque_pictures(tmp_path):
    picture = Image.fromarray(smooth(3)).quantize(8)
    picture.save(tmp_path / "p.gif")
    picture.save(tmp_path / "p.png", transparency=0)
    Image.fromarray(smooth(1)[..., 0]).convert("1").save(tmp_path / "fax.tif", compression="group4")
    shapes = {
        name: raster.read(tmp_path / name).levels.shape[2] for name in ("p.gif", "p.png", "fax.tif")
    }
    assert shapes == {"p.gif": 3, "p.png": 4, "fax.tif": 1}
    assert set(np.unique(raster.read(tmp_path / "fax.tif").levels)) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jpg", np.uint8), ("a.png", np.uint16), ("a.tif", np.uint16), ("a.webp", np.uint8)],
)
def test_a_picture_is_upright_once(tmp_path, name, kind, orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    given = smooth(3, kind)
    given[:10] //= 2
    path = tmp_path / name
    if kind == np.uint8:
        Image.fromarray(given).save(path, exif=exif, quality=100)
    else:
        raster.write(Raster(given, None, exif.tobytes()), path)
    found = raster.read(path)
    eight = (given >> 8).astype(np.uint8) if kind == np.uint16 else given
    flat = Image.fromarray(eight)
    flat.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(flat)).astype(int)
    ours = (found.levels >> 8 if kind == np.uint16 else found.levels).astype(int)
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= (0 if kind == np.uint16 else 12)
    left = Image.Exif()
    left.load(found.exif)
    assert 0x0112 not in left and left[0x010F] == "Maker"


# EXIF


def details() -> Image.Exif:
    """What a camera writes."""
    exif = Image.Exif()
    exif[0x010F], exif[0x8298], exif[282], exif[283], exif[296] = "Maker", "Somebody", 72, 72, 2
    exif[0x8769] = {
        0x829A: (1, 250),
        0x9003: "2024:01:02 03:04:05",
        0xA002: 48,
        0xA003: 40,
        0x927C: b"note",
    }
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    return exif


@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_exif_travels_from_every_format_to_every_other(tmp_path, source, suffix, kind):
    if kind == np.uint16 and suffix in (".jpg", ".webp"):
        return
    Image.fromarray(smooth(3)).save(tmp_path / source, exif=details().tobytes())
    found = raster.read(tmp_path / source)
    exif = raster.enlarged_exif(found.exif, 192, 160, 4)
    raster.write(Raster(smooth(3, kind), None, exif), tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as image:
        after = image.getexif()
        inner, place = after.get_ifd(0x8769), after.get_ifd(0x8825)
        assert (after[0x010F], after[0x8298]) == ("Maker", "Somebody")
        assert float(after[282]) == 288, "prints as large as before"
        assert inner[0x9003] == "2024:01:02 03:04:05" and inner[0x927C] == b"note"
        assert (inner[0xA002], inner[0xA003]) == (192, 160)
        assert place[1] == "N" and tuple(map(float, place[2])) == (52, 30, 0)
        np.asarray(image)  # no tag of the old file misleads the decoder


def test_damaged_exif_is_left_out_aloud(tmp_path, monkeypatch):
    Image.fromarray(smooth(3)).save(tmp_path / "a.jpg", exif=details())

    def broken(self, offset=8):
        raise struct.error("unpack")

    monkeypatch.setattr(Image.Exif, "tobytes", broken)
    with pytest.warns(CourseWarning, match="a.jpg: its EXIF data are damaged and left out"):
        assert raster.read(tmp_path / "a.jpg").exif == b""


def test_exif_too_long_for_jpeg_is_left_out_aloud(tmp_path):
    exif = details()
    exif[0x8769] = {0x927C: bytes(70_000)}
    with pytest.warns(CourseWarning, match="b.jpg: EXIF data too long"):
        raster.write(Raster(smooth(3), None, exif.tobytes()), tmp_path / "b.jpg")
    assert raster.read(tmp_path / "b.jpg").levels.shape == (40, 48, 3)


# Colours that are not RGB


def cmyk_profile() -> bytes:
    """An ICC profile (ISO 15076) in which every ink but black is invisible."""
    table = b"".join(bytes([255 if not i & 1 else 0, 128, 128]) for i in range(16))  # K is last
    same = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    lut += (
        struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9))) + 4 * same + table + 3 * same
    )
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    right = b"text" + bytes(4) + b"none\0"
    parts = {b"desc": text, b"A2B0": lut, b"wtpt": white, b"cprt": right}
    at, entries, body = 128 + 4 + 12 * len(parts), b"", b""
    for name, data in parts.items():
        data += bytes(-len(data) % 4)
        entries += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab "
    )
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head[:128] + struct.pack(">I", len(parts)) + entries + body


def test_cmyk_becomes_srgb_through_its_profile_or_plainly(tmp_path):
    red = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    red.save(tmp_path / "profile.jpg", icc_profile=cmyk_profile(), quality=100)
    red.save(tmp_path / "plain.tif")
    red.save(tmp_path / "broken.tif", icc_profile=b"no profile")
    for name, colour in (
        ("profile.jpg", (255, 255, 255)),
        ("plain.tif", (255, 0, 0)),
        ("broken.tif", (255, 0, 0)),
    ):
        found = raster.read(tmp_path / name)
        assert np.abs(found.levels[9, 9].astype(int) - colour).max() < 8, name
        assert found.profile is None, name


def test_an_svg_has_no_pixels(tmp_path):
    (tmp_path / "a.svg").write_text('<svg viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(CourseError, match="a.svg: an SVG drawing, which has no pixels; export it"):
        raster.read(tmp_path / "a.svg")


# What a format does not hold


@pytest.mark.parametrize(
    ("name", "size", "channels", "words"),
    [
        ("a.jpg", (9, 9), 4, "JPEG holds no transparency.*; give .png"),
        ("a.jpg", (70_000, 9), 3, "70,000 x 9 pixels, and .jpg takes 65,500 .*; give .png"),
        ("a.webp", (9, 16_384), 3, "9 x 16,384 pixels, and .webp takes 16,383"),
        ("a.tif", (40_000, 40_000), 3, "more than the 4 GiB of a TIFF file; give .png"),
    ],
)
def test_what_a_format_does_not_hold_is_said_first(tmp_path, name, size, channels, words):
    with pytest.raises(CourseError, match=f"{name}: .*{words}"):
        raster.check_format(tmp_path / name, *size, channels, 1)
    raster.check_format(tmp_path / "a.png", *size, channels, 1)


def test_16_bits_go_on_as_tensors(tmp_path):
    raster.write(Raster(levels(3, np.uint16)), tmp_path / "a.png")
    assert torch.from_numpy(raster.read(tmp_path / "a.png").levels).dtype == torch.uint16
