"""What every test stands on: one thread, no display, no network, no cache and no settings of the
person who runs it.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

# Before anything imports torch or matplotlib: these are read once. Processes that a test starts
# inherit them.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PIP_NO_INDEX"] = "1"

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ["build", "--all", "-W", "--keep-going", "-n"]  # as `make book` does


def pytest_collection_modifyitems(items):
    """A folder says what its tests are: tests/learning trains, tests/live starts browsers,
    tests/book reads the built book.
    """
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "learning"):
            item.add_marker("learning")
            item.add_marker("slow")
        elif item.path.is_relative_to(ROOT / "tests" / "live"):
            item.add_marker("slow")
        elif item.path.is_relative_to(ROOT / "tests" / "book"):
            item.add_marker("book")


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch, tmp_path_factory):
    """An empty home (so an empty cache), none of the course's environment variables, and no proxy
    as a way out.
    """
    home = tmp_path_factory.mktemp("home")
    # Tools that keep their own files in the home may go on using them.
    monkeypatch.setenv(
        "MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR") or str(Path.home() / ".cache" / "matplotlib")
    )
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    unwanted = ("GANCOURSE_", "XDG_")
    for name in [
        name for name in os.environ if name.startswith(unwanted) or name.lower().endswith("_proxy")
    ]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Global generators start at 0, for a library that draws from them unasked.

    Our own code takes a seed.
    """
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A connection to any other machine fails at once, with a name for the culprit.

    This machine may talk to itself.
    """
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guarded(name):
        def connect(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
                raise NetworkUsed(
                    f"a test tried to reach {address[0]}:{address[1]}; tests use no network"
                )
            return real[name](self, address)

        return connect

    for name in real:
        monkeypatch.setattr(socket.socket, name, guarded(name))
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if not is_here(host):
            raise NetworkUsed(f"a test tried to look up {host!r}; tests use no network")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


class NetworkUsed(OSError):
    """A test reached for the network."""


def is_here(host) -> bool:
    """Whether a host name or address means this very machine."""
    name = host.decode() if isinstance(host, bytes) else host or ""
    return name in (
        "",
        "localhost",
        "::1",
        "::",
        "0.0.0.0",
        socket.gethostname(),
    ) or name.startswith("127.")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def repository_files() -> list[Path]:
    """Every file that belongs to the repository: what git tracks or would add, or all but caches
    outside a checkout.
    """
    found = None
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if listed.returncode == 0:
            found = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    if found is None:
        ignored = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().split())]
        found = (
            path
            for path in ROOT.rglob("*")
            if not any(
                fnmatch(part, name) for part in path.relative_to(ROOT).parts for name in ignored
            )
        )
    return sorted(path for path in found if path.is_file())


def is_current(index: Path) -> bool:
    """Whether a built book, of which `index` was written last, is at least as new as everything it
    was made of.
    """
    if not index.is_file():
        return False
    sources = [ROOT / "_config.yml", ROOT / "_toc.yml"]
    sources += [
        path
        for room in ("book", "notebooks")
        for path in (ROOT / room).rglob("*")
        if path.is_file()
    ]
    return max(path.stat().st_mtime for path in sources) <= index.stat().st_mtime


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Path:
    """The folder of pages that `make book` wrote, or else one built here with every warning an
    error.
    """
    built = ROOT / "_build" / "html"
    if is_current(built / "searchindex.js"):  # index.html stays as the first build wrote it
        return built
    output = tmp_path_factory.mktemp("book")
    program = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [program, *BUILD, "--path-output", output, ROOT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return output / "_build" / "html"
