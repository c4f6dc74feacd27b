"""Numbers in prose are those of the cards and dossiers."""

from __future__ import annotations

import re
import statistics

import numpy as np
import pytest
import torch

import gancourse
from gancourse import data
from gancourse.data import portraits, scenes
from gancourse.files import BUNDLED, DOSSIERS, NOTEBOOKS, read_json
from gancourse.metrics import attribute_cnn
from gancourse.models import published
from gancourse.press import running
from gancourse.press.dossier import Dossier
from gancourse.press.experiments import gan as regularisation

BOOK = NOTEBOOKS.parent / "book"
FULL = "10,000 of MNIST test against 60,000 of MNIST train"


@pytest.fixture(scope="module")
def page():
    return (BOOK / "metrics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def card():
    return read_json(BUNDLED / "weights" / "digit-cnn" / "card.json")


def row(page: str, start: str) -> list[float]:
    """The numbers of the page's one table row that begins with `start`."""
    (found,) = re.findall(rf"^\| {re.escape(start)} \|(.*)\|$", page, re.MULTILINE)
    return [float(cell) for cell in found.split("|")]


def test_the_parzen_table_is_the_cards(page, card):
    rows = {
        "real training pictures": "real training pictures",
        "real pictures, each averaged with its nearest neighbours": "blurred near neighbours",
        "centres that k-means found in the training pictures": "k-means centroids",
    }
    for shown, name in rows.items():
        assert row(page, shown) == [card["parzen_cheats"][name]["nats"]]


def test_the_fid_table_is_the_cards(page, card):
    floors = card["floors"][FULL]
    rows = {
        "10,000 with noise of standard deviation 0.1": "noise, sigma .1",
        "10,000 with no digit 8": "no digit 8",
        "10,000 after a 3 × 3 blur": "3 x 3 blur",
    }
    for shown, name in rows.items():
        assert row(page, shown) == [round(floors[name]["classifier_fid"], 1)]
    assert row(page, "10,000 real test digits") == [round(floors["real"]["classifier_fid"], 2)]
    few = card["real_fid_by_n"]["1,000 of MNIST test, drawn at random"]["median"]
    assert row(page, "1,000 real test digits, drawn at random") == [few]


def test_the_precision_table_is_the_cards(page, card):
    rows = {
        "real test digits": "real",
        "with no digit 8": "no digit 8",
        "after a 3 × 3 blur": "3 x 3 blur",
        "uniform noise": "uniform noise",
    }
    for shown, name in rows.items():
        scores = card["floors"][FULL][name]
        assert row(page, shown) == pytest.approx(
            [scores[key] for key in ("precision", "recall", "coverage")], abs=0.0051
        )


def test_the_ceiling_of_reading_is_the_dossiers_and_can_be_passed(page):
    row = published_scores("infogan")
    assert f"it is .{1000 * row['readable_real']:.0f} for all 10,000 test digits" in page
    for name in ("infogan", "cgan"):
        row = published_scores(name)
        assert row["readable"] > row["readable_real"], "as the page says"
    card = (BUNDLED / "weights" / "digit-hog" / "README.md").read_text(encoding="utf-8")
    for key in ("real", "overlaid", "noise", "grey"):
        assert f"| {100 * row[f'readable_{key}']:.1f} % |" in card


def published_scores(name: str) -> dict:
    """The scores of the seed whose weights are published."""
    run = Dossier(name)
    (row,) = (each for each in run.scores["seeds"] if each["seed"] == run.settings["seed"])
    return row


def cells(scores: dict) -> str:
    """A run's cells in the table of wrong labels."""
    percents = ("label_accuracy", ".2%"), ("trained_on_generated", ".2%"), ("readable", ".1%")
    shares = (f"{scores[key]:.3f}".removeprefix("0") for key in ("recall", "coverage"))
    distance = f"{scores['classifier_fid']:.2f}"
    return " | ".join([*(format(scores[key], form) for key, form in percents), distance, *shares])


def test_what_is_said_of_wrong_labels_is_what_was_measured(card):
    text = (BOOK / "runs-cgan.md").read_text(encoding="utf-8")
    ours, others = published_scores("cgan"), read_json(DOSSIERS / "cgan" / "wrong-labels.json")
    rows = {f"{run['mismatched']:g}": run for run in others["runs"]}
    assert Dossier("cgan").config.mismatched == 0.2
    assert f"| .2, published | {cells(ours)} |" in text
    for weight, run in rows.items():
        assert f"| {weight.removeprefix('0') or 0} | {cells(run)} |" in text
    assert f"reads {card['test_accuracy']:.2%} of real test digits" in text
    assert f"{ours['readable_real']:.1%} of them are readable" in text

    chapter = words("02_cgan.ipynb")
    accuracies = [100 * each["label_accuracy"] for each in (rows["0"], ours)]
    said = "Without wrong labels {:.1f} % of its samples were read as asked, with them {:.2f} %"
    assert said.format(*accuracies) in chapter
    distances = [each["classifier_fid"] for each in (rows["0"], ours)]
    assert "The Fréchet distance rose from {:.1f} to {:.1f}".format(*distances) in chapter


def words(notebook: str) -> str:
    """The Markdown of a notebook, with single spaces."""
    cells = read_json(NOTEBOOKS / notebook)["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return " ".join(" ".join(texts).split())


def test_one_answer_beside_the_yellow_pot_is_the_dossiers():
    text = (BOOK / "runs-pix2pix.md").read_text(encoding="utf-8")
    keys = "per_pixel", "per_class", "class_iou", "inside"
    found = [f"{published_scores('pix2pix')[key]:.3f}".removeprefix("0") for key in keys]
    assert f"| one answer | {' | '.join(found)} |" in text


def test_what_helps_digits_that_nobody_asked_for_is_the_dossiers():
    text = " ".join((BOOK / "runs-gan.md").read_text(encoding="utf-8").split())
    (labels,) = (
        run
        for run in read_json(DOSSIERS / "cgan" / "wrong-labels.json")["runs"]
        if not run["mismatched"]
    )
    cgan, infogan = (published_scores(name) for name in ("cgan", "infogan"))
    assert round(labels["classifier_fid"]) == 1
    said = f"a distance of about 1, and {labels['readable']:.1%} are readable; if D is shown wrong labels too, "
    said += f"{cgan['classifier_fid']:.2f} and {cgan['readable']:.1%}"
    assert said in text
    coverage = f"{infogan['coverage']:.3f}".removeprefix("0")
    assert f"{infogan['readable']:.1%} are readable then, but the coverage is {coverage}" in text


@pytest.mark.parametrize("name", published())
def test_the_notebook_shows_the_dossiers_numbers(name):
    run = Dossier(name)
    text = running.notebook(run.config.chapter).read_text(encoding="utf-8").replace("\\n", "\n")
    for line in run.table().splitlines():
        assert line in text, "the page shows another table: make notebooks"


def output(name: str, start: str) -> str:
    """What a chapter's cell printed; the cell is the one whose output begins with `start`."""
    notebook = read_json(next(NOTEBOOKS.glob(f"*_{name}.ipynb")))
    texts = [
        "".join(output.get("text", []))
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
    ]
    (text,) = (each for each in texts if each.strip().startswith(start))
    return text


def printed(name: str, start: str) -> dict[str, list[float]]:
    """First words -> the numbers of each line of that output."""
    text = output(name, start)
    lines = re.findall(r"^([^\d\n]+?) {2,}([-\d. inf]+)$", text, re.MULTILINE)
    return {words.strip(): [float(each) for each in row.split()] for words, row in lines}


def test_what_is_said_of_small_pictures_made_otherwise_holds():
    rows = printed("srgan", "PSNR in dB of")
    bicubic, network = zip(*rows.values(), strict=True)
    assert network[0] > bicubic[0] + 0.5 and network[0] - network[1] > 0.5
    assert all(ours < plain - 2 for plain, ours in list(rows.values())[2:]), "far below bicubic"


def test_what_is_said_of_each_measure_holds():
    rows = printed("srgan", "PSNR   SSIM")
    psnr, ssim, consistency, distance, spectrum, grid = range(6)
    made = [rows[name] for name in ("bicubic", "bicubic and noise", "SRResNet", "SRGAN")]
    plain, noisy, regression, game = made
    assert regression[psnr] == max(row[psnr] for row in made)
    assert regression[ssim] == max(row[ssim] for row in made)
    assert abs(noisy[consistency] - plain[consistency]) < 1 < regression[consistency] - 40
    assert game[distance] == min(row[distance] for row in made)
    assert noisy[spectrum] < regression[spectrum] < plain[spectrum]
    assert game[spectrum] < regression[spectrum] and game[grid] < 1.2


def test_what_is_said_of_equal_psnr_holds():
    rows = printed("srgan", "PSNR (dB)")
    levels = [psnr for psnr, _ in rows.values()]
    assert max(levels) - min(levels) < 0.05
    assert rows["blurred"][1] > 3 * rows["moved"][1]


def test_what_is_said_of_bounds_holds():
    """By medians over the seeds; the page's table is made of the same runs."""
    kept, of = read_json(DOSSIERS / "gan" / "regularisation.json")["runs"], {}
    rows = regularisation.rows()
    names = [*regularisation.BOUNDS, *regularisation.SCARCE]
    for name, change in zip(names, rows, strict=True):
        runs = [run for run in kept if run["change"] == change]
        assert len(runs) == len(regularisation.SEEDS), name
        keys = "modes", "quality", "slope", "known"
        of[name] = {key: statistics.median(run[key] for run in runs) for key in keys}
    plain, r1, tight = of["no bound"], of["R1"], of["hinge, spectral norm"]
    assert r1["slope"] < plain["slope"] / 2 and abs(r1["quality"] - plain["quality"]) < 0.1
    assert tight["slope"] == min(of[name]["slope"] for name in regularisation.BOUNDS)
    loose, penalised = of["Wasserstein, no bound"], of["WGAN-GP"]
    assert loose["modes"] <= 2 < penalised["modes"] and penalised["quality"] < r1["quality"]
    assert tight["quality"] < of["hinge, no bound"]["quality"] / 2
    plain, both, real = (of[name] for name in regularisation.SCARCE)
    assert plain["known"] > 0.1 > 2 * max(both["known"], real["known"])
    assert plain["quality"] > both["quality"] > real["quality"]


def test_the_decision_page_has_the_ledgers_minutes():
    lines = (DOSSIERS / "LEDGER.md").read_text(encoding="utf-8").splitlines()
    cells = [re.split(r" *\| *", line) for line in lines if line.startswith("| ")]
    minutes = {each[1]: each[5] for each in cells}
    text = (BOOK / "choosing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^  - ([\d +]+) min \((.+)\)$", text, re.MULTILINE)
    assert len(rows) == 6, "a row for each chapter"
    for shown, names in rows:
        assert shown.split(" + ") == [minutes[name] for name in re.findall(r"`(.+?)`", names)]


def test_what_is_said_of_dots_holds():
    original, made = output("srgan", "original\ntensor").split("SRGAN")
    counts = [
        [int(n) for n in re.findall(r"\b\d+\b", each.split("dtype")[0])]
        for each in (original, made)
    ]
    assert [len(each) for each in counts] == [16, 16] and sum(counts[1]) < sum(counts[0])
    assert all(sum(sorted(each)[-3:]) < sum(each) / 2 for each in counts)


def test_what_is_said_of_number_plates_holds():
    text = output("srgan", "plate ")
    rows = re.findall(r"^(bicubic|SRResNet|SRGAN) .*? (\d+) +(\d+) of", text, re.MULTILINE)
    (blur, _), (edge, misread), (harder, no_better) = (map(int, row[1:]) for row in rows)
    assert edge > 2 * blur and harder > edge and no_better >= misread
    (apart,) = re.findall(r"is ([\d.]+) levels from the small picture", text)
    assert float(apart) <= 1.2


def test_there_are_as_many_scenes_as_the_chapter_says():
    lot = np.random.default_rng(0)
    drawn = [scenes.draw_words(lot) for _ in range(3_000)]
    skies = {(words["sky"], words["light"], words["weather"]) for words in drawn}
    number = {name: len(values) for name, values in scenes.ATTRIBUTES.items()}
    one = number["first"] * number["first_colour"] * number["first_size"]
    combinations = (one + one**2) * number["ground"] * len(skies)
    notebook = next(NOTEBOOKS.glob("*_stackgan.ipynb")).read_text(encoding="utf-8")
    (said,) = re.findall(r"more than ([\d,]+) combinations", notebook)
    said = int(said.replace(",", ""))
    assert said < combinations < 1.1 * said


@pytest.mark.slow
def test_what_is_said_of_round_blue_glasses_holds():
    """The one held-out combination of faces that is not drawn."""
    test, judge = data.load("portraits", "test"), attribute_cnn.load("portrait-cnn")
    names = list(portraits.ATTRIBUTES)
    kind, colour = (names.index(name) for name in ("glasses", "frame"))
    asked = {"glasses": "round", "frame": "blue"}
    value = [portraits.ATTRIBUTES[name].index(word) for name, word in asked.items()]
    said = test["said"][:, [kind, colour]]
    apart = (said == torch.tensor(value)).all(1)
    other = (said[:, 0] > 0) & (said[:, 1] >= 0) & ~apart
    right = {}
    for name, rows in {"apart": apart, "other": other}.items():
        few = test.select(rows.nonzero()[:, 0][:210])
        read = judge.read(gancourse.load("stackgan-faces").sample(text=few["caption"], seed=0))
        right[name] = (read[:, [kind, colour]] == few["said"][:, [kind, colour]]).all(1)
        if name == "apart":
            none = portraits.ATTRIBUTES["glasses"].index("none")
            assert (read[:, kind] == none).double().mean() > 0.5, "most wear no glasses at all"
    assert len(right["apart"]) == 210 and abs(right["apart"].sum() - 6) <= 3, "another CPU rounds"
    assert right["other"].double().mean() > 0.99


def test_what_is_said_of_the_second_stage_holds():
    """Nearer to real pictures by a fifth and a third, and a little further from the sentence."""
    (row,) = Dossier("stackgan").scores["seeds"]
    assert row["frechet"] < 0.8 * row["first_frechet"]
    assert row["frechet_train"] < 2 / 3 * row["first_frechet_train"]
    assert row["first_mean"] - 0.02 < row["mean"] < row["first_mean"] and row["mean"] > 0.95
    assert row["whole"] > 2 / 3


def test_what_is_said_of_the_distance_of_held_out_faces_holds():
    (row,) = Dossier("stackgan-faces").scores["seeds"]
    assert round(row["frechet_real"]) == 136 and row["frechet"] < row["frechet_real"]
