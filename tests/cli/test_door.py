"""What holds for every command: help, speed, errors, and names of any characters."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from gancourse import cli
from gancourse.cli.own import Own
from tests.cli.shell import TINY, mistake, plain

COMMANDS = {
    each.callback.__name__.replace("_", "-"): each.callback for each in cli.app.registered_commands
}


def test_the_help_lists_every_command():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    assert {"chapters", "train", "sample", "evaluate", "colour", "data", "run"} <= COMMANDS.keys()
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", plain(result.output)), name
    assert CliRunner().invoke(cli.app, []).output.strip() == result.output.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_explains_each_option(name, wide):
    result = CliRunner().invoke(cli.app, [name, "--help"])
    assert result.exit_code == 0
    text, command = plain(result.output), COMMANDS[name]
    assert inspect.getdoc(command).splitlines()[0].rstrip(".") in text
    for parameter in inspect.signature(command).parameters:
        flags = {"changes": "set", "list_parameters": "list"}
        flag = flags.get(parameter, parameter).replace("_", "-")
        assert re.search(rf"(--?{flag}|\b{parameter})\b", text, re.IGNORECASE), parameter


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], "train"),
        (["train", "--help"], "--scale"),
        (["chapters"], "published models: cgan"),
    ],
)
def test_it_answers_without_torch(arguments, words):
    code = (
        f"import sys; from gancourse import cli; sys.argv = ['gancourse', *{arguments}]\n"
        "try: cli.main()\nexcept SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'accelerate', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and words in plain(done.stdout), done.stderr


def test_it_runs_as_a_module_and_as_an_entry_point(repository):
    assert 'gancourse = "gancourse.cli:main"' in (repository / "pyproject.toml").read_text()
    module = [sys.executable, "-m", "gancourse.cli", "chapters"]  # as `accelerate launch -m` does
    done = subprocess.run(module, capture_output=True, text=True, cwd=repository)
    assert done.returncode == 0 and "published models" in done.stdout


def test_an_unknown_chapter_model_or_command(gancourse, tmp_path):
    assert mistake(gancourse("train", "gam", "--folder", tmp_path)).startswith(
        "chapter=gam: not known; choose one of: gan"
    )
    assert mistake(gancourse("sample", "gam", "-o", tmp_path / "x.png")).startswith("'gam': ")
    status, _, err = gancourse("trian", "gan")
    assert status == 2 and "No such command 'trian'" in plain(err)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path, "--scale", "huge")
    assert status == 2 and "huge" in plain(err) and "check" in plain(err)


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


@pytest.mark.parametrize(
    "command",
    [["sample", "pix2pix"], ["evaluate", "pix2pix"], ["colour", "x.png"]],
)
def test_a_device_that_is_not_there(gancourse, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert mistake(gancourse(*command, "--device", "tpu")).startswith("device='tpu': this machine")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["train", "gan", *TINY, "--folder", ""], "--folder"),
        (["train", "gan", *TINY, "--folder="], "--folder"),
        (["train", "gan", *TINY, "--folder", "run", "--data", ""], "--data"),
        (["sample", ""], "an argument"),
        (["sample", "gan", "-o", ""], "-o"),
        (["evaluate", "", "-n", 100], "an argument"),
        (["evaluate", "gan", "--data="], "--data"),
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
    assert mistake(gancourse(*arguments)).startswith(f"{option}: empty; give a name.")
    assert not list(tmp_path.iterdir())


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
    assert "MNIST could not be downloaded" in message and not Path("run").exists()


def test_being_stopped_is_a_message_too(gancourse, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt("Training was stopped at step 2 of 3.")

    monkeypatch.setattr("gancourse.training.train", stopped)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path, *TINY, "-s", "form=toy")
    assert status == 130 and "gancourse: Training was stopped at step 2 of 3." in err
    assert "Traceback" not in err


def test_being_stopped_before_the_training_is_a_message_too(gancourse, tmp_path, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt  # as Python raises it on Ctrl-C

    monkeypatch.setattr("gancourse.data.load", stopped)
    status, _, err = gancourse("train", "gan", "--folder", tmp_path / "run", "--scale", "check")
    assert status == 130 and err == "\ngancourse: stopped\n"


def test_a_warning_of_ours_is_a_message_and_another_names_its_place():
    assert cli.warned("Few.", UserWarning, cli.training.__file__, 7) == "gancourse: Few.\n"
    assert cli.warned("Old.", UserWarning, "/x/torch.py", 7) == "/x/torch.py:7: UserWarning: Old.\n"


# Names of any characters (field case F): every output can hold every name, if need be as escapes.

CAT = "\u732b"  # no character of cp1252 or ASCII
NO_TEXT = os.fsdecode(b"\xff")  # a name that no decoder made
CALL = """
import json, sys
from gancourse import cli

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["gancourse", *arguments]
    try:
        cli.main()
    except SystemExit as stop:
        print("status", stop.code)
"""


def commands(*calls: list[str], encoding: str, cwd: Path) -> tuple[list[int], str]:
    """(exit statuses, both outputs) of commands in one process whose output has this encoding."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, json.dumps(calls)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    said = done.stdout.decode("utf-8", errors="replace")
    assert done.returncode == 0 and "Traceback" not in said, said
    return [int(status) for status in re.findall(r"^status (\d+)", said, re.MULTILINE)], said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoding"), [(CAT, "cp1252"), (CAT, "ascii"), (NO_TEXT, "utf-8"), (NO_TEXT, "ascii")]
)
def test_files_of_any_name_are_read_and_written(photos, name, encoding):
    (photos / "photos").rename(photos / name)
    drawing = Image.new("L", (80, 80), 255)
    ImageDraw.Draw(drawing).ellipse([12, 12, 68, 68], outline=0, width=4)
    drawing.save(photos / f"{name}.png")
    run = f"run {name}" if name == CAT else "run"  # see the next test
    sheet, album = f"sheet {name}.png", f"album {name}"
    train = ["train", "gan", "--data", name, "--folder", run, *TINY, "-s", "shape=3,32,32"]
    sample = ["sample", run, "-n", "4", "-o", sheet]
    colour = ["colour", f"{name}.png", "--size", "32", "-o", album]
    again = ["evaluate", run]
    found, said = commands(train, sample, colour, again, encoding=encoding, cwd=photos)
    assert found == [0, 0, 0, 1], said
    assert (photos / run / "data.json").is_file() and (photos / sheet).is_file()
    assert (photos / album / f"{name}-coloured.png").is_file()
    assert Own.of_run(photos / run).folder == (photos / name).resolve()
    assert ": 8 samples (yours)" in said and "8 pictures, fewer than 1,000; expect that" in said


def test_a_run_is_not_begun_in_a_folder_that_could_not_be_read_again(gancourse, tmp_path):
    run = tmp_path / f"run {NO_TEXT}"
    message = mistake(gancourse("train", "gan", "--folder", run, *TINY, "-s", "form=toy"))
    assert message.startswith("'\\udcff': a character that cannot be written as utf-8")
    assert not run.exists()


@pytest.mark.slow
def test_an_error_about_a_name_can_be_printed(tmp_path):
    before = [[], ["chapters"], ["data"], ["run"], ["publish", "x"], ["evaluate"], ["sample"]]
    before += [["train", "gan", "--folder", "run", "-s"], ["judge", "--folder", "run", "--"]]
    before += [["colour"], ["notebooks", "student"], ["sample", "pix2pix", "-o"]]
    calls = [[*words, word] for words in before for word in (CAT, NO_TEXT)]
    found, said = commands(*calls, encoding="cp1252", cwd=tmp_path)
    assert len(found) == len(calls) and set(found) == {1, 2}, said
    assert said.count("\\u732b") >= len(before) and said.count("\\udcff") >= len(before)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_encoded_is_one_message(gancourse, monkeypatch):
    monkeypatch.setattr("gancourse.cli.catalogue.listing", lambda: f"a{NO_TEXT}b".encode())
    message = mistake(gancourse("chapters"))
    assert message.startswith("'\\udcff': a character that cannot be written as utf-8")
