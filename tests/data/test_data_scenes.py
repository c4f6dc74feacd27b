from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from gancourse import data, text
from gancourse.data import scene_art as art
from gancourse.data import scenes
from gancourse.files import CourseError

NAMES = tuple(scenes.ATTRIBUTES)
SPLITS = ("train", "test", "judge")
SLOTS = ("first", "second")


@pytest.fixture(scope="module")
def loaded():
    """Many small scenes of each split: what is asked of them can be seen in their facts."""
    return {split: data.load("scenes", split, size=16, n=400) for split in SPLITS}


@pytest.fixture(scope="module")
def told():
    """Many scenes with their sentences, not drawn: (words, sentence, said)."""
    rows = []
    for row in range(6000):
        lot = np.random.default_rng((7, row))
        words = scenes.draw_words(lot)
        rows.append((words, *scenes.sentence(words, lot)))
    return rows


def some_words(**wanted: str) -> dict[str, str]:
    plain = {
        "sky": "day", "light": "none", "weather": "clear", "ground": "grass", "first": "car",
        "first_colour": "red", "first_size": "big", "second": "none", "second_colour": "blue",
        "second_size": "big",
    }  # fmt: skip
    return plain | wanted


def drawn(seed: int = 0, side: int = 64, **wanted: str) -> torch.Tensor:
    """A picture (3, side, side)."""
    image = art.draw(some_words(**wanted), np.random.default_rng(seed), side)
    return torch.tensor(image).permute(2, 0, 1)


def of_colour(picture: torch.Tensor, colour: str) -> torch.Tensor:
    """Which pixels have a thing's colour: (side, side) of True and False."""
    return (picture - torch.tensor(art.COLOURS[colour]).view(3, 1, 1)).abs().amax(0) < 6


def in_words(row: torch.Tensor) -> dict[str, str]:
    """A row of facts in words; what is not to be seen has some value or other."""
    first = {name: values[0] for name, values in scenes.ATTRIBUTES.items()}
    return first | scenes.described(row.tolist())


def test_columns(loaded):
    for split, found in loaded.items():
        assert found.source == "made" and found.name == f"scenes {split}"
        assert found.licence == data.about("scenes").terms
        assert list(found.columns) == ["image", "facts", "said", "caption"]
        assert found.words == scenes.ATTRIBUTES
        assert found["image"].shape == (400, 3, 16, 16) and found["image"].dtype == torch.uint8
        for which in ("facts", "said"):
            assert found[which].shape == (400, len(NAMES)) and found[which].dtype == torch.int64
        assert len(found["caption"]) == 400


def test_what_is_said_of_the_scenes_is_so():
    known = data.about("scenes")
    assert known.sizes == {"made": (scenes.ROWS["train"], scenes.ROWS["test"])}
    found = data.load("scenes", "test", size=16, n=1)
    assert known.holds.startswith("image (3, ")
    assert all(name in known.holds for name in found.columns)


def test_the_same_scene_at_every_size():
    small, middle, large = (data.load("scenes", size=side, n=30) for side in (32, 64, 128))
    for other in (middle, large):
        assert other["caption"] == small["caption"]
        assert torch.equal(other["facts"], small["facts"])
        assert torch.equal(other["said"], small["said"])
    shrunk = avg_pool2d(large["image"].float(), 4)
    apart = (shrunk - small["image"].float()).abs().mean((1, 2, 3))
    assert apart.max() < 8
    assert (shrunk - small["image"].float().roll(1, 0)).abs().mean((1, 2, 3)).min() > 10


def test_a_larger_number_gives_the_same_scenes_and_more_of_them(loaded):
    again = data.load("scenes", size=16, n=20)
    assert torch.equal(again["image"], loaded["train"]["image"][:20])
    assert again["caption"] == loaded["train"]["caption"][:20]


def test_seeds_and_splits_give_other_scenes(loaded):
    other = data.load("scenes", size=16, n=400, seed=1)
    seen = [image.numpy().tobytes() for image in other["image"]]
    seen += [image.numpy().tobytes() for found in loaded.values() for image in found["image"]]
    assert len(set(seen)) == len(seen) == 1600


def test_what_is_held_out_is_in_no_training_scene_and_in_every_test_scene(loaded):
    unseen = {
        split: [scenes.held_out(in_words(row)) for row in found["facts"]]
        for split, found in loaded.items()
    }
    assert not any(unseen["train"]) and all(unseen["test"])
    assert 0.1 < sum(unseen["judge"]) / 400 < 0.6


def test_each_held_out_combination_is_known_as_one():
    assert not scenes.held_out(some_words())
    for thing, colour in scenes.HELD_OUT_COLOURS.items():
        assert thing in art.THINGS and colour in art.COLOURS
        assert scenes.held_out(some_words(first=thing, first_colour=colour))
        second = {"second": thing, "second_colour": colour}
        assert scenes.held_out(some_words(**second))
        assert not scenes.held_out(some_words(**second | {"second": "none"}))
    assert set(scenes.HELD_OUT_COLOURS) == set(art.THINGS)
    for left, right in scenes.HELD_OUT_PAIRS:
        assert scenes.held_out(some_words(first=left, second=right))
        assert not scenes.held_out(some_words(first=right, second=left))
    for sky, ground in scenes.HELD_OUT_GROUNDS.items():
        assert scenes.held_out(some_words(sky=sky, ground=ground))


def test_the_sky_makes_sense(told):
    for words, *_ in told:
        if words["light"] in ("moon", "stars"):
            assert words["sky"] == "night"
        if words["light"] == "sun":
            assert words["sky"] != "night"
        if words["weather"] in ("rain", "snow"):
            assert words["light"] == "none"
        if words["light"] == "stars":
            assert words["weather"] == "clear"


def test_every_value_is_drawn(told):
    for name, values in scenes.ATTRIBUTES.items():
        counts = Counter(words[name] for words, *_ in told)
        assert counts.keys() == set(values) and min(counts.values()) > 200, name


def test_facts_are_words_by_number_and_nothing_is_seen_of_a_thing_that_is_not_there(told):
    for words, *_ in told[:500]:
        facts = dict(zip(NAMES, scenes.facts_of(words), strict=True))
        alone = words["second"] == "none"
        for name, fact in facts.items():
            if alone and name in ("second_colour", "second_size"):
                assert fact == -1
            else:
                assert scenes.ATTRIBUTES[name][fact] == words[name]
        hidden = {"second_colour", "second_size"} if alone else set()
        seen = {name: word for name, word in words.items() if name not in hidden}
        assert scenes.described(list(facts.values())) == seen


# How a reader understands a sentence, written without the package's tables.
THINGS = {
    "house": "house|cottage|home", "fir": "fir tree|fir|pine", "tree": "leafy tree|tree|oak",
    "car": "car|automobile", "balloon": "hot-air balloon|balloon", "flower": "flower|blossom",
    "boat": "sailing boat|boat|yacht",
}  # fmt: skip
COLOURS = {"red": "red|scarlet", "orange": "orange", "yellow": "yellow|golden", "green": "green",
           "blue": "blue", "purple": "purple|violet", "pink": "pink|rosy", "white": "white"}  # fmt: skip
SIZES = {"small": "small|little|tiny", "big": "big|large|huge"}
THING = re.compile(
    rf"\ban? (?:({'|'.join(SIZES.values())}) )?(?:({'|'.join(COLOURS.values())}) )?"
    rf"({'|'.join(THINGS.values())})\b"
)
AROUND = {
    "ground": {
        "grass": r"grass|meadow|in a field", "sand": "sand|beach|desert",
        "snow": "on snow|on snowy ground|in the snow", "water": "lake|water|sea",
    },
    "sky": {
        "day": "by day|daytime|daylight", "sunset": "sunset|evening|dusk",
        "night": "night|dark|moon|moonlight|stars|starlight",
    },
    "light": {"sun": "sun|sunshine", "moon": "moon|moonlight", "stars": "stars|starlight"},
    "weather": {
        "clear": "clear", "clouds": "clouds|cloudy", "rain": "rain|rains|rainy",
        "snow": "falling snow|snows|snowy weather",
    },
}  # fmt: skip


def meaning(table: dict[str, str], word: str) -> str:
    return next(value for value, pattern in table.items() if re.fullmatch(pattern, word))


def understood(sentence: str) -> dict[str, str]:
    """What a reader takes from a sentence: attribute -> value."""
    found = {
        name: [v for v, pattern in table.items() if re.search(rf"\b({pattern})\b", sentence)]
        for name, table in AROUND.items()
    }
    assert all(len(values) <= 1 for values in found.values()), (sentence, found)
    things = list(THING.finditer(sentence))
    if len(things) == 2 and "right of" in sentence[things[0].end() : things[1].start()]:
        things.reverse()
    read = {name: values[0] for name, values in found.items() if values}
    for slot, thing in zip(SLOTS, things, strict=False):
        size, colour, kind = thing.groups()
        read[slot] = meaning(THINGS, kind)
        read |= {f"{slot}_colour": meaning(COLOURS, colour)} if colour else {}
        read |= {f"{slot}_size": meaning(SIZES, size)} if size else {}
    return read | ({"second": "none"} if len(things) == 1 else {})


def test_sentences_say_what_is_on_record_and_nothing_else(told):
    for words, sentence, said in told:
        assert understood(sentence) == scenes.described(said), sentence
        assert all(
            number in (-1, fact) for number, fact in zip(said, scenes.facts_of(words), strict=True)
        )


def test_a_loaded_caption_is_never_wrong_for_its_picture(loaded):
    for found in loaded.values():
        said, facts = found["said"], found["facts"]
        assert ((said == -1) | (said == facts)).all()
        for caption, row in zip(found["caption"], said.tolist(), strict=True):
            assert understood(caption) == scenes.described(row)


def test_things_are_always_named_and_the_rest_often(told):
    said = torch.tensor([row for *_, row in told])
    facts = torch.tensor([scenes.facts_of(words) for words, *_ in told])
    for i, name in enumerate(NAMES):
        seen = facts[:, i] >= 0
        if name == "light":
            seen &= facts[:, i] != 0  # that nothing shines is never said
        part = (said[seen, i] >= 0).float().mean().item()
        assert part == 1 if name in SLOTS else 0.4 < part < 0.97, (name, part)


def test_every_wording_is_in_use(told):
    sentences = [sentence for _, sentence, _ in told]
    joined = "\n".join(sentences)
    assert scenes.WORDS.keys() >= set(art.THINGS) | set(art.COLOURS) | set(art.SIZES)
    for phrase in {phrase for phrases in scenes.WORDS.values() for phrase in phrases}:
        assert re.search(rf"\b{phrase}\b", joined), phrase
    thing = THING.pattern.replace("(?:", "(").replace("(", "(?:")
    for order in scenes.SIDE_BY_SIDE:
        assert re.search(order.format(left=thing, right=thing), joined), order
    assert max(len(text.words(each)) for each in sentences) <= text.LONGEST
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|  |\{|\}", joined)
    assert len(set(sentences)) > 0.95 * len(sentences)


def test_other_words_are_in_no_sentence_and_say_what_they_stand_for():
    """A sentence with one of them is asked of encoders that have never read it."""
    known = {word for ways in scenes.WORDS.values() for way in ways for word in text.words(way)}
    known |= {word for order in scenes.SIDE_BY_SIDE for word in text.words(order)}
    others = [(key, other) for key, ways in scenes.OTHER_WORDS.items() for other in ways]
    assert scenes.OTHER_WORDS.keys() == scenes.WORDS.keys()
    assert len({other for _, other in others}) == len(others) > 70
    assert all(set(text.words(other)) - known for _, other in others)
    sentences, said, about = scenes.with_other_words(3)
    assert len(sentences) == len(said) == len(about) == 3 * len(others)
    for sentence, row, each in zip(sentences, said.tolist(), about, strict=True):
        assert each["word"] in sentence
        assert scenes.described(row)[each["attribute"]] == each["value"]
    assert sentences != scenes.with_other_words(3, seed=1)[0]
    stands = {each["word"]: (each["attribute"], each["value"]) for each in about}
    assert stands["crimson"] == ("first_colour", "red") and stands["ship"] == ("first", "boat")
    assert stands["in a blizzard"] == ("weather", "snow") and stands["on ice"] == ("ground", "snow")


@pytest.mark.parametrize("thing", art.THINGS)
def test_a_thing_has_its_colour_and_its_size(thing):
    for colour in art.COLOURS:
        other = "blue" if colour != "blue" else "red"
        count, without = (
            int(of_colour(drawn(first=thing, first_colour=each), colour).sum())
            for each in (colour, other)
        )
        assert count > without + 30, (colour, count, without)
    small, big = (
        int(of_colour(drawn(first=thing, first_size=size), "red").sum()) for size in art.SIZES
    )
    assert big > 1.5 * small > 0


@pytest.mark.parametrize("seed", range(5))
def test_the_first_thing_stands_on_the_left(seed):
    picture = drawn(seed, first="car", first_colour="red", second="balloon", second_colour="purple")
    red, purple = (
        of_colour(picture, colour).nonzero()[:, 1].float() for colour in ("red", "purple")
    )
    assert len(red) > 30 and len(purple) > 30
    assert red.median() < 28 and purple.median() > 36


def test_the_sky_and_the_ground_have_their_colours():
    for seed in range(5):
        tops = {sky: drawn(seed, sky=sky)[:, 0].float().mean(1) for sky in art.SKIES}
        for sky, (top, _) in art.SKIES.items():
            assert (tops[sky] - torch.tensor(top)).abs().max() < 12, sky
        for ground, (_, lower) in art.GROUNDS.items():
            edge = drawn(seed, ground=ground)[:, -1].float().median(1).values
            assert (edge - torch.tensor(lower)).abs().max() < 12, ground


def test_light_and_weather_are_seen_where_they_belong():
    for seed in range(5):
        night = drawn(seed, sky="night")
        for light in ("moon", "stars"):
            changed = (drawn(seed, sky="night", light=light) != night).any(0)
            assert changed[:26].sum() > 20 and not changed[40:].any(), light
        day = drawn(seed)
        for weather in ("clouds", "rain", "snow"):
            changed = (drawn(seed, weather=weather) != day).any(0)
            assert changed.sum() > 100, weather
            assert bool(changed[40:].any()) == (weather != "clouds"), weather
        sun = (drawn(seed, light="sun") != day).any(0)
        assert sun[:26].sum() > 100 and not sun[40:].any()


def test_lots_make_many_pictures_of_one_sentence():
    pictures = [drawn(seed) for seed in range(20)]
    assert len({each.numpy().tobytes() for each in pictures}) == 20
    assert torch.equal(drawn(3), pictures[3])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"split": "validation"}, "split='validation': the scenes have no.*train, test, judge"),
        ({"source": "web"}, "source='web': the scenes have no.*auto, bundled, full"),
        *(
            ({"size": size}, "size=.*from 16 to 1024")
            for size in (15, 1025, 0, -64, 64.5, True, "64")
        ),
        *(({"n": n}, "n=.*from 1 up") for n in (0, -1, 1.5, True, "9")),
    ],
)
def test_impossible_wishes_are_explained(wrong, said):
    with pytest.raises(CourseError, match=said):
        scenes.load(**{"n": 2, **wrong})
