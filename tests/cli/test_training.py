"""`gancourse train`, `sample` and `evaluate` with the course's own data."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest
from PIL import Image

from gancourse.models import load
from gancourse.show.grids import save_grid
from tests.cli.shell import TINY, mistake, plain

DCGAN = [*TINY, "--source", "bundled", "-s", "form=dcgan", "-s", "latent=6"]


def test_train_on_the_bundled_digits_then_sample(gancourse, tmp_path):
    folder, picture = tmp_path / "my run", tmp_path / "digits.png"
    train = ["train", "gan", "--folder", folder, *DCGAN, "--device", "cpu:0"]
    status, out, _ = gancourse(*train, "-s", "steps=3", "--seed", 4)
    assert status == 0 and "Step 3 after" in out
    assert "MNIST train-50000: 6,666 samples (bundled); 3 steps, batch size 8." in out
    shown = shlex.quote(str(folder / "samples"))
    assert shown in out and shlex.split(out)[-3:] == ["gancourse", "sample", str(folder)]
    config = json.loads((folder / "config.json").read_text())
    chosen = ("width", "latent", "steps", "seed", "form")
    assert [config[name] for name in chosen] == [2, 6, 3, 4, "dcgan"]
    assert not (folder / "data.json").exists()

    sample = ["sample", folder, "-o", picture, "-n", 4]
    status, out, _ = gancourse(*sample, "--seed", 2, "--device", "cpu:0")
    assert status == 0 and out == f"{picture}: 4 samples of {folder}, seed 2\n"
    with Image.open(picture) as grid:
        assert grid.size == (62, 62)  # 2 x 2 pictures of 28 px, three gaps of 2 px
    before = picture.read_bytes()
    assert f"{picture}: exists already; give another name" in mistake(gancourse(*sample))
    assert picture.read_bytes() == before
    assert gancourse(*sample, "--seed", 3, "--force")[0] == 0
    assert picture.read_bytes() != before

    status, out, _ = gancourse(*train, "-s", "steps=5", "--seed", 4)  # it goes on
    assert status == 0 and "Step 5 after" in out
    status, _, err = gancourse(*train, "-s", "steps=5", "--seed", 5)
    assert status == 1 and "seed: 4 in the checkpoint, 5 now" in err and "Traceback" not in err


def test_points_train_and_cannot_be_drawn_as_pictures(gancourse, tmp_path):
    folder = tmp_path / "run"
    status, out, _ = gancourse("train", "gan", "--folder", folder, *TINY, "-s", "form=toy")
    advice = f"gancourse.load({str(folder)!r}).sample(1000)"
    assert (
        status == 0 and advice in out and "gancourse sample" not in out and "samples for" not in out
    )
    message = mistake(gancourse("sample", folder, "-n", 4, "-o", tmp_path / "points.png"))
    assert message.startswith(f"{folder}: draws points in the plane")
    assert f"gancourse.load({str(folder)!r}).sample(4)" in message
    assert not (tmp_path / "points.png").exists()


@pytest.mark.slow
def test_a_job_that_only_trains_imports_neither_plots_nor_metrics(tmp_path):
    arguments = ["gancourse", "train", "gan", "--folder", str(tmp_path / "run"), *DCGAN]
    code = (
        f"import sys; from gancourse import cli; sys.argv = {arguments}\n"
        "try: cli.main()\nexcept SystemExit as stop: assert not stop.code\n"
        "heavy = {'matplotlib', 'torchmetrics', 'IPython', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "Step 2 after" in done.stdout, done.stderr


@pytest.mark.slow
def test_several_processes_print_each_line_once(tmp_path):
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
    ]
    train = ["-m", "gancourse.cli", "train", "gan", "--folder", str(tmp_path / "run"), *TINY]
    done = subprocess.run([*launch, *train, "-s", "form=toy"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Step 2 after") == done.stdout.count("2 steps, batch size 8") == 1
    assert json.loads((tmp_path / "run" / "config.json").read_text())["processes"] == 2


@pytest.mark.parametrize(
    ("chapter", "change", "words"),
    [
        ("gan", "lr", "lr: not of the form name=value"),
        ("gan", "=1", "=1: not of the form name=value"),
        ("gan", "rate=1", "rate=1: chapter gan has no such setting; it has form, "),
        ("gan", "steps=many", "steps=many: not a whole number; write, for example, steps="),
        ("gan", "steps=1e3", "steps=1e3: not a whole number"),
        ("gan", "lr=fast", "lr=fast: not a number"),
        ("gan", "shape=1,a", "shape=1,a: not whole numbers"),
        ("gan", "steps=-1", "steps=-1: out of range; give 1 or more"),
        ("gan", "loss=bce", "loss='bce': not known; choose one of: non-saturating"),
        ("gan", "form=vae", "form='vae': not known; choose one of: paper"),
        ("gan", "pictures=cats", "name='cats': no such data set; choose one of: digits"),
        ("pix2pix", "flip=perhaps", "flip=perhaps: not True or False"),
        ("cgan", "dense=64", "dense=64: form='conv' does not use it; leave it out"),
        ("infogan", "r1=1.0", "r1=1.0: the game of chapter infogan does not use it"),
    ],
)
def test_a_bad_setting_is_one_message(gancourse, tmp_path, chapter, change, words):
    train = ["train", chapter, "--folder", tmp_path / "run", "--scale", "check", "-s", change]
    assert mistake(gancourse(*train)).startswith(words)
    assert not (tmp_path / "run").exists()


def test_a_setting_is_read_as_its_type(gancourse, tmp_path, monkeypatch):
    seen = []

    def play(config, data, **options):
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr("gancourse.models.play", play)
    train = ["train", "pix2pix", "--folder", tmp_path / "run", "--scale", "check"]
    changes = {"flip": "False", "shape": "3,64,64", "lr": "1e-3", "steps": "7", "loss": "hinge"}
    assert gancourse(*train, *(f"-s{name}={text}" for name, text in changes.items()))[0] == 130
    config = seen[0]
    found = (config.flip, config.shape, config.lr, config.steps, config.loss)
    assert found == (False, (3, 64, 64), 1e-3, 7, "hinge")


def test_the_largest_seed_trains_and_samples(gancourse, tmp_path):
    seed, folder = ["--seed", 2**32 - 1], tmp_path / "run"
    assert gancourse("train", "gan", "--folder", folder, *DCGAN, *seed)[0] == 0
    assert gancourse("sample", folder, "-n", 4, *seed, "-o", tmp_path / "x.png")[0] == 0


def test_checkpoints_lie_a_step_apart_or_more(gancourse, tmp_path, wide):
    train = ["train", "gan", "--folder", tmp_path / "run", *TINY, "--checkpoint-every", 0]
    status, _, err = gancourse(*train)
    assert status == 2 and "--checkpoint-every" in plain(err) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "given", "asked"),
    [
        ("cgan", ["label=8,0"], {"label": [8, 0, 8, 0]}),
        (
            "infogan-faces",
            ["category=1,0", "continuous=0.5,-1,0,0,0,0,0,1"],
            {"category": (1, 0), "continuous": (0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)},
        ),
    ],
)
def test_conditions_say_what_is_drawn(gancourse, tmp_path, model, given, asked):
    picture, same = tmp_path / "asked.png", tmp_path / "same.png"
    options = [word for each in given for word in ("-c", each)]
    assert gancourse("sample", model, "-n", 4, *options, "-o", picture)[0] == 0
    save_grid(same, load(model).sample(4, **asked, seed=0))
    assert Image.open(picture).tobytes() == Image.open(same).tobytes()


def test_a_text_keeps_its_comma(gancourse, tmp_path, monkeypatch):
    from gancourse.conditions import Condition

    game, seen = load("cgan"), {}
    told = game.sample(4, seed=0)

    class Captioned(type(game)):
        conditions = (Condition("text", str, "a caption"),)

        def sample(self, n=None, *, seed=0, text=None):
            seen["text"] = text
            return told

    game.__class__ = Captioned
    monkeypatch.setattr("gancourse.models.load", lambda *given: game)
    sample = ["sample", "cgan", "-n", 4, "-o", tmp_path / "bird.png"]
    assert gancourse(*sample, "-c", "text=a red bird, small")[0] == 0
    assert seen == {"text": "a red bird, small"}


@pytest.mark.parametrize(
    ("model", "condition", "words"),
    [
        ("gan", "label=8", "label=8: this model has no condition 'label'; it takes no conditions"),
        (
            "cgan",
            "category=8",
            "category=8: this model has no condition 'category'; it takes label",
        ),
        ("cgan", "label", "label: not of the form name=value"),
        ("cgan", "label=eight", "label=eight: not whole numbers with commas between them"),
        ("cgan", f"label=8,{10**20}", f"label=8,{10**20}: no model has so many"),
        ("infogan-faces", f"category=0,-{2**63}", f"category=0,-{2**63}: no model has so many"),
        ("cgan", f"label={2**63 - 1}", f"label={2**63 - 1}: no such class; labels go from 0 to 9"),
        ("cgan", "label=10", "label=10: no such class; labels go from 0 to 9"),
        ("infogan-faces", "category=1", "category=[1]: this model has 2 categorical codes"),
    ],
)
def test_a_condition_that_does_not_fit_the_model(gancourse, tmp_path, model, condition, words):
    sample = ["sample", model, "-n", 2, "-c", condition, "-o", tmp_path / "x.png"]
    assert mistake(gancourse(*sample)).startswith(words)
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("name", ["x.jpg", "x.gif", "x.txt", "x", "png", ".png", "."])
def test_samples_are_written_as_png_only(gancourse, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gancourse.models.load", None)  # it is said before a model is loaded
    assert mistake(gancourse("sample", "gan", "-o", name, "--force")).startswith(
        f"{name}: not the name of a .png"
    )
    assert not list(tmp_path.iterdir())
