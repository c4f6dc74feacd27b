from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import gancourse
from gancourse import files, models
from gancourse.chapters import configure
from gancourse.chapters.gan import Config
from gancourse.files import CourseError, DamagedFile
from gancourse.press.dossier import changes
from gancourse.training import train
from tests.games import play

FORMS = {
    "dcgan": {"form": "dcgan", "width": 2, "latent": 6, "ema": 0.9},
    "mlp": {"form": "mlp", "width": 8, "latent": 6, "ema": 0.0},
    "toy": {"form": "toy", "width": 8, "latent": 6},
}


@pytest.fixture
def a_run(tmp_path):
    """Train a form for three steps into a folder."""

    def make(form: str = "mlp", folder: str = "run"):
        torch.manual_seed(0)
        game = Config.at("check", batch_size=8, **FORMS[form]).build()
        data = {"image": torch.zeros(16, 1, 28, 28, dtype=torch.uint8), "point": torch.randn(16, 2)}
        few = {"preview": lambda game: game.sample(4), "channels_last": False}
        return play(
            game, {game.key: data[game.key]}, 3, tmp_path / folder, **few
        ), tmp_path / folder

    return make


@pytest.fixture
def a_shelf(tmp_path, monkeypatch):
    """Put a game's weights where the published ones lie, in a bundled folder of this test's own."""
    shelf = tmp_path / "bundled"
    for module in (files, models):
        monkeypatch.setattr(module, "BUNDLED", shelf)

    def put(name: str, game, settings: dict | None = None) -> Path:
        folder = shelf / "weights" / name
        folder.mkdir(parents=True)
        save_file(
            {key: value.contiguous() for key, value in game.state_dict().items()},
            folder / "model.safetensors",
        )
        files.write_json(
            folder / "config.json",
            settings or {"chapter": "gan", **FORMS["mlp"], "shape": [1, 28, 28]},
        )
        listed = {
            path.relative_to(shelf).as_posix(): {
                "sha256": files.sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in shelf.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        }
        files.write_json(shelf / "manifest.json", listed)
        return folder

    return put


@pytest.mark.parametrize("form", FORMS)
def test_a_runs_folder_gives_the_game_that_the_run_gave(a_run, form):
    record, folder = a_run(form)
    game = gancourse.load(folder)
    assert torch.equal(game.sample(5, seed=3), record.game.sample(5, seed=3))
    assert not any(module.training for module in game.modules())
    assert not any(parameter.requires_grad for parameter in game.parameters())
    assert game.config.form == form and isinstance(game.config.shape, tuple)


def test_loading_takes_no_random_numbers(a_run):
    _, folder = a_run("dcgan")
    state = torch.get_rng_state()
    gancourse.load(folder)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan", "srresnet"])
def test_loading_a_published_model_does_not_import_torchs_compiler(name):
    """On the meta device the first draw of weights does, for seconds and 160 MB."""
    code = f"import sys, gancourse; gancourse.load({name!r}); print('sympy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_averaged_weights_outrank_the_last_ones(a_run):
    record, folder = a_run("dcgan")
    game = gancourse.load(str(folder))
    averaged, last = record.game.generator.state_dict(), record.game.discriminator.state_dict()
    assert all(
        torch.equal(value, averaged[name]) for name, value in game.generator.state_dict().items()
    )
    assert all(
        torch.equal(value, last[name]) for name, value in game.discriminator.state_dict().items()
    )


def test_a_damaged_checkpoint_gives_the_one_before_with_a_warning(a_run):
    record, folder = a_run()
    for path in (folder / "checkpoints").glob("step-*/tensors.safetensors"):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="passed over"),
        pytest.raises(CourseError, match="no complete checkpoint yet"),
    ):
        gancourse.load(folder)


def test_a_published_model_is_verified_and_has_the_one_lines_promise(a_shelf):
    torch.manual_seed(0)
    game = Config.at("check", **FORMS["mlp"]).build()
    folder = a_shelf("gan", game)
    assert models.published() == ["gan"]
    samples = gancourse.load("gan").sample(64, seed=0)
    assert (
        samples.shape == (64, 1, 28, 28)
        and samples.dtype == torch.float32
        and samples.abs().max() <= 1
    )
    assert torch.equal(samples, game.sample(64, seed=0))

    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="model.safetensors"):
            gancourse.load("gan")


def test_half_precision_weights_are_sampled_in_float32(a_shelf):
    torch.manual_seed(0)
    game = Config.at("check", **FORMS["mlp"]).build()
    a_shelf("gan", game.half())
    loaded = gancourse.load("gan")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert torch.equal(loaded.sample(3), game.float().sample(3))


def test_a_device_that_this_machine_lacks_is_named_with_those_it_has(a_run):
    _, folder = a_run()
    for device in ("tpu", ""):
        with pytest.raises(
            CourseError,
            match=f"^device='{device}': this machine's torch does not offer it; choose .*cpu",
        ):
            gancourse.load(folder, device)
    assert gancourse.load(folder, "cpu").device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_is_put_on_the_gpu(a_run):
    _, folder = a_run()
    assert gancourse.load(folder, "cuda").sample(2).device.type == "cuda"


def test_an_unknown_name_lists_the_known_ones(a_shelf, tmp_path):
    a_shelf("gan", Config.at("check", **FORMS["mlp"]).build())
    with pytest.raises(
        CourseError,
        match="^'gam': neither a published model nor the folder of a run .*; choose one of: gan.",
    ):
        gancourse.load("gam")
    with pytest.raises(CourseError, match="config.json"):
        gancourse.load(tmp_path)


def test_an_empty_name_is_not_the_folder_one_is_in(a_run, monkeypatch):
    _, folder = a_run()
    monkeypatch.chdir(folder)
    assert gancourse.load(".").config.form == "mlp"
    with pytest.raises(CourseError, match="^'': neither a published model nor the folder"):
        gancourse.load("")


def test_weights_of_other_networks_are_refused_in_words(a_run, a_shelf):
    a_shelf("gan", Config.at("check", form="mlp", width=9, latent=6).build())
    with pytest.raises(
        CourseError, match="^gan: its weights do not fit the networks of its config.json"
    ):
        gancourse.load("gan")


@pytest.mark.parametrize(
    "settings", [{"chapter": "vae"}, {"form": "mlp"}, {"chapter": None}, {"chapter": "os"}]
)
def test_an_unknown_chapter_is_not_imported(settings):
    with pytest.raises(CourseError, match="^chapter=.*: not known; choose one of: gan"):
        configure(settings)


def test_settings_become_a_config_again():
    config = Config.at("check", "dcgan", shape=(3, 32, 32))
    settings = {"chapter": "gan", **json.loads(json.dumps(vars(config))), "seed": 0, "processes": 1}
    assert configure(settings) == config


def test_what_the_loop_added_is_no_part_of_the_config():
    config = Config.at("full", "mlp", width=9)
    settings = {"chapter": "gan", **json.loads(json.dumps(vars(config))), "seed": 0, "processes": 1}
    noted = {**settings, "data": {"rows": 3, "crc32": 5}}
    assert configure(noted) == config
    assert (
        changes(models.configure(noted))
        == changes(models.configure(settings))
        == {"form": "mlp", "width": 9}
    )


def test_every_published_model_loads_and_samples():
    for name in models.published():
        assert gancourse.load(name).sample(2, seed=0).shape[0] == 2


def test_lazy_names():
    assert gancourse.load is models.load and gancourse.train is train
    assert {"load", "train", "published"} <= set(dir(gancourse))
    with pytest.raises(AttributeError, match="'gancourse' has no attribute 'lode'"):
        gancourse.lode  # noqa: B018


@pytest.mark.parametrize("name", [None, 3, ["gan"]])
def test_what_is_neither_a_name_nor_a_path_is_said(name):
    with pytest.raises(
        CourseError, match="^name=.*: no name; give that of a published model, or the path"
    ):
        gancourse.load(name)
