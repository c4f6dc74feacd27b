"""Choose pairs of line art and colour art from OpenMoji, deal them out by concept, pack them.

Needs resvg-py 0.5.0 and the course.

    python data/openmoji/make.py openmoji-17.0.0.tgz

takes the npm package, or the folder it was unpacked into, and writes pairs.zip beside this file:
the same bytes each time. With --check nothing is written: what would be is compared with the file
that lies there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from gancourse.data.emoji import rasterize  # noqa: E402

SIDE = 128  # pixels at which a pair is judged
COVERED = 0.9  # share of the line art's dark pixels that the colour art must draw dark as well
COLOURED = 0.02  # share of the colour art's pixels that must be coloured, not grey
TWINS = (
    0.8  # line arts that overlap more (strokes thickened by a pixel, 64 px) belong to one concept
)
TEST_SHARE = 5  # one concept in five

LEFT_OUT_GROUPS = {"flags", "component"}
FLAGS = {"flags", "subdivision-flag", "regional-indicator"}  # subgroups of the extras

WHO = (
    "man woman men women person people boy girl boys girls male female adult child old older mx mrs"
)
WHERE = (
    "left right up down leftwards rightwards upwards downwards upward downward facing north east south west northeast "
    "northwest southeast southwest clockwise anticlockwise counterclockwise horizontally vertically button"
)
COLOURS = "red orange yellow green blue purple violet brown black white grey gray pink light dark deep large small medium"
DROPPED = [set(words.split()) for words in (WHO, WHERE, COLOURS)]

# What no rule of words would bring together: pattern of the hexcode -> concept.
BY_CODE = (
    (r"1F5[5-6][0-9A-F]", "clock face"),  # but for NOT_CLOCKS
    (r"1F31[1-9A-D]", "moon"),
    (r".*-20E3|1F51F", "keycap"),
    (r"1F46[8-9A-F]?|1F46[6-9]|1F9D[1-3]|1F47[4-5]|1F476|1F471.*|1F9D4.*", "person"),
    (r"(1F468|1F469|1F9D1)-200D-1F9B[0-3]", "person"),
    (r"1F46A|.*200D-(1F466|1F467|1F9D2)(-.*)?", "family"),
    (r"1F46[B-D]|1F9D1-200D-1F91D-200D-1F9D1", "holding hands"),
    (r"1F934|1F478|1FAC5", "crown"),
    (r"1F385|1F936|1F9D1-200D-1F384", "claus"),
    (r"1F930|1FAC[34]", "pregnant"),
    (r"1F931|.*200D-1F37C", "feeding baby"),
    (r"1F483|1F57A", "dancing"),
    (r"1F30[D-F]|1F310", "globe"),
    (r"1F64[8-A]", "monkey, no evil"),
    (r"1F507|1F50[89A]", "speaker"),
    (r"264[89A-F]|265[0-3]|26CE", "zodiac"),
    (r"1F91[BC]|1F44A|270A", "fist"),
    (r"1F44D|1F44E", "thumb"),
    (r"1F4A1|1F526", "lamp"),
)
NOT_CLOCKS = ("1F568", "1F569", "1F56A", "1F56B", "1F56C", "1F56D", "1F56E", "1F56F")


def concept(emoji: dict) -> str:
    """The name of what is drawn, without who does it, which way it faces, and in which colour.

    "man artist", "woman artist" and "artist" are all "artist".
    """
    code = emoji["hexcode"]
    if code not in NOT_CLOCKS:
        for pattern, name in BY_CODE:
            if re.fullmatch(pattern, code):
                return name
    name = emoji["annotation"].lower().replace("’", "'")
    for trade, drawn in (("firefighter", "fire fighter"), ("policewoman", "police")):
        name = name.replace(trade, drawn)
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", name)
    for dropped in DROPPED:
        words = [word for word in words if word not in dropped] or words
    return " ".join(sorted(set(words)))


class Package:
    """The npm package: a .tgz, or the folder it was unpacked into (the one that holds black/
    and color/).
    """

    def __init__(self, path: Path) -> None:
        self.files: dict[str, bytes] = {}
        wanted = re.compile(
            r"(?:package/)?((?:black|color)/svg/[0-9A-F-]+\.svg|data/openmoji\.json|LICENSE\.txt)"
        )
        if path.is_dir():
            for found in path.rglob("*"):
                if (
                    match := wanted.fullmatch(found.relative_to(path).as_posix())
                ) and found.is_file():
                    self.files[match[1]] = found.read_bytes()
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    if (match := wanted.fullmatch(member.name)) and member.isfile():
                        self.files[match[1]] = archive.extractfile(member).read()
        self.emojis = json.loads(self.files["data/openmoji.json"])

    def art(self, code: str) -> tuple[bytes, bytes] | None:
        """(line art, colour art) as SVG, None when one is missing."""
        pair = self.files.get(f"black/svg/{code}.svg"), self.files.get(f"color/svg/{code}.svg")
        return None if None in pair else pair


def render(svg: bytes, size: int) -> np.ndarray:
    """SVG -> (size, size, 3) uint8 on white."""
    return np.asarray(rasterize(svg.decode("utf-8"), size))


def covered(line: np.ndarray, colour: np.ndarray) -> float:
    """Share of the line art's dark pixels that are dark in the colour art too."""
    strokes = line.max(axis=2) < 128
    return float((colour.max(axis=2) < 128)[strokes].mean()) if strokes.any() else 0.0


def coloured(colour: np.ndarray) -> float:
    """Share of pixels whose largest and smallest channel are more than 40 levels apart."""
    return float((colour.max(axis=2).astype(int) - colour.min(axis=2) > 40).mean())


def unsuited(emoji: dict) -> str | None:
    """Why an emoji is left out before anything is drawn, if it is."""
    if emoji["skintone"]:
        return "skin tone"
    if emoji["group"] in LEFT_OUT_GROUPS or emoji["subgroups"] in FLAGS:
        return "flag or component"
    return None


def choose(package: Package) -> tuple[list[dict], np.ndarray, Counter]:
    """(chosen emojis in OpenMoji's order, their line art (N, 128, 128) uint8, how many were
    left out for which reason).
    """
    chosen, drawn, seen, left_out = [], [], set(), Counter()
    for emoji in tqdm(package.emojis, desc="pairs", leave=False):
        reason, pair = unsuited(emoji), package.art(emoji["hexcode"])
        if not reason and not pair:
            reason = "no drawing"
        if not reason:
            line, colour = (render(svg, SIDE) for svg in pair)
            if covered(line, colour) < COVERED:
                reason = "strokes not covered"
            elif coloured(colour) <= COLOURED:
                reason = "hardly coloured"
            elif line.tobytes() in seen:
                reason = "line art of another"
        if reason:
            left_out[reason] += 1
            continue
        seen.add(line.tobytes())
        chosen.append(emoji)
        drawn.append(line[:, :, 0])
    return chosen, np.stack(drawn), left_out


def overlaps(drawn: np.ndarray) -> np.ndarray:
    """Line arts (N, 128, 128) -> (N, N): intersection over union of their strokes at 64 px,
    thickened by a pixel.
    """
    pooled = drawn.reshape(len(drawn), 64, 2, 64, 2).mean(axis=(2, 4)) < 160
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    flat = (
        np.stack([binary_dilation(one, cross) for one in pooled])
        .reshape(len(drawn), -1)
        .astype(np.float32)
    )
    both = flat @ flat.T
    area = flat.sum(axis=1)
    return both / (area[:, None] + area[None] - both)


def concepts(chosen: list[dict], alike: np.ndarray, limit: float = TWINS) -> list[str]:
    """The concept of each emoji.

    Concepts with near-identical line art are one, under the name that comes first.
    """
    names = [concept(emoji) for emoji in chosen]
    leader = {name: name for name in names}
    place = {name: i for i, name in reversed(list(enumerate(names)))}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for i, j in np.argwhere(np.triu(alike > limit, 1)):
        first, second = sorted((find(names[i]), find(names[j])), key=place.get)
        leader[second] = first
    return [find(name) for name in names]


def split(name: str) -> str:
    """One concept in five is for testing, decided by the SHA-256 of its name and nothing else."""
    return (
        "test"
        if int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % TEST_SHARE == 0
        else "train"
    )


def index(chosen: list[dict], named: list[str]) -> list[dict]:
    return [
        {
            "hexcode": emoji["hexcode"],
            "caption": emoji["annotation"],
            "group": emoji["group"],
            "subgroup": emoji["subgroups"],
            "tags": [tag.strip() for tag in emoji["tags"].split(",") if tag.strip()],
            "author": emoji["openmoji_author"],
            "concept": name,
            "split": split(name),
        }
        for emoji, name in zip(chosen, named, strict=True)
    ]


def pack(package: Package, listed: list[dict]) -> bytes:
    """The zip archive: index.json, then the pairs by name, all dated 1980."""
    members = {}
    for entry in listed:
        members[f"line_art/{entry['hexcode']}.svg"], members[f"colour/{entry['hexcode']}.svg"] = (
            package.art(entry["hexcode"])
        )
    members["index.json"] = (json.dumps(listed, ensure_ascii=False, indent=0) + "\n").encode()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED, 9)
    return held.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "package", type=Path, help="openmoji-17.0.0.tgz, or the folder it was unpacked into"
    )
    parser.add_argument(
        "--to", type=Path, default=HERE / "pairs.zip", help="file to write (default: beside this)"
    )
    parser.add_argument("--check", action="store_true", help="compare with the file, write nothing")
    given = parser.parse_args()

    package = Package(given.package)
    chosen, drawn, left_out = choose(package)
    listed = index(chosen, concepts(chosen, overlaps(drawn)))
    contents = pack(package, listed)
    if given.check:
        same = given.to.read_bytes() == contents
        parser.exit(not same, f"{given.to}: {'the same' if same else 'differs'}\n")
    given.to.write_bytes(contents)
    print(
        f"{hashlib.sha256(contents).hexdigest()}  {len(contents):>9,} bytes  {given.to.name}: {len(listed):,} pairs"
    )
    for part in ("train", "test"):
        held = [entry["concept"] for entry in listed if entry["split"] == part]
        print(f"{part}: {len(held):,} pairs of {len(set(held)):,} concepts")
    print("left out:", ", ".join(f"{n:,} {reason}" for reason, n in left_out.most_common()))


if __name__ == "__main__":
    main()
