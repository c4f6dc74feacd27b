"""The package is what it says: its metadata agree with each other, and the wheel brings the bundled
data along.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
# What a package is called where, when the names differ: as imported -> with pip; with conda ->
# with pip.
IMPORTED_AS = {
    "PIL": "pillow",
    "IPython": "ipython",
    "cycler": "matplotlib",
    "skimage": "scikit-image",
    "resvg_py": "resvg-py",
    "jupyter_client": "jupyter-client",
    "markdown_it": "markdown-it-py",
    "mdit_py_plugins": "mdit-py-plugins",
}
FOUND_IF_THERE = {"pynvml"}  # and nothing is lost without it
CONDA_CALLS_IT = {"pytorch": "torch"}
# Folders beside the package that an installed package holds, and under which name.
CARRIED = {"data": "_bundled", "runs": "_runs"}
SCRIPTS = {".py", ".mjs", ".sh"}  # what made the data stays behind
FILMS = {"film.webp", "film-still.png"}  # and what only the book shows
EXECUTED = ROOT / "runs" / "notebooks"


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by name: the core and the named extras."""
    lines = [
        *PROJECT["dependencies"],
        *(line for extra in extras for line in PROJECT["optional-dependencies"][extra]),
    ]
    return {parsed.name: parsed for parsed in map(Requirement, lines)}


def test_core_has_lower_bounds_and_no_pins():
    """A pin would replace the torch that Colab, conda or a cluster brings."""
    for requirement in requirements().values():
        assert [part.operator for part in requirement.specifier] == [">="], str(requirement)


def test_dev_is_everything():
    assert PROJECT["optional-dependencies"]["dev"] == ["gancourse[book,test]"]


@pytest.mark.parametrize(
    "name, version",
    [
        ("torch", "2.11"),
        ("torchvision", "0.26"),
        ("numpy", "2.1"),
        ("matplotlib", "3.10"),
        ("ipywidgets", "7.7.1"),
    ],
)
def test_what_colab_has_is_enough(name, version):
    """Colab's own versions satisfy the bounds, so that installing there replaces nothing."""
    assert version in requirements()[name].specifier


def test_colabs_python_is_enough():
    assert all(
        version in SpecifierSet(PROJECT["requires-python"]) for version in ("3.11", "3.12", "3.13")
    )


def test_every_import_is_declared(repository):
    """Whatever gancourse/ imports comes with `pip install gancourse`, not by the luck of another
    package's needs.
    """
    imported = set()
    book = yaml.safe_load((repository / "_config.yml").read_text(encoding="utf-8"))
    # Imported by Sphinx, and by nobody else.
    extensions = {
        repository / f"{name.replace('.', '/')}.py"
        for name in book["sphinx"]["config"]["extensions"]
    }
    for path in {*(repository / "gancourse").rglob("*.py")} - extensions:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"__future__", "gancourse"} - FOUND_IF_THERE
    assert {"torch"} <= foreign
    assert {IMPORTED_AS.get(name, name) for name in foreign} - requirements().keys() == set()


def test_conda_and_pip_ask_for_the_same():
    """environment.yml repeats the bounds of what it takes from conda-forge and leaves the rest to
    pyproject.toml.
    """
    from_conda = {}
    from_pip = None
    for entry in CONDA["dependencies"]:
        if isinstance(entry, dict):
            from_pip = entry["pip"]
        else:
            name, bounds = re.fullmatch(r"([\w-]+)(.*)", entry).groups()
            from_conda[CONDA_CALLS_IT.get(name, name)] = SpecifierSet(bounds)
    assert from_pip == ["-e .[dev]"]

    python = from_conda.pop("python")
    assert all(version in python for version in ("3.11", "3.12", "3.13"))
    assert not any(version in python for version in ("3.10", "3.14"))
    assert from_conda.pop("pip") == from_conda.pop("make") == SpecifierSet()

    asked = requirements("book", "test")
    assert from_conda == {name: asked[name].specifier for name in from_conda}
    # A torch of conda and a torchvision of pip do not fit each other: both come from one place.
    assert {"torch", "torchvision"} <= from_conda.keys()


# --- what is built ---


def run(*command, **options) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel, as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "--wheel-dir",
        folder,
        cwd=ROOT,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> zipfile.ZipFile:
    (path,) = built.glob("gancourse-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.slow
@pytest.mark.parametrize("folder, inside", CARRIED.items())
def test_wheel_carries_the_folder_byte_for_byte(
    wheel, repository, repository_files, folder, inside
):
    source = repository / folder
    ours = [
        path
        for path in repository_files
        if path.is_relative_to(source)
        and path.suffix not in SCRIPTS
        and path.name not in FILMS
        and EXECUTED not in path.parents
    ]
    expected = {f"gancourse/{inside}/{path.relative_to(source).as_posix()}": path for path in ours}
    found = {name for name in wheel.namelist() if name.startswith(f"gancourse/{inside}/")}
    assert found == expected.keys()
    assert [name for name, path in expected.items() if wheel.read(name) != path.read_bytes()] == []


@pytest.mark.slow
def test_the_wheel_stays_small(built):
    (path,) = built.glob("gancourse-*.whl")
    assert path.stat().st_size < 73_000_000


@pytest.mark.slow
def test_wheel_has_what_the_manifest_lists(wheel):
    manifest = json.loads(wheel.read("gancourse/_bundled/manifest.json"))
    assert manifest
    assert {f"gancourse/_bundled/{name}" for name in manifest} <= set(wheel.namelist())


@pytest.mark.slow
def test_wheel_has_the_package_and_nothing_else(wheel, repository, repository_files):
    code = {
        path.relative_to(repository).as_posix() for path in repository_files if path.suffix == ".py"
    }
    code = {name for name in code if name.startswith("gancourse/")}
    assert code <= set(wheel.namelist())
    assert {name.partition("/")[0].partition("-")[0] for name in wheel.namelist()} == {"gancourse"}
    assert not [
        name for name in wheel.namelist() if "__pycache__" in name or ".ipynb_checkpoints" in name
    ]
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.slow
def test_installed_package_finds_its_data(built, tmp_path):
    """Installed elsewhere, started elsewhere: the bundled files are those of the installed
    package.
    """
    target = tmp_path / "site"
    (path,) = built.glob("gancourse-*.whl")
    run("-m", "pip", "install", "--no-deps", "--quiet", "--target", target, path)
    code = "import gancourse.files as files; print(files.__file__, files.BUNDLED, files.DOSSIERS, sep='\\n')"
    paths = run(
        "-c", code, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(target)}
    ).splitlines()
    assert [Path(name).relative_to(target / "gancourse").as_posix() for name in paths] == [
        "files.py",
        "_bundled",
        "_runs",
    ]
    assert (target / "gancourse/_bundled/manifest.json").is_file()


@pytest.mark.slow
def test_editable_install_takes_the_data_of_the_checkout(tmp_path):
    """One .pth line and no second copy of the data, which would grow stale unseen."""
    run(
        "-c",
        f"from hatchling.build import build_editable; build_editable({str(tmp_path)!r})",
        cwd=ROOT,
    )
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        (pth,) = (name for name in archive.namelist() if name.endswith(".pth"))
        assert Path(archive.read(pth).decode().strip()) == ROOT
        assert not [name for name in archive.namelist() if name.startswith("gancourse/")]


@pytest.mark.slow
def test_source_archive_builds_the_same_wheel(tmp_path, wheel):
    run("-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    run(
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        tmp_path,
        cwd=tmp_path / path.name.removesuffix(".tar.gz"),
    )
    (again,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(again) as archive:
        assert set(archive.namelist()) == set(wheel.namelist())
