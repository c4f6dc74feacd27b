from __future__ import annotations

import importlib.util
import itertools
import json
import re
import shutil

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, one_hot

from gancourse import data, files, text
from gancourse.data import portraits
from gancourse.files import CourseError, DamagedFile

NAMES = tuple(portraits.ATTRIBUTES)
MAKER = files.BUNDLED / "faces" / "make_portraits"


@pytest.fixture(scope="module")
def loaded():
    return {split: data.load("portraits", split) for split in portraits.SPLITS}


@pytest.fixture(scope="module")
def stored():
    """Every attribute as it was drawn, whether it can be seen or not: (N, K)."""
    with np.load(files.BUNDLED / portraits.FILE) as file:
        return np.stack([file[name] for name in NAMES], axis=1)


def column(found, which: str, name: str) -> torch.Tensor:
    return found[which][:, NAMES.index(name)]


def value(name: str, word: str) -> int:
    return portraits.ATTRIBUTES[name].index(word)


def shown(row: torch.Tensor) -> dict[str, str]:
    """A row of facts in words; what cannot be seen has some value or other."""
    first = {name: values[0] for name, values in portraits.ATTRIBUTES.items()}
    return first | portraits.described(row.tolist())


def test_columns_and_rows(loaded):
    for split, found in loaded.items():
        n = portraits.ROWS[split]
        assert found.source == "bundled" and found.name == f"portraits {split}"
        assert found.licence == data.about("portraits").terms == "CC BY 4.0, Micah Lanier"
        assert list(found.columns) == ["image", "facts", "said", "caption"]
        assert found.words == portraits.ATTRIBUTES
        assert found["image"].shape == (n, 3, 64, 64) and found["image"].dtype == torch.uint8
        assert found["image"].is_contiguous()
        for which in ("facts", "said"):
            assert found[which].shape == (n, len(NAMES)) and found[which].dtype == torch.int64
        assert len(found["caption"]) == n and all(found["caption"])


def test_no_face_is_there_twice_in_any_split(loaded):
    seen = [image.numpy().tobytes() for found in loaded.values() for image in found["image"]]
    assert len(set(seen)) == len(seen) == sum(portraits.ROWS.values())


def test_what_is_held_out_is_in_no_training_face_and_in_every_test_face(loaded):
    unseen = {
        split: [portraits.held_out(shown(row)) for row in found["facts"]]
        for split, found in loaded.items()
    }
    assert not any(unseen["train"]) and all(unseen["test"])
    assert 0.2 < sum(unseen["judge"]) / len(unseen["judge"]) < 0.8
    for (one, other), pairs in portraits.HELD_OUT.items():
        for pair in pairs:
            wanted = torch.tensor([value(one, pair[0]), value(other, pair[1])])
            where = [NAMES.index(one), NAMES.index(other)]
            for which, split in itertools.product(("facts", "said"), loaded):
                rows = (loaded[split][which][:, where] == wanted).all(1)
                assert bool(rows.any()) == (split != "train"), (pair, which, split)


def test_about_an_eighth_of_the_pairs_is_held_out_and_no_value_is_lost(loaded):
    for (one, other), pairs in portraits.HELD_OUT.items():
        coloured = set(portraits.ATTRIBUTES[one]) - {"none", "bald"}
        if one != "glasses":  # of a kind of hair or shirt, a colour each
            assert {kind for kind, _ in pairs} == coloured
        possible = len(coloured) * len(portraits.ATTRIBUTES[other])
        assert 1 / 10 <= len(pairs) / possible <= 1 / 7, (one, other)
    for i, values in enumerate(portraits.ATTRIBUTES.values()):
        counts = torch.bincount(loaded["train"]["facts"][:, i] + 1, minlength=len(values) + 1)
        assert counts[1:].min() > 300


def test_a_frame_needs_glasses_and_a_colour_needs_hair(loaded):
    for found in loaded.values():
        glasses = column(found, "facts", "glasses") != value("glasses", "none")
        assert torch.equal(column(found, "facts", "frame") >= 0, glasses)
        hairy = column(found, "facts", "hair") != value("hair", "bald")
        hairy |= column(found, "facts", "beard") == value("beard", "beard")
        assert torch.equal(column(found, "facts", "hair_colour") >= 0, hairy)
        seen = [i for i, name in enumerate(NAMES) if name not in ("frame", "hair_colour")]
        assert found["facts"][:, seen].min() == 0


def test_no_attribute_tells_anything_of_another(stored):
    """Cramer's V of each pair, over all faces as they were drawn."""
    n = len(stored)
    for a, b in itertools.combinations(range(len(NAMES)), 2):
        table = np.zeros((stored[:, a].max() + 1, stored[:, b].max() + 1))
        np.add.at(table, (stored[:, a], stored[:, b]), 1)
        expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
        squared = ((table - expected) ** 2 / expected).sum()
        assert (squared / n / (min(table.shape) - 1)) ** 0.5 < 0.04, (NAMES[a], NAMES[b])


def palette(name: str) -> dict[str, torch.Tensor]:
    """The colours that the script draws with: word -> (3,)."""
    source = MAKER.with_suffix(".mjs").read_text(encoding="utf-8")
    entries = re.search(rf"const {name} = \{{(.*?)\}};", source, re.DOTALL)[1]
    found = re.findall(r"(\w+): '([0-9a-f]{6})'", entries)
    return {word: torch.tensor(list(bytes.fromhex(colour))) for word, colour in found}


def test_colours_on_the_picture_are_those_of_the_words(loaded):
    """How many pixels have exactly the colour that the facts name, and how many another one."""
    found = loaded["test"]

    def pixels(colour: torch.Tensor, rows=slice(None)) -> torch.Tensor:
        return (found["image"][:, :, rows] == colour.view(1, 3, 1, 1)).all(1).sum((1, 2))

    parts = {
        "hair_colour": ("HAIR_COLOURS", slice(None), 20),
        "skin": ("SKINS", slice(None), 40),
        "shirt_colour": ("SHIRT_COLOURS", slice(56, None), 20),
        "frame": ("FRAMES", slice(20, 34), 3),
        "background": ("BACKGROUNDS", slice(0, 4), 150),
    }
    for name, (table, rows, least) in parts.items():
        colours = palette(table)
        assert list(colours) == list(portraits.ATTRIBUTES[name])
        facts = column(found, "facts", name)
        for word, colour in colours.items():
            count, here = pixels(colour, rows), facts == value(name, word)
            assert count[here].min() >= least, (name, word)
            if word not in ("white", "black"):  # which other parts have too
                assert count[~here].max() < least, (name, word)
    gold = pixels(torch.tensor(list(bytes.fromhex("f2b91d"))))
    assert torch.equal(gold > 0, column(found, "facts", "earrings") == value("earrings", "hoop"))


def test_shapes_can_be_read_off_the_pictures_by_a_linear_map(loaded):
    keys = ("hair", "glasses", "beard", "earrings", "mouth", "shirt")
    x, y = (
        torch.cat([avg_pool2d(p["image"].float() / 255, 2).flatten(1), torch.ones(len(p), 1)], 1)
        for p in (loaded["judge"], loaded["test"])
    )
    facts = {key: column(loaded["judge"], "facts", key) for key in keys}
    wanted = [one_hot(each).float() for each in facts.values()]
    weights = torch.linalg.solve(x.T @ x + 10 * torch.eye(x.shape[1]), x.T @ torch.cat(wanted, 1))
    votes = (y @ weights).split([each.shape[1] for each in wanted], 1)
    for key, vote in zip(keys, votes, strict=True):
        right = (vote.argmax(1) == column(loaded["test"], "facts", key)).float().mean()
        assert right > 0.9, (key, right)


def test_small_pictures_are_the_same_faces_shrunk(loaded):
    small, large = data.load("portraits", "test", size=32), loaded["test"]
    assert small["image"].shape == (1000, 3, 32, 32) and small["image"].dtype == torch.uint8
    mean = avg_pool2d(large["image"].float(), 2)
    assert (small["image"].float() - mean).abs().max() <= 0.5
    assert torch.equal(small["facts"], large["facts"]) and torch.equal(small["said"], large["said"])
    assert small["caption"] == large["caption"]


def test_the_seed_decides_the_words_and_nothing_else(loaded):
    again, other = (data.load("portraits", "test", seed=seed) for seed in (0, 1))
    assert again["caption"] == loaded["test"]["caption"]
    assert torch.equal(again["said"], loaded["test"]["said"])
    assert torch.equal(other["image"], again["image"])
    assert torch.equal(other["facts"], again["facts"])
    same = sum(a == b for a, b in zip(other["caption"], again["caption"], strict=True))
    assert same < 20 and not torch.equal(other["said"], again["said"])
    assert len(set(loaded["train"]["caption"])) > 0.99 * len(loaded["train"])


# How a reader understands a caption, written without the package's tables.
COLOUR = {
    "grey": "grey|gray|silver", "blond": "blonde?|yellow", "red": "red|scarlet",
    "orange": "orange|ginger", "purple": "purple|violet",
}  # fmt: skip
HEAD = "mohawk|mohican|quiff|hair|fringe|bob|turban|headscarf|beard"
SHIRT = "t-shirt|tee|sweater|jumper|pullover|collared shirt|polo shirt|top"
COLOURED = {
    "hair_colour": rf"({{}}) ({HEAD})\b",
    "frame": r"({}) ((round|square) )?(glasses|spectacles|frame)\b",
    "shirt_colour": rf"({{}}) ({SHIRT})\b",
    "background": r"({}) (background|wall)\b",
}
MEANINGS = {
    "hair": {
        "bald": r"bald|no hair", "mohawk": "mohawk|mohican", "quiff": "quiff|swept up",
        "fringe": "fringe|bangs", "bob": "bob|chin-length", "long": r"long|shoulders",
        "turban": "turban|headscarf",
    },
    "skin": {"light": "(light|pale) skin", "tan": "(tan|tanned) skin", "dark": "dark( brown)? skin"},
    "glasses": {"none": "no (glasses|spectacles)", "round": "round", "square": "square"},
    "beard": {"none": "no beard|clean-shaven|shaven chin", "beard": "bearded|(?<!no )beard"},
    "earrings": {"none": "no earrings?", "hoop": "hoop|gold earring"},
    "mouth": {
        "smiling": "smile|smiling", "laughing": "laugh|laughing",
        "sad": "sad|unhappy|frown|frowning", "surprised": "surprised|astonished",
    },
    "shirt": {
        "t-shirt": "t-shirt|tee", "sweater": "sweater|jumper|pullover", "collared": "collared|polo",
    },
}  # fmt: skip
MEANINGS |= {
    name: {word: pattern.format(COLOUR.get(word, word)) for word in portraits.ATTRIBUTES[name]}
    for name, pattern in COLOURED.items()
}
MEANINGS = {
    name: [re.compile(rf"(?<![\w-])({of_values[word]})(?![\w-])") for word in values]
    for name, values in portraits.ATTRIBUTES.items()
    for of_values in [MEANINGS[name]]
}


def understood(caption: str) -> list[list[int]]:
    """For each attribute, the values that a reader finds in a caption."""
    return [
        [i for i, meaning in enumerate(meanings) if meaning.search(caption)]
        for meanings in MEANINGS.values()
    ]


def test_captions_say_what_is_on_record_and_nothing_else(loaded):
    """So a caption is never wrong for its own picture."""
    for found in loaded.values():
        for caption, facts, said in zip(
            found["caption"], found["facts"].tolist(), found["said"].tolist(), strict=True
        ):
            assert understood(caption) == [[i] if i >= 0 else [] for i in said], caption
            assert all(told in (-1, fact) for told, fact in zip(said, facts, strict=True))
            assert max(said) >= 0


def test_the_reader_of_captions_is_no_yes_man():
    read = dict(zip(NAMES, understood("a sad person with a pink mohawk in a red tee"), strict=True))
    assert read["mouth"] == [2] and read["hair"] == [1] and read["shirt"] == [0]
    assert read["hair_colour"] == [6] and read["shirt_colour"] == [2]
    assert read["background"] == read["glasses"] == read["frame"] == read["skin"] == []


def test_attributes_are_said_often_and_left_out_often(loaded):
    found = loaded["train"]
    for i, name in enumerate(NAMES):
        seen = found["facts"][:, i] >= 0
        part = (found["said"][seen, i] >= 0).float().mean()
        assert 0.4 < part < 0.97, (name, part)


def test_every_wording_is_in_use_and_a_network_has_room_for_it(loaded):
    words = {
        word for found in loaded.values() for each in found["caption"] for word in text.words(each)
    }
    tables = (
        *portraits.COLOURS.values(), *portraits.OF_HAIR.values(), *portraits.OF_CLOTH.values(),
        *portraits.HAIR.values(), *portraits.SKIN.values(), *portraits.BEARD.values(),
        *portraits.EARRINGS.values(), *portraits.MOODS.values(), *portraits.MOUTHS.values(),
        *portraits.SHIRTS.values(), portraits.GLASSES, portraits.NAMELESS, portraits.NO_GLASSES,
        portraits.PEOPLE, portraits.SOMEBODY, portraits.WEARING, portraits.BEHIND,
    )  # fmt: skip
    known = {
        word
        for phrase in itertools.chain.from_iterable(tables)
        for word in text.words(re.sub(r"\{\d?\}", " ", phrase))
    }
    assert known <= words and len(words) < 130
    captions = loaded["train"]["caption"]
    assert max(len(text.words(each)) for each in captions) <= text.LONGEST
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]|  |\{|\}", each) for each in captions)


def test_the_order_of_what_is_said_varies(loaded):
    for one, other in (("glasses", "hoop"), ("glasses", "shirt"), ("hoop", "background")):
        both = [each for each in loaded["train"]["caption"] if one in each and other in each]
        first = sum(each.index(one) < each.index(other) for each in both) / len(both)
        assert len(both) > 200 and 0.15 < first < 0.85, (one, other, first)


def test_a_sentence_for_words_of_ones_own():
    words = {name: values[-1] for name, values in portraits.ATTRIBUTES.items()}
    told, said = portraits.sentence(words, np.random.default_rng(4))
    assert told == portraits.sentence(words, np.random.default_rng(4))[0]
    assert understood(told) == [[i] if i >= 0 else [] for i in said]
    with pytest.raises(CourseError, match="hair='afro': no such value; choose one of: bald, moh"):
        portraits.sentence({**words, "hair": "afro"}, np.random.default_rng(0))
    with pytest.raises(CourseError, match="glasses=None: no such value"):
        portraits.facts_of({name: word for name, word in words.items() if name != "glasses"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"split": "validation"}, "split='validation': the portraits have no.*train, test, judge"),
        ({"source": "web"}, "source='web': the portraits have no.*auto, bundled, full"),
        *(({"size": size}, "size=.*give one of the two") for size in (48, 64.0, True, "64", None)),
        *(({"seed": seed}, "seed=.*from 0 up") for seed in (-1, 0.5, True, "0", None)),
    ],
)
def test_impossible_wishes_are_explained(wrong, said):
    with pytest.raises(CourseError, match=said):
        portraits.load(**wrong)


def test_damaged_portraits_are_refused(tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    path = tmp_path / portraits.FILE
    shutil.copy(files.BUNDLED / portraits.FILE, path)
    listed = data.sources.manifest(tmp_path)
    (tmp_path / data.sources.MANIFEST).write_text(json.dumps(listed))
    monkeypatch.setattr(files, "BUNDLED", tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match="portraits.npz.*not the published file"):
        data.load("portraits")
    path.unlink()
    with pytest.raises(CourseError, match="portraits.npz is missing"):
        data.load("portraits")


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location(MAKER.name, MAKER.with_suffix(".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_small_and_its_tiles_come_together_again(maker, loaded):
    assert (files.BUNDLED / portraits.FILE).stat().st_size < 1_900_000
    images = loaded["test"]["image"][:7].permute(0, 2, 3, 1).numpy()
    tiles = maker.tiles(images)
    assert tiles.shape == (4, 4, 7, 16, 16, 3)
    assert np.array_equal(portraits.joined(tiles).transpose(0, 2, 3, 1), images)
    assert np.array_equal(tiles[1, 2, 3], images[3, 16:32, 32:48])
    assert sum(portraits.ROWS.values()) == maker.FACES


def test_the_script_leaves_out_faces_that_look_alike(maker):
    words = {name: values[0] for name, values in portraits.ATTRIBUTES.items()}
    drawn = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><path d="M0 0h{}v2z"/></svg>'
    faces = [
        {"svg": drawn.format(width), "words": words | {"hair_colour": colour}}
        for width, colour in ((1, "black"), (1, "brown"), (2, "grey"), (1.5, "blue"))
    ]
    packed = maker.pack(faces, 2, 32)
    assert packed["hair_colour"].tolist() == [0, 4] and packed["image"].shape[2] == 2
    assert list(packed) == ["image", *NAMES]
    with pytest.raises(ValueError, match="not in tuple"):
        maker.pack([{"svg": drawn.format(1), "words": words | {"hair": "afro"}}], 1, 32)
