from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from gancourse import cli

COMMANDS = ("chapters", "train", "sample", "evaluate", "run", "data", "judge")
TINY = ["-s", "form=dcgan", "-s", "width=2", "-s", "latent=6", "-s", "batch_size=8"]


@pytest.fixture
def gancourse(monkeypatch, capsys):
    """Run the command as a shell would: (exit status, output, error output)."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gancourse", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return status, *capsys.readouterr()

    return run


def mistake(result: tuple[int, str, str]) -> str:
    """The one message of a failed command."""
    status, out, err = result
    assert status == 1 and out == "" and err.startswith("gancourse: ") and "Traceback" not in err
    assert err.count("\n") == 1, err
    return err


def plain(text: str) -> str:
    """Without colours, frames and line breaks."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


def test_help_lists_every_command():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    assert all(re.search(rf"\b{name}\b", plain(result.output)) for name in COMMANDS)
    assert CliRunner().invoke(cli.app, []).output.strip() == result.output.strip()


@pytest.fixture
def wide(monkeypatch):
    """A window in which no option's name is cut short."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERMINAL_WIDTH", "160")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_explains_each_option(command, wide):
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    text = plain(result.output)
    first_line = getattr(cli, command).__doc__.splitlines()[0].replace("`", "")
    assert first_line.split(";")[0] in text.replace("`", "")
    parameters = next(each for each in cli.app.registered_commands if each.callback.__name__ == command)
    for name in parameters.callback.__annotations__.keys() - {"return"}:
        flag = {"changes": "set", "list_parameters": "list", "n": "n"}.get(name, name).replace("_", "-")
        assert re.search(rf"(--?{flag}|\b{name}|\b{name.upper()})\b", text), f"{command} does not show {name}"


@pytest.mark.parametrize(("arguments", "words"), [(["train", "--help"], "--scale"), (["chapters"], "published cgan, ")])
def test_it_answers_without_torch(arguments, words):
    code = (
        f"import sys; from gancourse import cli; sys.argv = ['gancourse', *{arguments}]\n"
        "try: cli.main()\nexcept SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'accelerate', 'safetensors'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and words in plain(done.stdout), done.stderr


def test_chapters(gancourse):
    status, out, _ = gancourse("chapters")
    assert status == 0 and "gan        Generative adversarial nets\n" in out and "published" in out


def test_train_on_the_bundled_digits_then_sample(gancourse, tmp_path):
    folder, picture = tmp_path / "run", tmp_path / "digits.png"
    arguments = [
        "train",
        "gan",
        "--folder",
        folder,
        "--scale",
        "check",
        *TINY,
        "--source",
        "bundled",
        "--device",
        "cpu",
    ]
    status, out, _ = gancourse(*arguments, "-s", "steps=3", "--seed", 4)
    assert status == 0
    assert "MNIST train-50000: 6,666 (bundled). 3 steps of 8." in out and "Step 3 after" in out
    assert f"gancourse sample {folder}" in out
    config = json.loads((folder / "config.json").read_text())
    assert (config["width"], config["latent"], config["steps"], config["seed"], config["form"]) == (2, 6, 3, 4, "dcgan")

    status, out, _ = gancourse("sample", folder, "-o", picture, "-n", 4, "--seed", 2)
    assert status == 0 and out == f"4 samples of {folder}, seed 2: {picture}\n"
    with Image.open(picture) as grid:
        assert grid.size == (62, 62)  # 2 x 2 pictures of 28 px, three gaps of 2 px
    before = picture.read_bytes()

    assert f"{picture} exists already" in mistake(gancourse("sample", folder, "-o", picture))
    assert picture.read_bytes() == before
    assert gancourse("sample", folder, "-o", picture, "-n", 4, "--seed", 3, "--force")[0] == 0
    assert picture.read_bytes() != before

    status, out, _ = gancourse(*arguments, "-s", "steps=5", "--seed", 4)  # it goes on
    assert status == 0 and "Step 5 after" in out
    status, _, err = gancourse(*arguments, "-s", "steps=5", "--seed", 5)
    assert status == 1 and "seed: 4 in the checkpoint, 5 now" in err and "Traceback" not in err


def test_points_train_and_cannot_be_drawn_as_pictures(gancourse, tmp_path):
    folder = tmp_path / "run"
    toy = ["-s", "form=toy", "-s", "width=8", "-s", "steps=2", "-s", "batch_size=8"]
    assert gancourse("train", "gan", "--folder", folder, "--scale", "check", *toy, "--device", "cpu")[0] == 0
    assert "shape (4, 2)" in mistake(gancourse("sample", folder, "-n", 4, "-o", tmp_path / "points.png"))
    assert not (tmp_path / "points.png").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lr", "'lr' was given; write name=value"),
        ("=1", "'=1' was given; write name=value"),
        ("rate=1", "--set rate=... was given; gan has no such number. It has: form, loss"),
        ("steps=many", "steps='many' was given; it must be of type int, like 125000"),
        ("steps=1e3", "steps='1e3' was given; it must be of type int"),
        ("lr=fast", "lr='fast' was given; it must be of type float, like 0.1"),
        ("shape=1,a", "shape='1,a' was given; it must be of type tuple"),
        ("steps=-1", "steps=-1 was given; it must be above 0"),
        ("loss=bce", "loss='bce' is not known. Choose one of: non-saturating"),
        ("form=vae", "form='vae' at scale='check' was asked for. Forms: paper"),
    ],
)
def test_a_bad_change_is_one_message(gancourse, tmp_path, change, words):
    assert words in mistake(gancourse("train", "gan", "--folder", tmp_path / "run", "--scale", "check", "-s", change))
    assert not (tmp_path / "run").exists()


def test_changes_are_read_as_the_type_of_their_field():
    config = cli.parse("gan", "check", ["form=mlp", "shape=(3,32,32)", "lr=1e-3", "steps=7", "loss=hinge"])
    assert (config.form, config.shape, config.lr, config.steps, config.loss) == ("mlp", (3, 32, 32), 1e-3, 7, "hinge")
    assert cli.parse("gan", "full", ["form=toy"]).pictures == "ring", "the form's recipe, and then the changes"


def test_an_unknown_chapter_model_or_command(gancourse, tmp_path):
    assert "There is no chapter 'gam'. Choose from: gan" in mistake(gancourse("train", "gam", "--folder", tmp_path))
    assert "no folder of a run, called 'gam'" in mistake(gancourse("sample", "gam", "-o", tmp_path / "x.png"))
    status, _, err = gancourse("trian", "gan")
    assert status == 2 and "No such command 'trian'" in plain(err)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path, "--scale", "huge")
    assert status == 2 and "huge" in plain(err) and "check" in plain(err)


def test_conditions_are_options_of_sample(gancourse, tmp_path):
    torch = pytest.importorskip("torch")
    from PIL import Image

    from gancourse.published import load
    from gancourse.show.grids import save_grid

    picture, same = tmp_path / "eights.png", tmp_path / "same.png"
    assert gancourse("sample", "cgan", "-n", 4, "--label", "8,0", "-o", picture)[0] == 0
    save_grid(same, load("cgan").sample(label=[8, 0, 8, 0], seed=0))
    assert Image.open(picture).tobytes() == Image.open(same).tobytes()
    codes = ["--category", "1,0", "--continuous", "0.5,-1,0,0"]
    assert gancourse("sample", "infogan-faces", "-n", 2, *codes, "-o", tmp_path / "faces.png")[0] == 0
    again = load("infogan-faces").sample(2, category=(1, 0), continuous=(0.5, -1.0, 0.0, 0.0), seed=0)
    save_grid(same, again)
    assert Image.open(tmp_path / "faces.png").tobytes() == Image.open(same).tobytes()
    assert torch.is_tensor(again)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gan", "--label", "8"], "--label was given; this model takes no conditions"),
        (["cgan", "--category", "8"], "--category was given; this model takes --label"),
        (["cgan", "--label", "eight"], "--label eight was given; write numbers with commas"),
        (["cgan", "--label", "10"], "label=10 was asked for; labels go from 0 to 9"),
        (["infogan-faces", "--category", "1"], "2 category codes"),
    ],
)
def test_conditions_that_do_not_fit_the_model(gancourse, tmp_path, arguments, words):
    model, *options = arguments
    assert words in mistake(gancourse("sample", model, "-n", 2, *options, "-o", tmp_path / "x.png"))
    assert not (tmp_path / "x.png").exists()


def test_data(gancourse):
    status, out, _ = gancourse("data", "ring")
    assert status == 0
    assert out.split()[:6] == ["ring", "made", "50,000", "train,", "50,000", "test;"]
    assert "point (2,) with label" in out and "CC0" in out
    assert "There is no data set 'rings'. Choose from: digits" in mistake(gancourse("data", "rings"))


def test_judge_leaves_out_the_bundled_digits_and_writes_network_and_card(gancourse, tmp_path, monkeypatch):
    """The training of minutes is left out; everything around it runs."""
    torch = pytest.importorskip("torch")
    from gancourse import evaluation
    from gancourse.data import Pictures
    from gancourse.metrics.digit_cnn import DigitCNN, load

    asked, seen = [], []

    def full(name, split, **options):
        n = 10_020 if split == "train" else 30
        asked.append((name, split, options))
        image = torch.arange(n)[:, None, None, None].expand(n, 1, 28, 28).remainder(251).byte()
        return Pictures({"image": image, "label": torch.arange(n) % 10}, name, "full", "")

    def fit(images, labels, *, seed):
        seen.append((images[0, 0, 0, 0].item(), len(images), labels.tolist(), seed))
        return DigitCNN()

    monkeypatch.setattr(evaluation.data, "load", full)
    monkeypatch.setattr(evaluation, "fit", fit)
    folder = tmp_path / "new" / "judge"
    status, out, err = gancourse("judge", "--folder", folder, "--data-root", tmp_path, "--seed", 3)
    assert (status, out, err) == (0, f"{folder / 'model.safetensors'}\n", "")
    options = {"root": tmp_path, "source": "full", "strict": True}
    assert asked == [("digits", "train", options), ("digits", "test", options)]
    assert seen == [(10_000 % 251, 20, [place % 10 for place in range(20)], 3)]
    card = json.loads((folder / "card.json").read_text())
    assert card["seed"] == 3 and 0 <= card["test_accuracy"] <= 1
    assert load(folder).sha256 == card["sha256"]

    assert "is no empty folder" in mistake(gancourse("judge", "--folder", folder)), "a judge is not written over"
    assert len(seen) == 1


def test_judge_says_at_once_what_it_lacks(gancourse, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file exists already and is no empty folder" in mistake(gancourse("judge", "--folder", tmp_path / "file"))
    message = mistake(gancourse("judge", "--folder", tmp_path / "judge", "--data-root", tmp_path / "empty"))
    assert "The full MNIST could not be downloaded" in message and "put the four official files" in message
    assert not (tmp_path / "judge").exists()
    status, _, err = gancourse("judge")
    assert status == 2 and "--folder" in plain(err)


def test_being_stopped_is_a_message_too(gancourse, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt("Training was stopped at step 2 of 3. The same call goes on from there.")

    monkeypatch.setattr("gancourse.lesson.train", stopped)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path, "--scale", "check", *TINY, "--source", "bundled")
    assert status == 130 and "gancourse: Training was stopped at step 2 of 3." in err and "Traceback" not in err


def test_it_runs_as_a_module_and_as_an_entry_point():
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert 'gancourse = "gancourse.cli:main"' in text
    assert callable(cli.main)
