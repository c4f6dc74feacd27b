"""Cut the bundled photographs from the packages that carry them, and list them in photos.tsv.

Needs the course and no network.

    pip download --no-deps scikit-image==0.26.0 scikit-learn==1.9.1
    apt-get download lomiri-wallpapers-16.04
    for wheel in scikit_*.whl; do unzip -qo "$wheel" -d unpacked; done
    dpkg-deb -x lomiri-wallpapers-16.04_*.deb unpacked
    python data/photos/make.py unpacked

writes train/, test/ and photos.tsv beside this file: the same bytes each time with Pillow 13.0.0.
With --check nothing is written: what would be is compared with the files that lie there. The lines
of photos.tsv about sets that are not bundled stay as they are; --sets ROOT compares them with the
files in a data root, and writes nothing either.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageCms

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gancourse import files  # noqa: E402
from gancourse.data import photo_sets  # noqa: E402
from gancourse.data.photo_sets import Photo  # noqa: E402

QUALITY = 93  # of the JPEG files
SKIMAGE, SKLEARN, LOMIRI = "skimage/data", "sklearn/datasets/images", "usr/share/backgrounds"
CC0, PUBLIC, BY2, BY4 = "CC0 1.0", "public domain", "CC BY 2.0", "CC BY 4.0"


class Cut(NamedTuple):
    """What becomes of a source picture: the box (left, top, right, bottom) of it, at this size."""

    file: str
    source: str
    sha256: str  # of the source
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    licence: str
    credit: str


# fmt: off
CUTS = (
    Cut("train/brick.jpg", f"{SKIMAGE}/brick.png",
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
        (0, 0, 504, 384), (504, 384), CC0, "cc0textures.com"),
    Cut("train/brushes.jpg", f"{LOMIRI}/Picture_1A_by_freespace.jpg",
        "89e86af38d04daaef975665dc2127e9fa76f0fd68f4eea105a2d0ae3390b010b",
        (0, 0, 1365, 1040), (504, 384), BY4, "Trevor 'Freespace'"),
    Cut("train/coffee.jpg", f"{SKIMAGE}/coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        (0, 0, 600, 400), (504, 336), CC0, "Rachel Michetti"),
    Cut("train/dahlia.jpg", f"{SKLEARN}/flower.jpg",
        "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
        (0, 0, 640, 427), (504, 336), BY2, "vultilion, on Flickr"),
    Cut("train/dandelion.jpg", f"{LOMIRI}/seeding_by_Clements_Engelhardt.jpg",
        "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
        (500, 100, 3100, 2081), (504, 384), CC0, "Clemens Engelhardt"),
    Cut("train/dogs.jpg", f"{LOMIRI}/friends_by_Aitzol_Berasategi.jpg",
        "cc40e313c74e421edffe3403def413c16878ce14661cce7ec5915baeab35538d",
        (300, 600, 1400, 2044), (384, 504), BY4, "Aitzol Berasategi"),
    Cut("train/fig.jpg", f"{LOMIRI}/Picture_0B_by_freespace.jpg",
        "c8c0ab18e48d9e0419fe42881112137f3afafc27dfddc29ec3a6d54c56d225ad",
        (288, 0, 2572, 1740), (504, 384), BY4, "Trevor 'Freespace'"),
    Cut("train/hillside.jpg", f"{LOMIRI}/aitzgorri_by_Aitzol_Berasategi.jpg",
        "66268e7b48f8854d36a28765fac6e23ec1aee251daa6da1f64715f201020ad36",
        (390, 0, 3088, 2056), (504, 384), BY4, "Aitzol Berasategi"),
    Cut("train/mountain.jpg", f"{LOMIRI}/picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
        (51, 0, 3264, 2448), (504, 384), BY4, "Aitzol Berasategi"),
    Cut("train/rocket.jpg", f"{SKIMAGE}/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        (0, 0, 640, 427), (504, 336), PUBLIC, "SpaceX"),
    Cut("test/astronaut.jpg", f"{SKIMAGE}/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        (0, 0, 504, 504), (504, 504), PUBLIC, "NASA"),
    Cut("test/cat.jpg", f"{SKIMAGE}/chelsea.png",
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        (0, 0, 444, 300), (444, 300), CC0, "Stéfan van der Walt"),
    Cut("test/stream.jpg", f"{LOMIRI}/life_by_Aitzol_Berasategi.jpg",
        "4c119350ead80201fe256850c3d316309ddfb4bdf10b235ce982dcde0c667c05",
        (700, 250, 2900, 1926), (504, 384), BY4, "Aitzol Berasategi"),
    Cut("test/temple.jpg", f"{SKLEARN}/china.jpg",
        "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
        (0, 0, 640, 427), (504, 336), BY2, "danielbuechele, on Flickr"),
)
# fmt: on


def cut(source: bytes, how: Cut) -> bytes:
    """The JPEG file of a cut: in sRGB, resized with antialiasing, its colours not subsampled."""
    image = Image.open(io.BytesIO(source))
    if image.mode == "RGB" and (profile := image.info.get("icc_profile")):
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"))
        image.info.pop("icc_profile")
    image = image.convert("RGB").resize(how.size, Image.Resampling.LANCZOS, how.box)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY, subsampling="4:4:4", optimize=True)
    return held.getvalue()


def table(photos: list[Photo]) -> bytes:
    """photos.tsv: a line per photo, below the names of the columns."""
    held = io.StringIO()
    writer = csv.writer(held, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
    writer.writerows([Photo._fields, *photos])
    return held.getvalue().encode()


def compared(root: Path) -> list[str]:
    """What is wrong with the files of the sets that are not bundled, in a data root."""
    wrong = []
    for photo in photo_sets.index(*photo_sets.PLACES):
        path = photo_sets.lying(root, photo)
        found = path and (photo_sets.digest if photo.set == "set5" else files.sha256)(path)
        if found != photo.sha256:
            wrong.append(f"{photo.set} {photo.file}: SHA-256 {found}, not {photo.sha256}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the packages were unpacked")
    parser.add_argument("--check", action="store_true", help="compare the files, write nothing")
    parser.add_argument("--sets", type=Path, metavar="ROOT", help="compare the files of other sets")
    given = parser.parse_args()
    if given.sets:
        wrong = compared(given.sets)
        parser.exit(bool(wrong), "\n".join([*wrong, f"{len(wrong)} files differ\n"]))

    made = {}
    for how in CUTS:
        remedy = "Unpack the packages again, in the versions named above."
        made[how.file] = cut(
            files.verify(given.folder / how.source, how.sha256, remedy).read_bytes(), how
        )
    photos = [
        Photo(
            "bundled",
            how.file.split("/")[0],
            how.file,
            hashlib.sha256(made[how.file]).hexdigest(),
            how.licence,
            how.credit,
        )
        for how in CUTS
    ]
    made["photos.tsv"] = table([*photos, *photo_sets.index(*photo_sets.PLACES)])
    for name, contents in made.items():
        path = HERE / name
        if given.check:
            print(f"{path}: {'the same' if path.read_bytes() == contents else 'differs'}")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(contents)
            print(f"| `{name}` | {len(contents)} | `{hashlib.sha256(contents).hexdigest()}` |")


if __name__ == "__main__":
    main()
