"""What holds for every command: help, speed, errors, and names of any characters."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gancourse import cli
from tests.cli.shell import TINY, mistake, plain

COMMANDS = {each.callback.__name__: each.callback for each in cli.app.registered_commands}


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
    assert "published run" not in text, "no published run is the full recipe"


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


def test_a_warning_of_ours_is_a_message_and_another_names_its_place(gancourse, monkeypatch):
    def warn(*arguments):
        warnings.warn_explicit("Three were left out.", UserWarning, cli.training.__file__, 7)
        warnings.warn_explicit("Old.", UserWarning, "/somewhere/torch.py", 7)

    monkeypatch.setattr("gancourse.data.listing", warn, raising=False)
    monkeypatch.setattr("gancourse.cli.catalogue.listing", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        _, _, err = gancourse("chapters")
    assert err.startswith(
        "gancourse: Three were left out.\n/somewhere/torch.py:7: UserWarning: Old."
    )


# Names of any characters (field case F): every output can hold every name, if need be as escapes.

CAT = "\u732b"  # no character of cp1252 or ASCII
OUTPUTS = ("cp1252", "ascii")


def command(*arguments: str | bytes, encoding: str | None = None, cwd: Path) -> tuple[int, str]:
    """(exit status, both outputs) of the command in a process of its own."""
    variables = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    if encoding:
        variables["PYTHONIOENCODING"] = encoding
    done = subprocess.run(
        [sys.executable, "-m", "gancourse.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=variables,
    )
    said = done.stdout.decode("utf-8", errors="replace")
    assert "Traceback" not in said, said
    return done.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("encoding", OUTPUTS)
def test_files_of_any_name_are_read_and_written_whatever_the_output_can_print(photos, encoding):
    (photos / "photos").rename(photos / CAT)
    run, sheet = f"run {CAT}", f"{CAT}.png"
    arguments = ["train", "gan", "--data", CAT, "--folder", run, *TINY, "-s", "shape=3,32,32"]
    status, said = command(*arguments, encoding=encoding, cwd=photos)
    assert status == 0 and (photos / run / "summary.json").is_file(), said
    status, said = command("sample", run, "-n", "4", "-o", sheet, encoding=encoding, cwd=photos)
    assert status == 0 and (photos / sheet).is_file() and ": 4 samples of run " in said
    drawings = [f"{CAT}/1.png", f"{CAT}/2.png"]
    arguments = ["colour", *drawings, "--size", "32", "-o", f"out {CAT}"]
    status, said = command(*arguments, encoding=encoding, cwd=photos)
    assert status == 0 and len(list((photos / f"out {CAT}").iterdir())) == 2, said


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_names_that_are_no_text_at_all(photos):
    bad = os.fsdecode(b"\xff")
    (photos / "photos").rename(photos / bad)
    arguments = ["train", "gan", "--data", bad, "--folder", f"run{bad}", *TINY]
    status, said = command(*arguments, "-s", "shape=3,32,32", cwd=photos)
    assert status == 0 and "\\udcff: 8 samples" in said
    status, said = command("sample", f"run{bad}", "-n", "4", "-o", f"{bad}.png", cwd=photos)
    assert status == 0 and (photos / f"{bad}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("word", [CAT.encode(), b"\xff"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        (["chapters"], []),
        (["data"], []),
        (["run"], []),
        (["publish"], ["run"]),
        (["evaluate"], []),
        (["train", "gan", "--folder", "run", "-s"], []),
        (["sample", "gan", "-o"], []),
    ],
)
def test_an_error_about_a_name_can_be_printed(tmp_path, word, before, after):
    status, said = command(*before, word, *after, encoding="cp1252", cwd=tmp_path)
    assert status in (1, 2) and ("\\u732b" in said or "\\udcff" in said)


def test_what_cannot_be_encoded_is_one_message(gancourse, monkeypatch):
    monkeypatch.setattr("gancourse.cli.catalogue.listing", lambda: "a\udcffb".encode())
    message = mistake(gancourse("chapters"))
    assert message.startswith("'\\udcff': a character that cannot be written as utf-8")
