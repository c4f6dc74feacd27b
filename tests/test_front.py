"""The package's front: what it offers, again and again, whatever was imported in between."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import gancourse


def test_published_answers_as_often_as_it_is_asked():
    first = gancourse.published()
    gancourse.load(first[0])
    assert gancourse.published() == first and "gan" in first


def test_lazy_names():
    from gancourse import models, training

    assert gancourse.load is models.load and gancourse.train is training.train
    assert {"load", "train", "published", "__version__"} <= set(dir(gancourse))
    with pytest.raises(AttributeError, match="'gancourse' has no attribute 'lode'"):
        gancourse.lode  # noqa: B018


def packages() -> list[str]:
    found = [
        each.name for each in pkgutil.walk_packages(gancourse.__path__, "gancourse.") if each.ispkg
    ]
    return ["gancourse", *found]


@pytest.mark.parametrize("name", packages())
def test_no_module_hides_a_name_that_its_package_offers(name):
    """Importing a submodule writes its name over what the package has under it."""
    package = importlib.import_module(name)
    inside = {each.name for each in pkgutil.iter_modules(package.__path__)}
    offered = set(getattr(package, "__all__", ()))
    offered |= {
        key for key, value in vars(package).items() if callable(value) and not key.startswith("_")
    }
    assert inside & offered == set()


def test_importing_the_package_needs_no_torch():
    code = "import sys, gancourse; gancourse.published(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
