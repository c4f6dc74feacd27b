from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancourse.data import CourseWarning, folders, photos, picture_folder
from gancourse.files import CourseError
from gancourse.game import Phase
from gancourse.training import checkpoint
from gancourse.training.feed import Source, identity
from tests.games import Small, play

SIZES = [(40, 33), (16, 70), (25, 25), (90, 17), (31, 48)]  # height, width


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((height, width, seed)).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


@pytest.fixture
def folder(tmp_path):
    """Five photos of five sizes, one of them in a folder inside."""
    place = tmp_path / "holiday"
    (place / "beach").mkdir(parents=True)
    for i, size in enumerate(SIZES):
        name = "beach/4.png" if i == 4 else f"{i}.png"
        Image.fromarray(noise(*size)).save(place / name)
    return place


@pytest.fixture
def held(folder):
    return photos.load(folder, "all", side=16)


def test_photos_of_many_sizes_lie_in_one_buffer(held):
    assert len(held) == 5 and held.name == "holiday all" and held.source == "yours"
    assert held.buffer.shape == (3 * sum(height * width for height, width in SIZES),)
    for i, (height, width) in enumerate(SIZES):
        photo = held.photo(i)
        assert photo.shape == (3, height, width) and photo.dtype == torch.uint8
        assert np.array_equal(photo.permute(1, 2, 0), noise(height, width))
        assert photo.untyped_storage().data_ptr() == held.buffer.untyped_storage().data_ptr()
    assert "5 photos, 0 MB, crops of 16 x 16" in repr(held)


def test_a_crop_lies_where_the_numbers_say(held):
    rows = torch.tensor([3, 0, 1, 0])
    uniform = torch.tensor([[0.0, 0.0], [0.999, 0.999], [0.5, 0.5], [0.2, 0.7]])
    image = held.batch(rows, uniform.double())["image"]
    assert image.shape == (4, 3, 16, 16) and image.dtype == torch.uint8
    places = [(0, 0), (24, 17), (0, 27), (5, 12)]  # floor of a share of H - 15 and W - 15
    for crop, row, (top, left) in zip(image, rows, places, strict=True):
        assert torch.equal(crop, held.photo(row)[:, top : top + 16, left : left + 16])


def test_every_crop_of_a_photo_is_equally_likely():
    whole = photos.Photos(
        torch.arange(18, dtype=torch.uint8), torch.tensor([[2, 3]]), 1, "x", "", ""
    )
    uniform = torch.rand(6_000, 2, dtype=torch.float64)
    pixels = whole.batch(torch.zeros(6_000, dtype=torch.int64), uniform)["image"][:, 0, 0, 0]
    assert (pixels[:, None] == torch.arange(0, 18, 3)).sum(0).float().sub(1_000).abs().max() < 150


def test_a_row_by_itself_is_the_middle_crop(held):
    assert torch.equal(held[2]["image"], held.photo(2)[:, 5:21, 5:21])
    assert torch.equal(held.crops(5)[2]["image"], held.photo(2)[:, 10:15, 10:15])


def test_photos_are_a_source_of_the_feed(held):
    assert isinstance(held, Source) and identity(held) == held.identity()
    moved = held.to("meta")
    assert moved.buffer.device.type == "meta" and moved.shapes.device.type == "cpu"
    batch = moved.batch(torch.tensor([0, 1]), torch.zeros(2, 2, dtype=torch.float64))
    assert batch["image"].device.type == "meta", "cut where the photos are"


class Restorer(Small):
    """One convolution that fits a crop to its own blur: a regression whose data are random
    crops.
    """

    def __init__(self, seed=0):
        super().__init__(batch_size=4)
        torch.manual_seed(seed)
        self.fit = nn.Conv2d(3, 3, 3, padding=1)
        self.seen = []

    def phases(self):
        make = partial(torch.optim.Adam, lr=0.01)
        return [Phase("fit", tuple(self.fit.parameters()), self.loss, make)]

    def augment(self, batch):
        self.seen.append(batch["image"].clone())
        return batch

    def loss(self, batch):
        image = batch["image"]
        blurred = nn.functional.avg_pool2d(image, 3, 1, 1)
        return {"error": (self.fit(image) - blurred).square().mean()}


def test_n_steps_and_n_steps_are_2n_steps_bit_for_bit_with_random_crops(held, tmp_path):
    whole, first, second = Restorer(), Restorer(), Restorer(seed=9)
    play(whole, held, 10, tmp_path / "whole")
    play(first, held, 5, tmp_path / "parts")
    torch.manual_seed(123)
    play(second, held, 10, tmp_path / "parts")
    for parted, crops in zip(first.seen + second.seen, whole.seen, strict=True):
        assert torch.equal(parted, crops)
    assert len({crops.numpy().tobytes() for crops in whole.seen}) == 10
    expected, found = (
        checkpoint.load(tmp_path / name / "checkpoints" / "step-00000010")[0]
        for name in ("whole", "parts")
    )
    assert expected.keys() == found.keys()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_a_run_does_not_go_on_with_other_photos(held, folder, tmp_path):
    play(Restorer(), held, 2, tmp_path / "run")
    changed = noise(*SIZES[0])
    changed[-1, -1, -1] ^= 1
    Image.fromarray(changed).save(folder / "0.png")
    with pytest.raises(CourseError, match="data"):
        play(Restorer(), photos.load(folder, "all", side=16), 4, tmp_path / "run")


def test_photos_are_known_by_every_pixel_every_size_and_the_side_of_the_crops(held):
    known = held.identity()
    assert known["rows"] == 5 and known == photos.Photos(**vars_of(held)).identity()
    buffer = held.buffer.clone()
    buffer[-1] ^= 1
    turned = held.shapes.clone()
    turned[0] = turned[0].flip(0)  # as many bytes, another photo
    for other in ({"buffer": buffer}, {"shapes": turned}, {"side": 15}):
        assert photos.Photos(**{**vars_of(held), **other}).identity() != known


def vars_of(held: photos.Photos) -> dict:
    names = ("buffer", "shapes", "side", "name", "source", "licence", "credit", "names", "credits")
    return {name: getattr(held, name) for name in names}


def test_broken_small_and_double_photos_are_named_once_and_passed_over(folder):
    Image.fromarray(noise(15, 400)).save(folder / "narrow.png")
    (folder / "torn.jpg").write_bytes(b"no photo")
    (folder / "zero.png").write_bytes(b"")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / ".hidden").mkdir()
    Image.fromarray(noise(30, 30)).save(folder / ".hidden" / "thumb.png")
    (folder / "drawing.svg").write_text("<svg/>")
    with pytest.warns(CourseWarning) as caught:
        found = photos.load(folder, "all", side=16)
    assert len(found) == 5
    (warning,) = caught
    said = str(warning.message)
    assert said.startswith("holiday all: 4 of 9 files were left out")
    assert "copy.png: the same file as" in said and "torn.jpg" in said and "zero.png" in said
    assert "narrow.png" in said


def test_nothing_left_is_a_clear_error(folder, tmp_path):
    with pytest.raises(
        CourseError, match=r"(?s)none of its 5 pictures.*2.png: 25 x 25.*crops of 91"
    ):
        photos.load(folder, "all", side=91)
    with pytest.raises(CourseError, match="no: missing; give a folder"):
        photos.load(tmp_path / "no", side=16)
    with pytest.raises(CourseError, match="split='validation'"):
        photos.load(folder, "validation", side=16)
    one = tmp_path / "one"
    one.mkdir()
    Image.fromarray(noise(30, 30)).save(one / "a.png")
    assert len(photos.load(one, side=16)) == 1
    with pytest.raises(CourseError, match="1 photos, which leave none for test"):
        photos.load(one, "test", side=16)


def test_crops_larger_than_the_smallest_photo_are_refused(held):
    with pytest.raises(
        CourseError, match="side=17: .*smallest has 70 x 16 pixels; give a side of 1 to 16"
    ):
        held.crops(17)
    with pytest.raises(CourseError, match="side=0"):
        held.crops(0)
    with pytest.raises(CourseError, match="no photos"):
        photos.Photos(held.buffer[:0], held.shapes[:0], 16, "x", "", "")
    with pytest.raises(CourseError, match="bytes, but photos of these shapes"):
        photos.Photos(held.buffer[:-1], held.shapes, 16, "x", "", "")


def contents(found: photos.Photos) -> set[bytes]:
    return {found.photo(i).numpy().tobytes() for i in range(len(found))}


def test_the_split_depends_on_the_photos_alone(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    for i in range(30):
        picture = Image.fromarray(noise(20 + i, 20))
        picture.save(tmp_path / "one" / f"{i}.png")
        picture.save(tmp_path / "other" / f"renamed {30 - i}.png")
    train, test = (photos.load(tmp_path / "one", part, side=16) for part in ("train", "test"))
    assert (len(train), len(test)) == (27, 3) and not contents(train) & contents(test)
    assert contents(photos.load(tmp_path / "other", "test", side=16)) == contents(test)
    assert len(photos.load(tmp_path / "one", "all", side=16)) == 30
    assert len(photos.load(tmp_path / "one", side=16, limit=4)) == 4


def test_a_bundled_set_is_read_from_its_files(folder):
    paths = [folder / "2.png", folder / "0.png"]
    found = photos.decode(paths, 16, "bundle", "bundled", "CC0", "A. Nother")
    assert (found.credit, found.licence, found.source) == ("A. Nother", "CC0", "bundled")
    assert found.names == ("2", "0") and found.credits == ()
    assert found.shapes.tolist() == [[25, 25], [40, 33]]


def test_credits_stay_with_their_photos_when_one_is_left_out(folder):
    paths = [folder / f"{i}.png" for i in range(4)]
    with pytest.warns(CourseWarning, match="1.png"):
        found = photos.decode(
            paths, 17, "bundle", "bundled", "", credits={path: path.stem * 2 for path in paths}
        )
    assert found.names == ("0", "2", "3") and found.credits == ("00", "22", "33")
    assert found.crops(8).to("cpu").credits == found.credits


def layout(folder, **sizes: tuple[int, int]):
    for i, (name, size) in enumerate(sizes.items()):
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(*size, seed=i)).save(path.with_name(f"{path.name}.png"))
    return folder


LAYOUTS = {
    "DIV2K": {
        "DIV2K_train_HR__0001": (64, 48),
        "DIV2K_valid_HR__0801": (48, 64),
        "DIV2K_train_LR_bicubic__X2__0001x2": (32, 24),
        "DIV2K_train_LR_unknown__X4__0001x4": (17, 17),
        "DIV2K_valid_LR_mild__0801x4m": (18, 18),
    },
    "Flickr2K": {
        "Flickr2K_HR__000001": (64, 48),
        "Flickr2K_HR__000002": (48, 64),
        "Flickr2K_LR_bicubic__X4__000001x4": (17, 17),
    },
    "KAIR": {"trainH__HR__a": (64, 48), "trainH__HR__b": (48, 64), "LRbicx4__a": (17, 17)},
    "names": {"img_001_SRF_4_HR": (64, 48), "img_002_HR": (48, 64), "img_001_SRF_4_LR": (17, 17)},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_shrunken_copies_of_data_sets_for_super_resolution_are_passed_over(tmp_path, name):
    folder = layout(tmp_path / name, **LAYOUTS[name])
    found = folders.own("photos", folder, shape=(3, 16, 16), learning=False)
    assert found.shapes.tolist() == [[64, 48], [48, 64]]


def test_what_is_named_low_resolution_counts_where_there_is_no_other(tmp_path):
    """LR also means Lightroom, and who gives DIV2K's LR folder itself wants it."""
    folder = layout(tmp_path / "DIV2K_train_LR_bicubic", X2__0001x2=(32, 24), LR_edits__a=(24, 32))
    assert len(photos.load(folder, "all", side=16)) == 2
    folder = layout(tmp_path / "HR party", ALRIGHT__a=(24, 24), LRC__b=(24, 25), XHR__c=(24, 26))
    assert len(photos.load(folder, "all", side=16)) == 3


def test_bsds_as_it_is_unpacked(tmp_path):
    folder = layout(
        tmp_path / "BSR",
        BSDS500__data__images__train__100075=(32, 48),
        BSDS500__data__images__test__100007=(48, 32),
    )
    truth = folder / "BSDS500/data/groundTruth/train/100075.mat"
    truth.parent.mkdir(parents=True)
    truth.write_bytes(b"MATLAB 5.0")
    found = folders.own("photos", folder, shape=(3, 32, 32), learning=False)
    assert found.names == ("100007", "100075")


def test_warning_filters_are_as_before(folder):
    with warnings.catch_warnings():
        before = list(warnings.filters)
        photos.load(folder, "all", side=16)
        assert warnings.filters == before


def test_decoding_shows_its_progress(folder, monkeypatch):
    bars = []

    class Bar(picture_folder.tqdm):
        def close(self):
            bars.append((self.desc, self.n, self.total))
            super().close()

    monkeypatch.setattr(picture_folder, "tqdm", Bar)
    photos.load(folder, "all", side=16)
    assert bars[0] == ("holiday all", 5, 5)
