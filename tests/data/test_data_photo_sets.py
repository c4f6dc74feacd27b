from __future__ import annotations

import hashlib
import io
import re
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import data, files
from gancourse.data import CourseWarning, archives, photo_sets
from gancourse.data.photo_sets import Photo
from gancourse.files import CourseError, DamagedFile
from gancourse.training.feed import Source


def jpeg(seed: int, size: tuple[int, int] = (128, 120)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG" if seed >= 90 else "JPEG")
    return held.getvalue()


def listed(group: str, split: str, file: str, contents: bytes) -> Photo:
    sha256 = hashlib.sha256(contents).hexdigest()
    return Photo(group, split, file, sha256, "CC BY 2.0", f"who took {file}")


FILES = {
    ("bsds", "train", "100.jpg"): jpeg(0),
    ("bsds", "train", "200.jpg"): jpeg(1, (120, 128)),
    ("flowers", "train", "daisy/1_a.jpg"): jpeg(2),
    ("flowers", "test", "roses/1_a.jpg"): jpeg(3),
    ("kodak24", "test", "kodim01.png"): jpeg(90),
    ("kodak24", "test", "kodim02.png"): jpeg(91),
}
STANDARD = {
    "BSR/BSDS500/data/images/test/100.jpg": jpeg(0),
    "BSR/BSDS500/data/images/train/200.jpg": jpeg(1, (120, 128)),
    "BSR/BSDS500/data/images/val/300.jpg": jpeg(7),
    "flower_photos/daisy/1_a.jpg": jpeg(2),
    "flower_photos/roses/1_a.jpg": jpeg(3),
    "flower_photos/tulips/1_a.jpg": jpeg(8),
}
FLAT = {
    "photos/bsds/100.jpg": jpeg(0),
    "photos/bsds/200.jpg": jpeg(1, (120, 128)),
    "photos/flowers/train/daisy__1_a.jpg": jpeg(2),
    "photos/flowers/valid/roses__1_a.jpg": jpeg(3),
}
KODAK = {f"Kodak24/{file}": held for (group, _, file), held in FILES.items() if group == "kodak24"}


@pytest.fixture
def made(monkeypatch):
    """An index of six made-up photos, beside the bundled ones."""
    true = photo_sets.index
    photos = [listed(*key, contents) for key, contents in FILES.items()]

    def index(*sets, split=None):
        chosen = [each for each in photos if each.set in sets and split in (None, each.split)]
        return true(*{"bundled", "set5"} & set(sets), split=split) + chosen

    monkeypatch.setattr(photo_sets, "index", index)


def place(root, layout: dict[str, bytes]):
    for name, contents in layout.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents)
    return root


# --- bundled ---


def test_the_bundled_photos():
    train, test = data.load("photos"), data.load("photos", "test", side=96)
    known = data.about("photos")
    assert (len(train), len(test)) == known.sizes["bundled"] == (10, 4)
    assert isinstance(train, Source) and (train.side, test.side) == (112, 96)
    assert known.holds == f"image {tuple(train[0]['image'].shape)}, a random crop"
    assert train.name == "photos train" and train.source == "bundled"
    assert train.licence == known.bundled_terms != known.terms
    assert test.names == ("astronaut", "cat", "stream", "temple")
    assert test.credits[2] == "Aitzol Berasategi, CC BY 4.0" and "NASA" in test.credit
    for held in (train, test):
        assert not (held.shapes % 12).any(), "2, 3 and 4 divide the sides"
        for credit in held.credits:
            assert credit.endswith(("CC0 1.0", "public domain", "CC BY 2.0", "CC BY 4.0"))


def test_the_bundled_photos_are_few_bytes_and_much_detail():
    paths = list((files.BUNDLED / "photos").rglob("*.jpg"))
    assert len(paths) == 14 and sum(path.stat().st_size for path in paths) < 2.2e6
    for split in photo_sets.SPLITS:
        held = data.load("photos", split)
        for i, name in enumerate(held.names):
            photo = held.photo(i).double()
            down = torch.nn.functional.avg_pool2d(photo, 4)
            lost = photo - down.repeat_interleave(4, 1).repeat_interleave(4, 2)
            assert lost.std() > 5, f"{name} loses nothing when shrunk"


def test_the_index_lists_each_photo_once_and_gives_the_flowers_their_photographers():
    sets = ("bundled", *photo_sets.PLACES)
    count = {name: len(photo_sets.index(name)) for name in sets}
    assert count == {"bundled": 14, "bsds": 399, "flowers": 429, "kodak24": 24, "set5": 5}
    everything = photo_sets.index(*sets)
    assert len({photo.sha256 for photo in everything}) == len(everything) == sum(count.values())
    assert all(re.fullmatch("[0-9a-f]{64}", photo.sha256) for photo in everything)
    assert {photo.split for photo in everything} == set(photo_sets.SPLITS)
    assert "302003.jpg" not in [photo.file for photo in everything], "the woman of Set5"
    flowers = photo_sets.index("flowers")
    assert all(re.search(r"\w.*, https?://www\.flickr\.com/", photo.credit) for photo in flowers)
    full = photo_sets.ABOUT["photos"].sizes["full"]
    assert full == tuple(
        len(photo_sets.index("bsds", "flowers", split=s)) for s in ("train", "test")
    )
    for name in ("set5", "kodak24"):
        assert photo_sets.ABOUT[name].sizes == {"full": (0, count[name])}


def test_every_photo_of_an_archive_is_found_in_it_by_its_name():
    inside = {
        "bsds": "BSDS500-master/BSDS500/data/images/test/{}",
        "flowers": "flower_photos/{}",
    }
    for name, member in inside.items():
        pattern = archives.PHOTOGRAPHS[name].member
        for photo in photo_sets.index(name):
            assert re.fullmatch(pattern, member.format(photo.file))[1] == photo.file
    bsds = archives.PHOTOGRAPHS["bsds"].member
    assert re.fullmatch(bsds, "BSR/BSDS500/data/images/train/2018.jpg")[1] == "2018.jpg"
    assert not re.fullmatch(bsds, "BSR/BSDS500/data/images/val/3096.jpg"), "that is BSD100"


# --- the full set, in the root ---


@pytest.mark.parametrize("layout", [STANDARD, FLAT], ids=["standard", "flat"])
def test_the_full_set_is_found_where_it_lies(made, tmp_path, layout):
    place(tmp_path, layout)
    train = data.load("photos", root=tmp_path, strict=True)
    test = data.load("photos", "test", root=tmp_path)
    assert train.source == test.source == "full" and train.licence == data.about("photos").licence
    assert train.names[:2] == ("100", "200")
    assert train.shapes.tolist() == [[120, 128], [128, 120], [120, 128]]
    assert test.credits == ("who took roses/1_a.jpg, CC BY 2.0",)
    assert not torch.equal(train.photo(2), test.photo(0)), "one name, two flowers"
    assert train.shown.source == "bundled" and train.crops(24).shown.side == 24
    assert next(data.listing("photos", root=tmp_path)).split()[:2] == ["photos", "full"]
    assert data.load("photos", root=tmp_path, source="bundled").source == "bundled"


def test_a_changed_photo_is_named(made, tmp_path):
    place(tmp_path, FLAT)
    path = tmp_path / "photos/bsds/200.jpg"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match="200.jpg .*not the published file.*download or unpack"):
        data.load("photos", root=tmp_path)


def test_a_part_of_the_full_set_is_none(made, tmp_path, recwarn):
    assert data.load("photos").source == "bundled" and not recwarn.list
    with pytest.warns(CourseWarning, match="the photos are not there. Using the 14 bundled"):
        assert data.load("photos", root=tmp_path).source == "bundled"
    place(tmp_path, FLAT)
    (tmp_path / "photos/flowers/valid/roses__1_a.jpg").unlink()
    why = r"1 of the 4 photos missing, such as roses/1_a.jpg\..*To have all 4.*flower_photos.tgz"
    with pytest.warns(CourseWarning, match=why) as caught:
        assert data.load("photos", root=tmp_path).source == "bundled"
    assert caught[0].filename == __file__
    with pytest.raises(CourseError, match="1 of the 4 photos .*cannot stand in for it"):
        data.load("photos", root=tmp_path, strict=True)


def test_an_unknown_word_is_answered_with_the_known_ones():
    with pytest.raises(CourseError, match="split='val': the photos have no.*train, test"):
        data.load("photos", "val")
    with pytest.raises(CourseError, match="source='web': the photos have no.*auto, bundled, full"):
        data.load("photos", source="web")
    with pytest.raises(CourseError, match="split='train': the pictures of set5 have.*one of: test"):
        data.load("set5")
    with pytest.raises(CourseError, match="source='bundled': the pictures of kodak24 have"):
        data.load("kodak24", "test", source="bundled")


# --- downloads ---


def archive(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as opened:
        for name, contents in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            opened.addfile(info, io.BytesIO(contents))
    return held.getvalue()


BSDS = {
    "BSDS500-master/README.md": b"read me",
    "BSDS500-master/BSDS500/data/images/train/100.jpg": jpeg(0),
    "BSDS500-master/BSDS500/data/images/test/200.jpg": jpeg(1, (120, 128)),
    "BSDS500-master/BSDS500/data/images/test/999.jpg": jpeg(5),
    "../../evil/BSDS500/data/images/test/998.jpg": jpeg(6),
}


@pytest.fixture
def official(server, monkeypatch):
    """The archives' address, which sends `server.body`."""
    for name, known in archives.PHOTOGRAPHS.items():
        here = archives.Photographs(f"{server.url}/{name}.tgz", None, 300_000, known.member)
        monkeypatch.setitem(archives.PHOTOGRAPHS, name, here)
    server.body = archive(BSDS)
    return server


def flowers(root):
    return place(root, {name: held for name, held in STANDARD.items() if "flower" in name})


def test_what_is_missing_is_downloaded_checked_and_kept(made, official, tmp_path):
    flowers(tmp_path)
    train = data.load("photos", root=tmp_path, source="full", strict=True)
    assert train.source == "full" and train.names == ("100", "200", "1_a")
    assert official.asked == ["/bsds.tgz"]
    kept = sorted(path.name for path in (tmp_path / "photos").rglob("*"))
    assert kept == ["100.jpg", "200.jpg", "bsds"], "the photos, and no archive"
    data.load("photos", root=tmp_path, source="full", strict=True)
    assert len(official.asked) == 1 and not list(tmp_path.parent.rglob("99[89].jpg"))


def test_another_photo_under_a_listed_name_is_refused(made, official, tmp_path):
    flowers(tmp_path)
    official.body = archive({**BSDS, "BSDS500-master/BSDS500/data/images/test/200.jpg": jpeg(9)})
    with pytest.raises(DamagedFile, match="200.jpg .*not the published file"):
        data.load("photos", root=tmp_path, source="full")
    assert not list(tmp_path.rglob("photos/bsds/*"))


def test_an_archive_that_lacks_a_photo_is_refused(made, official, tmp_path):
    flowers(tmp_path)
    official.body = archive({"BSDS500-master/BSDS500/data/images/train/100.jpg": jpeg(0)})
    with pytest.raises(CourseError, match="not all photos are there.*200.jpg is missing"):
        data.load("photos", root=tmp_path, source="full", strict=True)
    assert not list(tmp_path.rglob("photos/bsds/*"))


def test_without_a_network_the_bundled_photos_are_used(made, official, tmp_path):
    official.status = 503
    why = r"not all photos are there\. .*bsds.tgz.*try again with an internet connection.*Using the 14"
    with pytest.warns(CourseWarning, match=why):
        assert data.load("photos", root=tmp_path, source="full").source == "bundled"
    with pytest.raises(CourseError, match="could not be downloaded.*cannot stand in for it here"):
        list(data.listing("photos", root=tmp_path, source="full"))
    assert not list(tmp_path.rglob("*.part*"))


# --- benchmarks ---


def test_kodak_from_the_root(made, tmp_path):
    place(tmp_path, KODAK)
    found = data.load("kodak24", "test", root=tmp_path)
    assert found.names == ("kodim01", "kodim02") and found.source == "full"
    assert found.photo(1).shape == (3, 120, 128)
    assert np.array_equal(
        found.photo(1).permute(1, 2, 0), np.asarray(Image.open(io.BytesIO(jpeg(91))))
    )
    (tmp_path / "Kodak24/kodim02.png").write_bytes(jpeg(92))
    with pytest.raises(DamagedFile, match="kodim02.png .*not the published file"):
        data.load("kodak24", "test", root=tmp_path)


def test_kodak_is_downloaded_when_asked_for(made, server, tmp_path, monkeypatch):
    monkeypatch.setattr(photo_sets, "KODAK_AT", server.url)
    place(tmp_path, {"Kodak24/kodim01.png": jpeg(90)})
    with pytest.raises(CourseError, match="1 of Kodak's 24 pictures missing; .*--source full"):
        data.load("kodak24", "test", root=tmp_path)
    assert "absent" in next(data.listing("kodak24", root=tmp_path)) and server.asked == []
    server.body = jpeg(91)
    (line,) = data.listing("kodak24", root=tmp_path, source="full")
    assert line.split()[:2] == ["kodak24", "full"] and server.asked == ["/kodim02.png"]
    server.status = 503
    (tmp_path / "Kodak24/kodim01.png").unlink()
    with pytest.raises(CourseError, match="kodim01.png: could not be downloaded"):
        data.load("kodak24", "test", root=tmp_path, source="full")


def test_set5_is_known_by_its_pixels_and_never_downloaded(tmp_path, monkeypatch):
    folder = tmp_path / "Set5"
    folder.mkdir()
    with pytest.raises(CourseError, match=r"baby, bird, .*woman of Set5 missing.*PNG or BMP, into"):
        data.load("set5", "test", root=tmp_path, source="full")
    pictures = {"baby": jpeg(90), "bird": jpeg(91)}
    for name, held in pictures.items():
        Image.open(io.BytesIO(held)).save(folder / f"{name}.bmp")
    whole = [
        Photo("set5", "test", name, photo_sets.digest(folder / f"{name}.bmp"), "", "")
        for name in pictures
    ]
    monkeypatch.setattr(photo_sets, "index", lambda *sets, split=None: whole)
    first = data.load("set5", "test", root=tmp_path)
    for name in pictures:
        (folder / f"{name}.bmp").unlink()
        (folder / f"{name}.png").write_bytes(pictures[name])
    again = data.load("set5", "test", root=tmp_path)
    assert first.names == again.names == ("baby", "bird")
    assert torch.equal(first.buffer, again.buffer)
    with Image.open(folder / "bird.png") as image:
        image.crop((0, 0, 126, 118)).save(folder / "bird.png")
    with pytest.raises(DamagedFile, match="bird.png: not the picture of Set5.*not cropped"):
        data.load("set5", "test", root=tmp_path)
