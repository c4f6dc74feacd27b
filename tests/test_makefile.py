"""`make` makes its environment once, again when it must, and says in one line what stands in its
way.

Nothing is installed here: a make-believe Python plays the system's and the environment's
    interpreter, and its pip says
what it is told to say.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = [
    "sh",
    "make",
    "awk",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "dirname",
    "grep",
    "mkdir",
    "ps",
    "rm",
    "sleep",
    "tail",
]
TOOLS += ["tee", "touch", "uname"]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

# $PRETEND is a folder: `version`, `no-venv`, `pip-says` and `pip-waits` in it decide what
# happens; `calls` notes it.
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) cat "$PRETEND/version" ;;
    *ensurepip*) test ! -e "$PRETEND/no-venv" ;;
    "-m venv "*) echo venv >>"$PRETEND/calls"; mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip "*)
        echo pip >>"$PRETEND/calls"
        while [ -e "$PRETEND/pip-waits" ]; do sleep 0.02; done
        if [ -e "$PRETEND/pip-says" ]; then cat "$PRETEND/pip-says"; exit 1; fi ;;
esac
"""


class Checkout:
    """A copy of the Makefile in a folder whose name has a space, on a machine with nothing but the
    basic tools.
    """

    def __init__(self, folder: Path):
        self.folder, self.pretend, self.tools = (
            folder / "my course",
            folder / "pretend",
            folder / "tools",
        )
        for made in (self.folder / ".ci", self.pretend, self.tools):
            made.mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", ".ci/environment"):
            shutil.copy(ROOT / name, self.folder / name)
        for name in filter(shutil.which, TOOLS):
            (self.tools / name).symlink_to(shutil.which(name))
        self.python("python3.12", "3.12")
        # Room enough, whatever this machine's disk holds.
        self.disk(free_gigabytes=50)

    def python(self, name: str, version: str) -> None:
        self.tool(name, PYTHON)
        (self.pretend / "version").write_text(version)

    def disk(self, free_gigabytes: float) -> None:
        free = int(free_gigabytes * 2**20)
        self.tool(
            "df",
            f"#!/bin/sh\necho header\necho '//server/our share 900 9 {free} 99% /mnt/our share'\n",
        )

    def tool(self, name: str, text: str) -> None:
        (self.tools / name).unlink(missing_ok=True)
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": str(self.tools), "PRETEND": str(self.pretend)}

    def make(self, *arguments: str) -> subprocess.CompletedProcess:
        command = ["make", *(arguments or ["environment"])]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def calls(self) -> list[str]:
        """What the make-believe Python was asked to do since the last time."""
        path = self.pretend / "calls"
        asked = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return asked

    def refusal(self, *arguments: str) -> str:
        """The one line in which a failing make says why."""
        done = self.make(*arguments)
        assert done.returncode != 0
        (line,) = (line for line in done.stderr.splitlines() if not line.startswith("make"))
        assert line.startswith("gancourse: ") and len(line) < 200
        return line


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path)


def test_made_once(checkout):
    first = checkout.make()
    assert first.returncode == 0, first.stderr
    assert checkout.calls() == ["venv", "pip"]
    second = checkout.make()
    assert (second.returncode, second.stdout, checkout.calls()) == (0, "", [])


def test_filled_again_when_the_settings_change(checkout):
    checkout.make()
    checkout.calls()
    with (checkout.folder / "pyproject.toml").open("a") as file:
        file.write("\n# another dependency\n")
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["pip"]
    checkout.make()
    assert checkout.calls() == []


def test_touching_the_settings_costs_nothing(checkout):
    """A switch of branches and back gives files a new date, not a new content."""
    checkout.make()
    checkout.calls()
    (checkout.folder / "pyproject.toml").touch()
    checkout.make()
    assert checkout.calls() == []


def wait_for_the_end_of(group: int) -> None:
    """Until the last process of a group that was killed is gone: a kill is not waited for."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True)
        alive = [line.split() for line in listed.stdout.splitlines()]
        if not any(int(pgid) == group and not stat.startswith("Z") for pgid, stat in alive):
            return
        time.sleep(0.02)


def test_an_install_cut_short_is_started_over(checkout):
    (checkout.pretend / "pip-waits").touch()
    where = {"cwd": checkout.folder, "env": checkout.environment, "stdout": subprocess.DEVNULL}
    running = subprocess.Popen(
        ["make", "environment"], start_new_session=True, stderr=subprocess.DEVNULL, **where
    )
    try:
        until = time.monotonic() + 120
        while "pip" not in checkout.calls():
            assert time.monotonic() < until, "pip was never called"
            time.sleep(0.02)
        assert "another make" in checkout.refusal()
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        wait_for_the_end_of(running.pid)
    (checkout.pretend / "pip-waits").unlink()
    (checkout.folder / ".venv/half-installed").touch()
    checkout.calls()

    again = checkout.make()
    assert again.returncode == 0
    assert "cut short" in again.stdout
    assert checkout.calls() == ["venv", "pip"]
    assert not (checkout.folder / ".venv/half-installed").exists()


def test_an_environment_of_the_readers_own_is_kept(checkout):
    checkout.make()
    (checkout.folder / ".venv/gancourse-installed").unlink()
    (checkout.folder / ".venv/mine").touch()
    checkout.calls()
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["pip"]
    assert (checkout.folder / ".venv/mine").exists()


def test_a_moved_folder_gets_a_new_environment(checkout):
    """Scripts in an environment name its old place, where another copy may lie."""
    checkout.make()
    checkout.calls()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["venv", "pip"]


def test_a_python_that_was_removed_is_replaced(checkout):
    checkout.make()
    checkout.calls()
    (checkout.folder / ".venv/bin/python").unlink()
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["venv", "pip"]


def test_a_name_that_does_not_run_is_passed_over(checkout):
    """Version managers put names on the path that only print an error."""
    checkout.tool("python3.13", "#!/bin/sh\necho no such version >&2\nexit 127\n")
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["venv", "pip"]


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.14", "2.7"])
def test_a_wrong_python_is_named(checkout, version):
    checkout.python("python3.12", version)
    line = checkout.refusal()
    assert version in line and "3.11" in line and "PYTHON=" in line
    assert checkout.calls() == []


def test_no_python_at_all(checkout):
    (checkout.tools / "python3.12").unlink()
    assert "none" in checkout.refusal()


def test_the_python_asked_for_is_taken(checkout):
    checkout.python("another python", "3.11")
    (checkout.tools / "python3.12").unlink()
    assert checkout.make("environment", "PYTHON=another python").returncode == 0
    assert checkout.calls() == ["venv", "pip"]


def test_the_python_asked_for_must_fit(checkout):
    checkout.python("old", "3.8")
    assert "found 3.8 as old" in checkout.refusal("environment", "PYTHON=old")


def test_a_missing_venv_module_is_named_with_its_remedy(checkout):
    (checkout.pretend / "no-venv").touch()
    assert "sudo apt install python3.12-venv" in checkout.refusal()


def test_a_full_disk_is_seen_before(checkout):
    checkout.disk(free_gigabytes=1.5)
    line = checkout.refusal()
    assert "disk" in line and " 1 GB" in line
    assert checkout.calls() == []
    assert not (checkout.folder / ".venv").exists()


def test_a_disk_that_fills_up_is_named_and_the_install_started_over(checkout):
    (checkout.pretend / "pip-says").write_text(
        "ERROR: Could not install: [Errno 28] No space left on device\n"
    )
    assert "disk is full" in checkout.refusal()
    (checkout.pretend / "pip-says").unlink()
    checkout.calls()
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["venv", "pip"]


def test_a_half_done_update_is_not_trusted_when_the_settings_go_back(checkout):
    checkout.make()
    settings = checkout.folder / "pyproject.toml"
    before = settings.read_text()
    settings.write_text("# another branch\n")
    (checkout.pretend / "pip-says").write_text("ERROR: [Errno 28] No space left on device\n")
    checkout.refusal()
    settings.write_text(before)
    (checkout.pretend / "pip-says").unlink()
    checkout.calls()
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["venv", "pip"]


def test_no_network_is_named_and_what_is_there_is_kept(checkout):
    checkout.make()
    (checkout.folder / "pyproject.toml").write_text("# changed while on a train\n")
    (checkout.pretend / "pip-says").write_text(
        "WARNING: Retrying after connection broken by 'NewConnectionError: Temporary failure in "
        "name resolution'\nERROR: No matching distribution found for torch>=2.6\n"
    )
    assert "no network" in checkout.refusal()
    (checkout.pretend / "pip-says").unlink()
    checkout.calls()
    assert checkout.make().returncode == 0
    assert checkout.calls() == ["pip"]


def test_a_machine_without_pytorch_is_named(checkout):
    (checkout.pretend / "pip-says").write_text(
        "ERROR: No matching distribution found for torch>=2.6\n"
    )
    assert "no PyTorch for this machine" in checkout.refusal()


def test_any_other_failure_quotes_pip(checkout):
    (checkout.pretend / "pip-says").write_text("ERROR: ResolutionImpossible\n")
    line = checkout.refusal()
    assert "ResolutionImpossible" in line and "gancourse-install.log" in line


@pytest.mark.parametrize(
    "target, action",
    [("notebooks", "refresh"), ("jupyter", "jupyter"), ("student", "student")],
)
def test_notebooks_are_given_to_the_environments_own_command(checkout, target, action):
    """Whatever the folder of the environment is called."""
    checkout.make("environment", "VENV=my venv")
    (checkout.folder / "notebooks").mkdir()
    (checkout.folder / "notebooks" / "01_gan.ipynb").touch()
    command = checkout.folder / "my venv" / "bin" / "gancourse"
    command.write_text('#!/bin/sh\necho called with $#: "$*"\n')
    command.chmod(0o755)
    done = checkout.make(target, "VENV=my venv")
    assert done.returncode == 0, done.stderr
    assert f": notebooks {action} notebooks/01_gan.ipynb" in done.stdout


def test_help_names_every_target(checkout):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    shown = checkout.make("help").stdout
    assert (
        checkout.make("--always-make", "--dry-run").stdout.count("make") > 5
    )  # `make` alone is `make help`
    missing = [name for name in phony.split() if f"make {name} " not in shown]
    assert missing == ["help", "environment", "build-book"]


def test_integration_runs_what_readers_type():
    lines = [
        line
        for line in (ROOT / ".ci/run").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines == ["set -eu", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
