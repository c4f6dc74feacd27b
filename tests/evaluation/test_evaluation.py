from __future__ import annotations

import json

import pytest
import torch

from gancourse import chapters, data, evaluation, features, models
from gancourse.chapters import cgan, gan, infogan, pix2pix
from gancourse.data.sources import Pictures
from gancourse.evaluation import Where, digits
from gancourse.evaluation import cgan as labels
from gancourse.evaluation import infogan as codes
from gancourse.evaluation import pix2pix as translations
from gancourse.files import BUNDLED, CourseError
from gancourse.metrics import colour
from gancourse.recipe import Recipe

FEW = 500  # real pictures: classifiers are trained on them, each pass taking its time


def columns(config: Recipe):
    return chapters.protocol(config.chapter).columns(config)


def sentence(config: Recipe, scores: dict) -> str:
    return chapters.protocol(config.chapter).sentence(scores)


@pytest.mark.parametrize("name", chapters.CHAPTERS)
def test_what_a_game_is_trained_against_never_judges_it(name):
    config = chapters.chapter(name).config
    judges = chapters.protocol(name).judges
    for form in config.FORMS:
        for scale in config.SCALES:
            recipe = config.at(scale, form)
            learned_from = {*recipe.borrows.values(), *recipe.teachers.values()}
            assert not learned_from & set(judges)


def test_a_game_that_was_trained_against_its_judge_is_not_scored():
    class Bribed(gan.Config):
        borrows = {"critic": digits.JUDGE}

    game = gan.Config.at("check", width=4).build()
    game.config = Bribed.at("check", width=4)
    with pytest.raises(CourseError, match="critic='digit-cnn': this network judges chapter gan"):
        evaluation.evaluate(game, n=100, source="bundled")

    class Bought(gan.Config):
        borrows = {"reader": digits.JUDGES[1]}

    game.config = Bought.at("check", width=4)
    with pytest.raises(CourseError, match="reader='digit-hog': this network judges chapter gan"):
        evaluation.evaluate(game, n=100, source="bundled")

    class Taught(gan.Config):
        teachers = {"features": digits.JUDGE}

    game.config = Taught.at("check", width=4)
    with pytest.raises(CourseError, match="features='digit-cnn': this network judges"):
        evaluation.evaluate(game, n=100, source="bundled")


@pytest.mark.parametrize("name", chapters.CHAPTERS)
def test_judges_are_called_as_they_are_published(name):
    for judge in chapters.protocol(name).judges:
        published = BUNDLED / "weights" / judge / "model.safetensors"
        assert published.is_file() or judge in features.NAMES


def test_evaluate_gives_plain_numbers_and_says_what_they_were_measured_on():
    game = gan.Config.at("check", "dcgan", width=4).build()
    scores = evaluation.evaluate(game, n=100, source="bundled")
    assert scores["samples"] == 100
    assert "bundled" in scores["reference"] and "bundled" in scores["parzen_test"]
    assert all(isinstance(scores[each.key], float) for each in columns(game.config))
    assert scores["classifier_fid"] > 100  # an untrained generator
    said = sentence(game.config, scores)
    assert (
        f"100 samples are compared with {scores['reference_samples']:,} pictures of MNIST" in said
    )
    assert scores["parzen_test"] in said
    assert scores["readable_real"] > 0.9
    assert scores["readable_noise"] < scores["readable_overlaid"] < 0.4
    assert scores["readable_grey"] < 0.05 and scores["readable"] < 0.05, "no strokes, no digits"
    assert f"{scores['readable_real']:.1%} of real test digits" in said
    assert f"{scores['readable_grey']:.1%} of flat grey" in said
    json.dumps(scores)


def test_a_game_without_digits_is_not_scored_as_one():
    with pytest.raises(CourseError, match="pictures='ring': .* measures models of digits."):
        evaluation.evaluate(gan.Config.at("check", "toy").build())


@pytest.mark.parametrize(
    ("config", "n"),
    [
        (cgan.Config.at("check", width=2), 200),
        (cgan.Config.at("check", width=2, pictures="fashion", split="train"), 100),
        (infogan.Config.at("check", width=2), 200),
        (infogan.Config.at("check", "faces", width=2), 100),
    ],
    ids=["cgan", "cgan-fashion", "infogan", "infogan-faces"],
)
def test_every_score_of_a_chapters_table_is_measured(config, n, monkeypatch):
    load = Where.load

    def some(where, config, split):
        found = load(where, config, split)
        return found.take(min(FEW, len(found)), seed=0)

    monkeypatch.setattr(Where, "load", some)
    torch.manual_seed(0)
    scores = evaluation.evaluate(config.build(), n=n, source="bundled")
    shown = [each.key for each in columns(config)]
    assert all(isinstance(scores[key], float) for key in shown), shown
    assert "bundled" in sentence(config, scores)
    json.dumps(scores)


@pytest.mark.parametrize(("n", "taught"), [(100, 500), (2_000, 6_666)])
def test_a_classifier_learns_from_five_samples_for_each_but_no_more_than_training_pictures(
    monkeypatch, n, taught
):
    game, given = cgan.Config.at("check", width=2).build(), []
    metric = labels.conditional
    monkeypatch.setattr(
        metric, "trained_on_generated", lambda *told, **how: given.append(told) or 0.5
    )
    monkeypatch.setattr(metric, "class_coverage", lambda *told, **how: {"min": 0.0, "coverage": []})
    samples, asked = game.sample(n, seed=3), torch.arange(n) % 10
    scores = labels.digit_scores(game, samples, asked, 3, Where(source="bundled"))
    ((lessons, taught_as, *_),) = given
    assert len(lessons) == len(taught_as) == scores["taught_samples"] == taught
    assert torch.equal(lessons[:200], game.sample(200, label=taught_as[:200], seed=3)), (
        "each under the label it was generated with"
    )
    said = sentence(game.config, {**scores, "samples": n})
    assert f"a classifier is trained on {taught:,} samples" in said


@pytest.mark.parametrize("module", [gan, cgan, infogan])
def test_a_strict_evaluation_needs_the_full_data(module, tmp_path):
    with pytest.raises(CourseError, match="full MNIST could not be downloaded"):
        game = module.Config.at("check", width=4).build()
        evaluation.evaluate(game, n=100, root=tmp_path, source="full", strict=True)


def test_a_strict_evaluation_of_clothes_needs_them_all_and_one_of_faces_has_them(tmp_path):
    strict = {"n": 100, "root": tmp_path, "source": "full", "strict": True}
    clothes = cgan.Config.at("check", width=2, pictures="fashion", split="train")
    with pytest.raises(CourseError, match="full Fashion-MNIST could not be downloaded"):
        evaluation.evaluate(clothes.build(), **strict)
    faces = infogan.Config.at("check", "faces", width=2)
    assert "bundled" in evaluation.evaluate(faces.build(), **strict)["codes_test"], "all there are"


def test_codes_of_sprites_are_scored_beside_those_of_the_untrained_network(monkeypatch):
    pictures = data.load("sprites", "test", n=4_000, seed=0)
    monkeypatch.setattr(data, "load", lambda *names, **how: pictures)
    config = infogan.Config.at("check", "sprites", width=2, latent=4)
    state = torch.get_rng_state()
    scores = evaluation.evaluate(config.build(), n=10, seed=4)
    torch.manual_seed(4)
    fresh = evaluation.evaluate(config.build(), n=10, seed=4)
    assert fresh["mig"] == fresh["untrained_mig"] == scores["untrained_mig"] != scores["mig"]
    assert fresh["factor_vae"] == fresh["untrained_factor_vae"]
    torch.set_rng_state(state)
    codes.factor_scores(config.build(), pictures, seed=4)
    drawn = torch.rand(1)
    torch.set_rng_state(state)
    config.build()
    assert torch.equal(drawn, torch.rand(1)), "the global random state is left alone"
    assert "untrained: the same networks with fresh weights" in sentence(config, fresh)
    keys = [column.key for column in columns(config)]
    assert keys == ["factor_vae", "untrained_factor_vae", "mig", "untrained_mig"]
    assert set(keys) <= fresh.keys()


def test_slant_and_width_are_found_by_codes_of_their_own():
    """A game that draws what its codes say: code 0 thickens, code 1 slants, code 2 does nothing."""

    class Drawn:
        config = infogan.Config(continuous=3, categories=(2,))

        def sample(self, *, category, continuous, seed):
            rows, columns = torch.arange(28).view(28, 1), torch.arange(28).view(1, 28)
            middle = 13.5 + 0.4 * continuous[:, 1, None, None] * (13.5 - rows)
            half = 2.5 + continuous[:, 0, None, None]
            ink = (half + 0.5 - (columns - middle).abs()).clamp(0, 1) * ((rows > 4) & (rows < 23))
            return 2 * ink[:, None] - 1

    found = codes.stroke_scores(Drawn(), seed=0, each=60)
    assert (found["slant_code"], found["width_code"]) == (1, 0)
    assert found["slant_spearman"] > 0.95 and found["width_spearman"] > 0.95


def test_an_attribute_is_found_by_the_code_that_reads_it():
    """A game whose Q reads glasses in its second category and nothing anywhere else."""

    class Seeing:
        def infer(self, images):
            seen = images[:, 0, 0, 0].float()
            even = torch.full((len(images), 2), 0.5)
            return (even, torch.stack([1 - seen, seen], 1)), torch.zeros(len(images), 1)

    def faces(n):
        glasses = torch.arange(n) % 2
        image = torch.zeros(n, 3, 4, 4, dtype=torch.uint8)
        image[:, :, 0, 0] = 1 - glasses[:, None]  # the code falls with glasses: found, backwards
        others = {name: (torch.arange(n) // 2) % 2 for name in ("hat", "beard", "hair_length")}
        return Pictures({"image": image, "glasses": glasses, **others}, "faces", "made", "CC0")

    found = codes.attribute_scores(Seeing(), faces(40), faces(20))
    assert (found["glasses_code"], found["glasses_auc"]) == ("category 1 = 1", 1.0)
    assert found["hat_auc"] == 0.5


def test_the_best_code_of_untrained_networks_is_well_above_a_coin():
    config = infogan.Config.at("check", "faces", width=4)
    train, test = (data.load("faces", split).take(300, 0) for split in ("train", "test"))
    floors = codes.untrained_scores(config, train, test, seed=0)
    one = codes.attribute_scores(codes.untrained(config, 3), train, test)
    assert floors.keys() == {f"untrained_{name}_auc" for name in codes.ATTRIBUTES}
    assert all(0.4 < area < 1 for area in floors.values())
    assert max(floors.values()) > 0.6
    assert one == codes.attribute_scores(codes.untrained(config, 3), train, test)
    assert floors == codes.untrained_scores(config, train, test, seed=0)


def test_of_untrained_networks_the_middle_one_counts(monkeypatch):
    areas = iter(range(100))
    keys = [f"{name}_auc" for name in codes.ATTRIBUTES]
    monkeypatch.setattr(
        codes, "attribute_scores", lambda *given: dict.fromkeys(keys, next(areas) ** 2)
    )
    config = infogan.Config.at("check", "faces", width=4)
    found = codes.untrained_scores(config, None, None, seed=0)
    assert set(found.values()) == {(codes.FRESH // 2) ** 2}


def test_a_published_model_scores_far_better_than_an_untrained_one():
    scores = evaluation.evaluate(models.load("gan"), n=500, source="bundled")
    assert scores["classifier_fid"] < 100
    assert scores["readable"] > 0.7
    assert scores["coverage"] > 0.2


# A reader's own pictures


def shapes(n: int) -> Pictures:
    """Colour pictures of 16 px in three classes: the left, the middle or the right third is red."""
    label = torch.arange(n) % 3
    image = torch.full((n, 3, 16, 16), 255, dtype=torch.uint8)
    for i, which in enumerate(label.tolist()):
        image[i, 1:, :, which * 5 : which * 5 + 5] = 0
    return Pictures({"image": image, "label": label}, "my shapes", "yours", "")


class Obedient:
    """A game that draws what a list of pictures says, each label's in turn."""

    def __init__(self, config, pictures):
        self.config, self.pictures = config, pictures

    def sample(self, n, *, seed):
        return self.pictures[torch.arange(n) % len(self.pictures)] / 127.5 - 1


OWN = cgan.Config.at("check", width=2, shape=(3, 16, 16), pictures="yours", classes=3)


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(labels, "SEEN", 2_500)


def test_labels_of_a_readers_own_pictures_are_read_by_a_classifier_trained_on_them(brief):
    pictures = shapes(60)
    right = Obedient(OWN, pictures["image"])
    scores = evaluation.evaluate(right, n=90, data=pictures)
    assert (scores["label_accuracy"], scores["judge_on_real"]) == (1.0, 1.0)
    wrong = Obedient(OWN, pictures["image"].roll(1, 0))
    assert evaluation.evaluate(wrong, n=90, data=pictures)["label_accuracy"] == 0.0
    assert scores["labels_test"] == "12 of 60 of my shapes, held out (yours)"
    assert scores["labels_test"] in sentence(OWN, scores)
    assert [each.key for each in columns(OWN)] == ["label_accuracy", "judge_on_real"]


def test_the_classifier_of_own_pictures_is_tested_on_pictures_it_has_not_seen(brief):
    """Labels without a rule can be learned by heart; on new pictures that is worth nothing."""
    dice = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (100, 3, 16, 16), dtype=torch.uint8, generator=dice)
    lawless = Pictures(
        {"image": noise, "label": torch.randint(0, 3, (100,), generator=dice)}, "noise", "yours", ""
    )
    scores = evaluation.evaluate(Obedient(OWN, noise), n=30, data=lawless)
    assert scores["judge_on_real"] < 0.7


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (None, "pictures='yours': .*--data FOLDER"),
        (Pictures({"image": shapes(9)["image"]}, "mine", "yours", ""), "learns from 'label'"),
        (shapes(4), "my shapes: 4 pictures; give at least 5"),
        (
            Pictures(
                {"image": torch.zeros(9, 1, 28, 28, dtype=torch.uint8), "label": torch.arange(9)},
                "mine",
                "yours",
                "",
            ),
            r"shape=\(3, 16, 16\)",
        ),
    ],
    ids=["none", "no labels", "few", "another shape"],
)
def test_own_pictures_that_cannot_be_measured_are_refused_in_words(pictures, message):
    with pytest.raises(CourseError, match=message):
        evaluation.evaluate(Obedient(OWN, shapes(9)["image"]), n=9, data=pictures)


def test_own_pictures_are_refused_for_a_game_of_another_data_set():
    game = gan.Config.at("check", width=4).build()
    with pytest.raises(CourseError, match="data='my shapes': this game was trained on digits"):
        evaluation.evaluate(game, n=9, data=shapes(9))


@pytest.mark.parametrize(
    ("config", "instead"),
    [
        (gan.Config.at("check", width=2, pictures="yours"), "gancourse sample"),
        (infogan.Config.at("check", width=2, pictures="yours"), "gancourse sample RUN -c"),
    ],
)
def test_where_no_score_suits_own_pictures_another_way_to_look_is_named(config, instead):
    with pytest.raises(CourseError, match=f"no score for your own pictures; .*{instead}"):
        evaluation.evaluate(config.build(), n=9, data=shapes(9))


def test_own_pairs_are_scored_by_their_own_palette():
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, pictures="yours")
    pairs = flat_pairs(30, "my drawings", "yours")
    scores = evaluation.evaluate(config.build(), data=pairs)
    assert scores["pairs_test"] == "my drawings, 30 (yours)"
    assert all(isinstance(scores[each.key], float) for each in columns(config))
    with pytest.raises(CourseError, match=r"shape=\(1, 32, 32\): this game learns from 'input'"):
        evaluation.evaluate(config.build(), data=shapes(9))


# Translations


def flat_pairs(n: int, name: str, source: str = "made") -> Pictures:
    """Pairs of flat colour under a line, 32 px, in 24 colours."""
    colours = [[i % 3 * 100, i // 3 % 3 * 100, i // 9 * 100] for i in range(24)]
    target = torch.tensor(colours, dtype=torch.uint8)[torch.arange(n) % 24, :, None, None]
    target = target.expand(n, 3, 32, 32).clone()
    drawn = torch.full((n, 1, 32, 32), 255, dtype=torch.uint8)
    drawn[..., 16], target[..., 16] = 0, 0
    return Pictures({"input": drawn, "target": target}, name, source, "CC BY-SA 4.0")


@pytest.fixture
def translator(monkeypatch):
    """An untrained translator of pairs that stand in for the emoji: 40 for training, 30 to test."""

    def load(name, split, *, size, **where):
        assert (name, size) == ("emoji", 32)
        return flat_pairs(40 if split == "train" else 30, f"emoji {split}")

    monkeypatch.setattr(data, "load", load)
    torch.manual_seed(0)
    return pix2pix.Config.at("check", shape=(3, 32, 32), width=2).build()


def test_the_sheet_of_a_translator_shows_input_translation_and_target(translator):
    test = flat_pairs(30, "emoji test").take(30, seed=0)
    inputs, targets = (test[name].float() / 127.5 - 1 for name in ("input", "target"))
    sheet = translations.PROTOCOL.showcase(translator, Where())
    made = translator.translate(test["input"])
    assert sheet.shape == (90, 3, 32, 32)
    for i, row in enumerate(sheet.unflatten(0, (9, 10))):
        kind = (inputs.expand(-1, 3, -1, -1), made, targets)[i % 3]
        assert torch.allclose(row, kind[i // 3 * 10 : i // 3 * 10 + 10]), i


def test_translations_are_scored_on_held_out_pairs_with_other_noise_each(translator, monkeypatch):
    asked, given = [], []
    translate, score = translator.translate, colour.colour_scores
    monkeypatch.setattr(
        translator,
        "translate",
        lambda x, *, seed: asked.append((len(x), seed)) or translate(x, seed=seed),
    )
    monkeypatch.setattr(
        colour, "colour_scores", lambda *all, **how: given.append(how) or score(*all, **how)
    )
    scores = evaluation.evaluate(translator, seed=7)
    assert asked == [(30, 7 + draw) for draw in range(5)] and scores["seed"] == 7
    palette = colour.palette(flat_pairs(40, "emoji train")["target"])
    assert torch.equal(given[0]["palette"], palette)
    assert all(isinstance(scores[each.key], float) for each in columns(translator.config))
    json.dumps(scores)
