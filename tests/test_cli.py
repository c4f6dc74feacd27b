from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gancourse import cli

COMMANDS = ("chapters", "train", "sample", "colour", "evaluate", "run", "data", "judge")
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
    parameters = next(
        each for each in cli.app.registered_commands if each.callback.__name__ == command
    )
    for name in parameters.callback.__annotations__.keys() - {"return"}:
        flag = {"changes": "set", "list_parameters": "list", "n": "n"}.get(name, name).replace(
            "_", "-"
        )
        assert re.search(rf"(--?{flag}|\b{name}|\b{name.upper()})\b", text), (
            f"{command} does not show {name}"
        )


@pytest.mark.parametrize(
    ("arguments", "words"), [(["train", "--help"], "--scale"), (["chapters"], "published cgan, ")]
)
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
    folder, picture = tmp_path / "my run", tmp_path / "digits.png"
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
    assert shlex.split(out)[-3:] == ["gancourse", "sample", str(folder)], (
        "a folder's spaces are quoted"
    )
    assert f"{shlex.quote(str(folder / 'samples'))}." in out
    config = json.loads((folder / "config.json").read_text())
    assert (config["width"], config["latent"], config["steps"], config["seed"], config["form"]) == (
        2,
        6,
        3,
        4,
        "dcgan",
    )

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
    status, out, _ = gancourse(
        "train", "gan", "--folder", folder, "--scale", "check", *toy, "--device", "cpu"
    )
    advice = f"gancourse.load({str(folder)!r}).sample(1000)"
    assert status == 0 and advice in out and "gancourse sample" not in out and "samples" not in out
    message = mistake(gancourse("sample", folder, "-n", 4, "-o", tmp_path / "points.png"))
    assert (
        "draws points in the plane" in message
        and f"gancourse.load({str(folder)!r}).sample(4)" in message
    )
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
    assert words in mistake(
        gancourse("train", "gan", "--folder", tmp_path / "run", "--scale", "check", "-s", change)
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", [-1, 2**32])
@pytest.mark.parametrize(
    "command",
    [["train", "gan"], ["sample", "gan"], ["colour", "x.png"], ["evaluate", "gan"], ["judge"]],
)
def test_a_seed_beyond_its_range_is_refused(gancourse, tmp_path, monkeypatch, wide, command, seed):
    monkeypatch.chdir(tmp_path)
    folder = ["--folder", "run"] if command[0] in ("train", "judge") else []
    status, out, err = gancourse(*command, *folder, "--seed", seed)
    assert status == 2 and out == "" and "--seed" in plain(err)
    assert not list(tmp_path.iterdir())


def test_the_largest_seed_trains_and_samples(gancourse, tmp_path):
    seed, folder = ["--seed", 2**32 - 1], tmp_path / "run"
    train = [
        "train",
        "gan",
        "--folder",
        folder,
        "--scale",
        "check",
        *TINY,
        "-s",
        "steps=1",
        "--source",
        "bundled",
    ]
    assert gancourse(*train, *seed, "--device", "cpu")[0] == 0
    assert gancourse("sample", folder, "-n", 4, *seed, "-o", tmp_path / "x.png")[0] == 0


def test_checkpoints_lie_a_step_apart_or_more(gancourse, tmp_path, wide):
    train = [
        "train",
        "gan",
        "--folder",
        tmp_path / "run",
        "--scale",
        "check",
        *TINY,
        "--checkpoint-every",
        0,
    ]
    status, _, err = gancourse(*train)
    assert status == 2 and "--checkpoint-every" in plain(err) and not (tmp_path / "run").exists()


def test_changes_are_read_as_the_type_of_their_field():
    config = cli.parse(
        "gan", "check", ["form=mlp", "shape=(3,32,32)", "lr=1e-3", "steps=7", "loss=hinge"]
    )
    assert (config.form, config.shape, config.lr, config.steps, config.loss) == (
        "mlp",
        (3, 32, 32),
        1e-3,
        7,
        "hinge",
    )
    assert cli.parse("gan", "full", ["form=toy"]).pictures == "ring", (
        "the form's recipe, and then the changes"
    )


def test_an_unknown_chapter_model_or_command(gancourse, tmp_path):
    assert "There is no chapter 'gam'. Choose from: gan" in mistake(
        gancourse("train", "gam", "--folder", tmp_path)
    )
    assert "no folder of a run, called 'gam'" in mistake(
        gancourse("sample", "gam", "-o", tmp_path / "x.png")
    )
    status, _, err = gancourse("trian", "gan")
    assert status == 2 and "No such command 'trian'" in plain(err)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path, "--scale", "huge")
    assert status == 2 and "huge" in plain(err) and "check" in plain(err)


@pytest.mark.parametrize("command", [["sample", "gan"], ["evaluate", "gan"], ["colour", "x.png"]])
def test_a_device_that_is_not_there(gancourse, tmp_path, monkeypatch, wide, command):
    monkeypatch.chdir(tmp_path)
    assert "device='tpu' was asked for; this machine's torch offers:" in mistake(
        gancourse(*command, "--device", "tpu")
    )
    assert not list(tmp_path.iterdir())
    text = plain(CliRunner().invoke(cli.app, [command[0], "--help"]).output)
    assert (
        re.search(r"cpu, cuda or mps\. \[default: cpu\]", text) and "the best there is" not in text
    )


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["train", "gan", "--scale", "check", *TINY, "--folder", ""], "--folder"),
        (["train", "gan", "--scale", "check", *TINY, "--folder="], "--folder"),
        (["train", "pix2pix", "--folder", "run", "--pairs", "", "--direction", "AtoB"], "--pairs"),
        (["train", "pix2pix", "--folder", "run", "--photos", ""], "--photos"),
        (["sample", ""], "an argument"),
        (["sample", "gan", "-o", ""], "-o"),
        (["evaluate", "", "-n", 100], "an argument"),
        (["colour", "", "--model", "pix2pix"], "an argument"),
        (["data", ""], "an argument"),
        (["data", "ring", "--data-root", ""], "--data-root"),
        (["judge", "--folder", ""], "--folder"),
    ],
)
def test_an_empty_text_is_no_name_for_the_folder_one_is_in(
    gancourse, tmp_path, monkeypatch, arguments, option
):
    monkeypatch.chdir(tmp_path)
    assert f"gancourse: {option} was given as an empty text." in mistake(gancourse(*arguments))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chapter", ["stackgan", "nosuch", "*", "../01_gan"])
@pytest.mark.parametrize("option", [["--list"], []])
def test_a_run_of_no_chapter_blames_the_name(gancourse, tmp_path, chapter, option):
    message = mistake(gancourse("run", chapter, *option, "--folder", tmp_path / "run"))
    assert (
        f"There is no chapter {chapter!r}. Choose from: gan" in message
        and not (tmp_path / "run").exists()
    )


def test_conditions_are_options_of_sample(gancourse, tmp_path):
    torch = pytest.importorskip("torch")
    from PIL import Image

    from gancourse.models import load
    from gancourse.show.grids import save_grid

    picture, same = tmp_path / "eights.png", tmp_path / "same.png"
    assert gancourse("sample", "cgan", "-n", 4, "--label", "8,0", "-o", picture)[0] == 0
    save_grid(same, load("cgan").sample(label=[8, 0, 8, 0], seed=0))
    assert Image.open(picture).tobytes() == Image.open(same).tobytes()
    codes = ["--category", "1,0", "--continuous", "0.5,-1,0,0"]
    assert (
        gancourse("sample", "infogan-faces", "-n", 2, *codes, "-o", tmp_path / "faces.png")[0] == 0
    )
    again = load("infogan-faces").sample(
        2, category=(1, 0), continuous=(0.5, -1.0, 0.0, 0.0), seed=0
    )
    save_grid(same, again)
    assert Image.open(tmp_path / "faces.png").tobytes() == Image.open(same).tobytes()
    assert torch.is_tensor(again)


@pytest.mark.parametrize("name", ["x.jpg", "x.gif", "x.txt", "x", "png", ".png", "."])
def test_samples_are_written_as_png_only(gancourse, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gancourse.models.load", None)  # it is said before a model is loaded
    assert f"{name} was given; samples are written as .png" in mistake(
        gancourse("sample", "gan", "-o", name, "--force")
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gan", "--label", "8"], "--label was given; this model takes no conditions"),
        (["cgan", "--category", "8"], "--category was given; this model takes --label"),
        (["cgan", "--label", "eight"], "--label eight was given; write numbers with commas"),
        (
            ["cgan", "--label", "8,99999999999999999999999"],
            "--label 8,99999999999999999999999 was given; no model has so many",
        ),
        (
            ["infogan-faces", "--category", "0,-9223372036854775809"],
            "-9223372036854775809 was given; no model has so many",
        ),
        (["cgan", "--label", "9223372036854775807"], "labels go from 0 to 9"),
        (["cgan", "--label", "10"], "label=10 was asked for; labels go from 0 to 9"),
        (["infogan-faces", "--category", "1"], "2 categorical codes"),
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
    assert "name='rings': no such data set; choose one of: digits" in mistake(
        gancourse("data", "rings")
    )


@pytest.mark.parametrize(
    "command",
    [
        ["train", "gan", "--scale", "check", "--folder", "run"],
        ["evaluate", "gan", "-n", 100],
        ["data", "digits"],
    ],
)
def test_the_full_set_is_had_or_nothing_is_done(gancourse, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    message = mistake(gancourse(*command, "--source", "full", "--data-root", tmp_path))
    assert "the full MNIST could not be downloaded" in message and not Path("run").exists()


def test_full_means_what_there_is_of_data_that_come_in_one_size(gancourse):
    for name, source in (("ring", "made"), ("faces", "bundled")):
        status, out, _ = gancourse("data", name, "--source", "full")
        assert status == 0 and out.split()[:2] == [name, source]


def test_judge_leaves_out_the_bundled_digits_and_writes_network_and_card(
    gancourse, tmp_path, monkeypatch
):
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

    assert "is no empty folder" in mistake(gancourse("judge", "--folder", folder)), (
        "a judge is not written over"
    )
    assert len(seen) == 1


def test_judge_says_at_once_what_it_lacks(gancourse, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file exists already and is no empty folder" in mistake(
        gancourse("judge", "--folder", tmp_path / "file")
    )
    message = mistake(
        gancourse("judge", "--folder", tmp_path / "judge", "--data-root", tmp_path / "empty")
    )
    assert (
        "the full MNIST could not be downloaded" in message
        and "put the four official files" in message
    )
    assert not (tmp_path / "judge").exists()
    status, _, err = gancourse("judge")
    assert status == 2 and "--folder" in plain(err)


def test_being_stopped_is_a_message_too(gancourse, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt(
            "Training was stopped at step 2 of 3. The same call goes on from there."
        )

    monkeypatch.setattr("gancourse.school.lesson.train", stopped)
    status, _, err = gancourse(
        "train", "gan", "--folder", tmp_path, "--scale", "check", *TINY, "--source", "bundled"
    )
    assert (
        status == 130
        and "gancourse: Training was stopped at step 2 of 3." in err
        and "Traceback" not in err
    )


def test_being_stopped_before_the_training_is_a_message_too(gancourse, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt  # as Python raises it on Ctrl-C

    monkeypatch.setattr("gancourse.data.load", stopped)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path / "run", "--scale", "check")
    assert status == 130 and err == "\ngancourse: stopped\n"


def test_it_runs_as_a_module_and_as_an_entry_point():
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert 'gancourse = "gancourse.cli:main"' in text
    assert callable(cli.main)


# Pairs of one's own


PAIRS = ["-s", "shape=3,32,32", "-s", "width=2", "-s", "steps=1", "-s", "batch_size=2"]


@pytest.fixture
def photos(tmp_path):
    """photos/ with three pictures, and pairs/ with the same twice side by side."""
    for i in range(3):
        picture = Image.radial_gradient("L").resize((40, 40)).rotate(90 * i)
        picture = Image.merge(
            "RGB", (picture, Image.new("L", (40, 40), 60 * i), picture.rotate(45))
        )
        double = Image.new("RGB", (80, 40), "white")
        double.paste(picture, (40, 0))
        for name, image in (("photos", picture), ("pairs", double)):
            (tmp_path / name).mkdir(exist_ok=True)
            image.save(tmp_path / name / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "inputs", "name"),
    [
        (["--pairs", "photos", "--pairs", "photos", "--direction", "AtoB"], 3, "photos"),
        (["--pairs", "pairs", "--direction", "BtoA"], 3, "pairs"),
        (["--photos", "photos", "--kind", "edges"], 1, "photos"),
        (["--photos", "photos"], 1, "photos"),
    ],
)
def test_pix2pix_learns_from_pairs_of_ones_own(
    gancourse, photos, monkeypatch, options, inputs, name
):
    monkeypatch.chdir(photos)
    command = [
        "train",
        "pix2pix",
        "--folder",
        "run",
        "--scale",
        "check",
        *PAIRS,
        *options,
        "--device",
        "cpu",
    ]
    status, out, err = gancourse(*command)
    assert status == 0, err
    assert f"{name}: 3 (yours). 1 steps of 2." in out and "Step 1 after" in out
    config = json.loads(Path("run/config.json").read_text())
    assert (config["pictures"], config["inputs"]) == ("yours", inputs)
    assert gancourse("sample", "run", "-n", 4, "-o", "sheet.png")[0] == 0
    assert "none for 'yours'" in mistake(gancourse("evaluate", "run"))


def test_the_direction_says_which_half_is_the_input(photos):
    config = cli.parse("pix2pix", "check", ["shape=3,32,32"])
    white = [
        cli.own_pairs(config, [photos / "pairs"], direction, None, None)[1]["input"].min().item()
        == 255
        for direction in ("AtoB", "BtoA")
    ]
    assert white == [True, False]
    levels = [
        len(cli.own_pairs(config, [], None, photos / "photos", kind)[1]["input"].unique())
        for kind in ("edges", None)
    ]
    assert levels[0] <= 2 < levels[1], "edges are lines; grey is the default"


@pytest.mark.parametrize(
    ("chapter", "options", "words"),
    [
        ("pix2pix", ["--pairs", "pairs"], "--pairs needs --direction: AtoB if"),
        (
            "pix2pix",
            ["--pairs", "a", "--pairs", "b", "--pairs", "c", "--direction", "AtoB"],
            "3 folders of pairs",
        ),
        (
            "pix2pix",
            ["--pairs", "pairs", "--direction", "AtoB", "--photos", "photos"],
            "Both --pairs and --photos",
        ),
        ("pix2pix", ["--direction", "AtoB"], "--direction was given without --pairs"),
        (
            "pix2pix",
            ["--photos", "photos", "--direction", "AtoB"],
            "--direction was given without --pairs",
        ),
        ("pix2pix", ["--kind", "edges"], "--kind was given without --photos"),
        (
            "pix2pix",
            ["--pairs", "nowhere", "--direction", "AtoB"],
            "nowhere is missing. Name a folder",
        ),
        ("gan", ["--photos", "photos"], "are for pix2pix"),
        ("infogan", ["--pairs", "pairs", "--direction", "AtoB"], "are for pix2pix"),
    ],
)
def test_pairs_that_cannot_be_used_are_one_message(
    gancourse, photos, monkeypatch, chapter, options, words
):
    monkeypatch.chdir(photos)
    assert words in mistake(
        gancourse("train", chapter, "--folder", "run", "--scale", "check", *options)
    )
    assert not Path("run").exists()


# Drawings


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    """The folder of a run whose network has hardly learned to colour."""
    torch = pytest.importorskip("torch")
    from gancourse.chapters import pix2pix
    from gancourse.school import lesson

    folder = tmp_path_factory.mktemp("painter") / "run"
    config = pix2pix.Config.at("check", shape=(3, 32, 32), width=2, steps=1, batch_size=2)
    pairs = {
        name: torch.full((2, n, 32, 32), 255, dtype=torch.uint8)
        for name, n in (("input", 1), ("target", 3))
    }
    lesson.play(config, pairs, folder=folder, progress=False, device="cpu")
    return folder


@pytest.fixture
def drawings(tmp_path, monkeypatch):
    """Four drawings of different formats and sizes in a folder of their own, which is the working folder."""
    from PIL import ImageDraw

    place = tmp_path / "drawings"
    place.mkdir()
    monkeypatch.chdir(place)
    for name, size in (("cat.png", (60, 90)), ("dog.jpg", (300, 200)), ("owl.webp", (128, 128))):
        picture = Image.new("L", size, 255)
        ImageDraw.Draw(picture).ellipse([12, 12, size[0] - 12, size[1] - 12], outline=0, width=4)
        picture.convert("RGB").save(name)
    Path("sun.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><circle cx="36" cy="36" r="24" fill="none" '
        'stroke="#000" stroke-width="2"/></svg>'
    )
    return ["cat.png", "dog.jpg", "owl.webp", "sun.svg"]


@pytest.fixture
def colour(gancourse, painter):
    return lambda *given: gancourse("colour", *given, "--model", painter, "--size", 64)


def names(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_drawings_of_every_format_are_coloured_beside_them_or_in_a_folder(colour, drawings):
    status, out, err = colour(*drawings)
    made = {f"{Path(name).stem}-coloured.png" for name in drawings}
    assert status == 0, err
    assert set(out.split()) == made and names() == made | set(drawings) and "gancourse:" not in err
    for name in made:
        with Image.open(name) as picture:
            assert (picture.size, picture.mode, picture.format) == ((64, 64), "RGB", "PNG")
    assert colour(*drawings, "-o", "new/album")[0] == 0 and names("new/album") == made
    assert colour("cat.png", "-o", "tom.jpg")[:2] == (0, "tom.jpg\n")
    with Image.open("tom.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_picture_that_is_there_stays_without_force(colour, drawings):
    Path("cat-coloured.png").write_bytes(b"mine")
    assert "cat-coloured.png exists already" in mistake(colour("cat.png"))
    assert Path("cat-coloured.png").read_bytes() == b"mine"
    status, _, err = colour("cat.png", "dog.jpg")
    assert status == 1 and "cat-coloured.png exists already" in err and "1 of 2 drawings" in err
    assert Path("cat-coloured.png").read_bytes() == b"mine" and Path("dog-coloured.png").is_file()
    assert colour("cat.png", "--force")[0] == 0 and Path("cat-coloured.png").read_bytes() != b"mine"


def test_a_drawing_is_never_written_over(colour, drawings):
    before = Path("cat.png").read_bytes()
    for force in ([], ["--force"]):
        assert "cat.png would be written over" in mistake(
            colour("cat.png", "-o", "cat.png", *force)
        )
    assert Path("cat.png").read_bytes() == before and names() == set(drawings)


def bad_file(kind: str) -> str:
    """Make a file that is no drawing; its name."""
    import struct
    import zlib

    name = f"{kind}.png"
    if kind == "small":
        Image.new("L", (3, 3), 255).save(name)
    elif kind == "animated":
        frames = [Image.new("L", (40, 40), level) for level in (0, 255)]
        frames[0].save(name, save_all=True, append_images=frames[1:])
    elif kind == "deep":
        Image.new("I;16", (40, 40), 9).save(name)
    elif kind == "bomb":
        chunks = (
            (b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"")),
        )
        parts = [
            struct.pack(">I", len(b)) + t + b + struct.pack(">I", zlib.crc32(t + b))
            for t, b in chunks
        ]
        Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    elif kind == "blank":
        Image.new("L", (80, 80), 255).save(name)
    elif kind == "text":
        Path(name).write_text("no picture")
    return name


BAD = {
    "small": "3 x 3 pixels",
    "animated": "2 frames",
    "deep": "16 or more bits",
    "bomb": "megapixels",
    "blank": "No lines",
    "text": "cannot be opened",
    "missing": "is missing",
}


def test_a_bad_file_is_named_and_the_others_are_done(colour, drawings):
    bad = [bad_file(kind) for kind in BAD]
    before = names()
    status, out, err = colour(bad[0], "cat.png", *bad[1:], "owl.webp")
    assert status == 1 and out.split() == ["cat-coloured.png", "owl-coloured.png"]
    assert names() == before | {"cat-coloured.png", "owl-coloured.png"}, (
        "nothing else, and nothing half"
    )
    lines = [line for line in re.split("[\\r\\n]", err) if "gancourse:" in line]
    for name, words in zip(bad, BAD.values(), strict=True):
        assert any(name in line and words in line for line in lines), (name, lines)
    assert (
        f"{len(bad)} of {len(bad) + 2} drawings could not be coloured" in lines[-1]
        and "Traceback" not in err
    )


@pytest.mark.parametrize("kind", BAD)
def test_a_single_bad_file_is_one_message(colour, drawings, kind):
    name = bad_file(kind)
    before = names()
    message = mistake(colour(name))
    assert name in message and BAD[kind] in message and names() == before


def test_a_file_that_may_not_be_read_is_named(colour, drawings, monkeypatch):
    import builtins

    real = builtins.open

    def guarded(file, *given, **how):
        if str(file) == "cat.png":
            raise PermissionError(13, "Permission denied", "cat.png")
        return real(file, *given, **how)

    monkeypatch.setattr(builtins, "open", guarded)
    status, out, err = colour("cat.png", "owl.webp")
    assert status == 1 and "cat.png may not be read" in err and out == "owl-coloured.png\n"


def test_two_drawings_of_one_name_and_places_that_make_no_sense(colour, drawings):
    Path("cat.jpg").write_bytes(Path("dog.jpg").read_bytes())
    status, out, err = colour("cat.png", "cat.jpg", "-o", "out")
    assert status == 1 and "cat.jpg would go to out/cat-coloured.png like another one" in err
    assert out == "out/cat-coloured.png\n"
    assert "2 drawings were given, and one.png is one picture" in mistake(
        colour("cat.png", "dog.jpg", "-o", "one.png")
    )
    assert "out.gif was given; pictures are written as .png" in mistake(
        colour("cat.png", "-o", "out.gif")
    )


def test_a_model_that_colours_nothing_says_so_once(gancourse, drawings, photos):
    before = names()
    assert "from nothing" in mistake(gancourse("colour", "cat.png", "dog.jpg", "--model", "gan"))
    assert "called 'nobody'" in mistake(gancourse("colour", "cat.png", "--model", "nobody"))
    command = [
        "train",
        "pix2pix",
        "--folder",
        photos / "run",
        "--scale",
        "check",
        *PAIRS,
        "--device",
        "cpu",
    ]
    assert gancourse(*command, "--pairs", photos / "pairs", "--direction", "AtoB")[0] == 0
    assert "translates pictures of 3 channels" in mistake(
        gancourse("colour", "cat.png", "--model", photos / "run")
    )
    assert names() == before


def test_the_published_weights_colour_a_drawing(gancourse, tmp_path):
    drawing = tmp_path / "sun.svg"
    drawing.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
        '<circle cx="36" cy="36" r="26" fill="none" stroke="#000" stroke-width="2"/></svg>'
    )
    assert gancourse("colour", drawing, "--size", 128)[0] == 0
    with Image.open(tmp_path / "sun-coloured.png") as coloured:
        inside, paper = (
            np.array(coloured.convert("HSV").crop(box))
            for box in ((52, 52, 76, 76), (0, 0, 10, 10))
        )
    assert coloured.size == (128, 128)
    assert inside[..., 1].mean() > 60 and paper[..., 1].mean() < 20  # saturation, 0 to 255


@pytest.mark.parametrize("name", [["digits"], ["ring"], []])
@pytest.mark.parametrize("option", [["--trust"], ["--sha256", "0" * 64]])
def test_trust_is_for_official_pairs_only(gancourse, name, option):
    message = mistake(gancourse("data", *name, *option))
    assert (
        f"are for facades, maps, edges2shoes, and {name[0] if name else 'no name'} was given"
        in message
    )


def test_a_hash_that_is_none_is_refused(gancourse, tmp_path):
    assert "sha256='zz': not a SHA-256" in mistake(
        gancourse("data", "maps", "--data-root", tmp_path, "--sha256", "zz")
    )


def test_official_pairs_are_fetched_on_trust_only(gancourse, monkeypatch, tmp_path):
    from gancourse.data import archives

    status, _, words = gancourse("data", "facades", "--data-root", tmp_path)
    assert status == 1 and "--trust" in words
    monkeypatch.setattr(
        archives, "download", lambda name, root, *, sha256, trust: root / name if trust else None
    )
    status, said, _ = gancourse("data", "facades", "--trust", "--data-root", tmp_path / "my data")
    assert status == 0
    assert shlex.split(said)[3:7] == [
        "--pairs",
        str(tmp_path / "my data" / "facades" / "train"),
        "--direction",
        "BtoA",
    ]
