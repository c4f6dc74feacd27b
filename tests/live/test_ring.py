"""The ring game that trains in the page, run in Node: the same numbers as PyTorch, and presets that
do what they are named after.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from gancourse.chapters.gan import Config, mlp_discriminator, mlp_generator
from gancourse.losses import LOSSES, penalties, slope

pytestmark = pytest.mark.slow
LIVE = Path(__file__).resolve().parents[2] / "book" / "assets" / "live"
SEEDS = range(5)

# live.js in a page without figures, for its random numbers; then the game.
PAGE = """
const fs = require("fs"), vm = require("vm");
globalThis.window = globalThis;
globalThis.document = { currentScript: { src: "file:///live/live.js" }, querySelectorAll: () => [] };
globalThis.IntersectionObserver = class {};
globalThis.navigator ??= {};
for (const name of ["live.js", "toy.js"]) vm.runInThisContext(fs.readFileSync(`${LIVE}/${name}`, "utf8"), name);
const { Network, Game, LOSSES, PRESETS, SETTINGS, addProduct, coverage, discriminatorLoss, generatorLoss, ring, slopePenalty } = Live.toy;
const copied = (network) => network.parameters().map(({ value }) => [...value]);
const gradients = (network) => network.parameters().map(({ gradient }) => [...gradient]);
const put = (network, values) => network.parameters().forEach(({ value }, i) => value.set(values[i]));
"""


@pytest.fixture(scope="session", autouse=True)
def node():
    if not shutil.which("node"):
        hint = "no node: install Node.js (Debian: apt install nodejs) to test the ring game"
        pytest.fail(hint) if os.environ.get("CI") else pytest.skip(hint)


def run(script: str, given=None):
    """What the script returns. It runs as a function's body, with `given` and the page's names."""
    code = f"const LIVE = {json.dumps(str(LIVE))};{PAGE}"
    code += f"const given = {json.dumps(given)};"
    code += f"process.stdout.write(JSON.stringify((() => {{ {script} }})()));"
    done = subprocess.run(["node", "-"], input=code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def networks() -> tuple[nn.Module, nn.Module]:
    """The chapter's, 64-bit, with weights large enough that no slope is lost in a rounding."""
    torch.manual_seed(3)
    return mlp_generator(2, (2,), 64).double(), mlp_discriminator((2,), 64).double()


def weights(network: nn.Module) -> list[list[float]]:
    """In the order of toy.js, whose matrices are (inputs, outputs)."""
    return [turned(p.detach()) for p in network.parameters()]


def turned(value: torch.Tensor) -> list[float]:
    return (value.mT if value.ndim == 2 else value).flatten().tolist()


def gradients(network: nn.Module) -> list[list[float]]:
    return [turned(p.grad) for p in network.parameters()]


def close(found, expected, tolerance: float = 1e-10) -> None:
    for one, other in zip(found, expected, strict=True):
        one, other = torch.tensor(one).double(), torch.tensor(other).double()
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def batch() -> dict:
    random = torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(33, 2, generator=random).double() for name in ("real", "z")}
    return drawn | {"t": torch.rand(33, 1, generator=random).double()}


@cache
def found() -> dict:
    """Losses and gradients of toy.js for every loss, on the batch of `batch`."""
    random = torch.Generator().manual_seed(0)
    real, z = (torch.randn(33, 2, generator=random).double().flatten().tolist() for _ in range(2))
    generator, discriminator = networks()
    given = {"real": real, "z": z, "G": weights(generator), "D": weights(discriminator)}
    return run(
        """
        const made = {}, n = 33;
        for (const name of Object.keys(LOSSES)) {
          const game = new Game(0, ring(8), { loss: name }), rules = LOSSES[name];
          const { generator: G, discriminator: D } = game;
          put(G, given.G);
          put(D, given.D);
          const fake = G.forward(Float64Array.from(given.z), n);
          const both = Float64Array.from([...given.real, ...fake.slice(0, 2 * n)]), slope = new Float64Array(2 * n);
          const lossD = discriminatorLoss(rules, D.forward(both, 2 * n), n, slope);
          D.backward(slope);
          const ofD = gradients(D);
          const [lossG, byPoint] = game.generatorSlope(both, n, slope);
          G.backward(byPoint);
          made[name] = { lossD, lossG, ofD, ofG: gradients(G), byPoint: [...byPoint.slice(0, 2 * n)], still: gradients(D) };
        }
        return made;
        """,
        given,
    )


def test_the_losses_are_the_packages():
    assert list(found()) == list(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_pytorchs(name, batch):
    generator, discriminator = networks()
    rules, js = LOSSES[name], found()[name]
    loss = sum(
        rules.discriminator(
            discriminator(batch["real"]), discriminator(generator(batch["z"]).detach())
        ).values()
    )
    loss.backward()
    assert js["lossD"] == pytest.approx(loss.item(), rel=1e-12)
    close(js["ofD"], gradients(discriminator))
    assert js["still"] == js["ofD"], "the generator's turn has touched D's gradients"

    fake = generator(batch["z"])
    fake.retain_grad()
    loss = sum(rules.generator(discriminator(fake), discriminator(batch["real"])).values())
    loss.backward()
    assert js["lossG"] == pytest.approx(loss.item(), rel=1e-12)
    close(js["ofG"], gradients(generator))
    close([js["byPoint"]], [fake.grad.flatten().tolist()])


@pytest.mark.parametrize("kind", ["r1 and r2", "slope"])
def test_penalties_are_pytorchs(kind, batch):
    """Around 0 on all points, as R1 + R2; around 1 on the points between, as WGAN-GP."""
    _, discriminator = networks()
    real, fake = batch["real"], batch["z"]
    if kind == "slope":
        points = batch["t"] * real + (1 - batch["t"]) * fake
        length = slope(discriminator, points).norm(dim=1)
        term = 0.3 * (length - 1).square().mean()
    else:
        points = torch.cat([real, fake])
        term = sum(penalties(discriminator, real, fake, r1=0.3, r2=0.3).values())
    term.backward()
    given = {
        "D": weights(discriminator),
        "points": points.flatten().tolist(),
        "target": int(kind == "slope"),
    }
    js = run(
        """
        const D = new Network([2, 64, 64, 1], Live.random(0));
        put(D, given.D);
        slopePenalty(D, Float64Array.from(given.points), given.points.length / 2, given.target, 0.3);
        return gradients(D);
        """,
        given,
    )
    expected = [
        p.grad if p.grad is not None else torch.zeros_like(p) for p in discriminator.parameters()
    ]
    close(js, [turned(g) for g in expected])


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
def test_adam_is_pytorchs(beta1, batch):
    _, discriminator = networks()
    start = weights(discriminator)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=3e-3, betas=(beta1, 0.999))
    for _ in range(5):
        optimizer.zero_grad()
        discriminator(batch["real"]).square().mean().backward()
        optimizer.step()
    js = run(
        """
        const D = new Network([2, 64, 64, 1], Live.random(0)), n = given.x.length / 2;
        put(D, given.start);
        for (let k = 0; k < 5; k++) {
          D.backward(D.forward(Float64Array.from(given.x), n).slice(0, n).map((u) => 2 * u / n));
          D.step(3e-3, given.beta1);
        }
        return copied(D);
        """,
        {"start": start, "x": batch["real"].flatten().tolist(), "beta1": beta1},
    )
    close(js, weights(discriminator), 1e-8)


def test_the_settings_are_the_chapters():
    config = Config.at("check", "toy")
    js = run(
        "const { settings, generator: G } = new Game(0); return { ...settings, sizes: G.layers.map(({ inputs, outputs }) => [inputs, outputs]) }"
    )
    assert js["rate"] == js["rateD"] == config.lr and js["beta1"] == config.beta1
    assert js["loss"] == config.loss and js["dSteps"] == config.generator_every
    assert js["sizes"] == [
        [config.latent, config.width],
        [config.width, config.width],
        [config.width, 2],
    ]


@pytest.mark.parametrize("size", [(1, 1, 1), (4, 4, 4), (5, 6, 7), (8, 3, 1), (3, 9, 2)])
def test_the_product_of_matrices_with_all_that_fours_leave_over(size):
    n, k, m = size
    random = torch.Generator().manual_seed(0)
    a, b, out = (torch.randn(s, generator=random).double() for s in ((n, k), (k, m), (n, m)))
    given = [n, k, m, *(t.flatten().tolist() for t in (out, a, b))]
    js = run(
        "const [n, k, m, ...abc] = given, [out, a, b] = abc.map((v) => Float64Array.from(v)); addProduct(out, a, b, n, k, m); return [...out];",
        given,
    )
    close([js], [(out + a @ b).flatten().tolist()], 1e-12)


def test_a_seed_decides_the_game_and_looking_changes_nothing():
    script = """
    const play = (seed, looking) => {
      const game = new Game(seed);
      for (let s = 0; s < 3; s++) {
        game.step();
        if (looking) { game.arrows(game.points()); game.judge(game.points()); }
      }
      return copied(game.generator);
    };
    return [play(1), play(1), play(1, true), play(2)];
    """
    first, again, watched, other = run(script)
    assert first == again == watched != other


def test_one_players_turn_leaves_the_other_as_it_was():
    script = """
    const game = new Game(0), { generator: G, discriminator: D } = game, seen = [[copied(D), copied(G)]];
    for (const turn of ["discriminatorStep", "generatorStep"]) { game[turn](); seen.push([copied(D), copied(G)]); }
    return seen;
    """
    start, after_d, after_g = run(script)
    assert start[0] != after_d[0] and start[1] == after_d[1]
    assert after_d[0] == after_g[0] and after_d[1] != after_g[1]


def test_coverage_is_the_metrics(batch):
    from gancourse.data.toy import ring
    from gancourse.metrics.modes import toy_modes

    toy = ring(modes=8, std=0.1)
    points = torch.cat([toy.sample(40, 0)["point"], batch["real"].float()])
    expected = toy_modes(points, toy.centres, toy.std)
    js = run("return coverage(Float64Array.from(given), ring(8));", points.flatten().tolist())
    assert js["modes"] == expected["modes"] and js["of"] == 8
    assert js["quality"] == pytest.approx(expected["quality"])


# ---------------------------------------------------------------- presets

LOOKS = """
const game = new Game(given.seed, ring(8), PRESETS[given.preset]), looks = [];
for (let s = 1; s <= given.steps; s++) {
  game.step();
  if (s % 10) continue;
  const points = game.points(), arrows = game.arrows(points), n = points.length / 2;
  let x = 0, y = 0, arrow = 0;
  for (let i = 0; i < 2 * n; i += 2) {
    x += points[i] / n;
    y += points[i + 1] / n;
    arrow += Math.hypot(arrows[i], arrows[i + 1]) / n;
  }
  looks.push({ ...coverage(points, game.centres), angle: Math.atan2(y, x), away: Math.hypot(x, y), arrow, ...game.losses });
}
return looks;
"""
STEPS = {"it works": 200, "it collapses": 180, "it chases": 250, "D wins": 30}


@cache
def looks(preset: str) -> list[list[dict]]:
    """What each seed shows every ten steps."""
    given = [{"preset": preset, "seed": seed, "steps": STEPS[preset]} for seed in SEEDS]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda each: run(LOOKS, each), given))


def stops(seen: list[dict]) -> list[int]:
    """The clusters 0..7 that the middle of the points comes by, while it is far from the origin."""
    near = [round(look["angle"] / (torch.pi / 4)) % 8 for look in seen if look["away"] > 0.7]
    return [k for before, k in zip([None, *near], near, strict=False) if k != before]


@pytest.mark.parametrize("seed", SEEDS)
class TestPresets:
    def test_it_works(self, seed):
        """All eight clusters, and each has its share."""
        last = looks("it works")[seed][-1]
        assert not stops(looks("it works")[seed][9:])
        assert last["modes"] == 8 and last["quality"] > 0.15, last

    def test_it_collapses(self, seed):
        """From step 100 on most clusters have no point; when it works, 7.8 of the eight have one."""
        seen = [look["modes"] for look in looks("it collapses")[seed][9:]]
        assert sum(seen) / len(seen) < 3.5, seen

    def test_it_chases(self, seed):
        """All points go round the ring together; when it works, their middle stays at the origin."""
        seen = looks("it chases")[seed][4:]
        assert sum(look["away"] for look in seen) / len(seen) > 1
        assert len(stops(seen)) >= 9 and len(set(stops(seen))) >= 6, stops(seen)
        assert max(look["modes"] for look in seen) <= 4

    def test_d_wins(self, seed):
        """D is sure, its slope tells G nothing, and G's points have not reached the ring."""
        last = looks("D wins")[seed][-1]
        assert last["discriminator"] < 0.01 and last["quality"] == 0
        assert last["arrow"] < 0.03, "ring.js would still draw an arrow"
        assert -0.01 < last["generator"] <= 0, "the minimax loss looks perfect here"
