"""The engine of the pages against PyTorch: every operation, every published network, and what
eight bits per weight change.
"""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize, one_hot

from gancourse import models
from gancourse.data import load as load_data
from gancourse.data import scenes
from gancourse.files import CourseError
from gancourse.layers import JoinedConv2d, JoinedConvTranspose2d, Noise, Project, silenced
from gancourse.live import script
from gancourse.live.program import program
from gancourse.metrics import attribute_cnn, conditional, sentences
from gancourse.metrics.restoration import psnr
from tests.test_export import examples

# How the product is computed; "plain" is JavaScript, for browsers without the other two.
KINDS = "fused", "simd", "plain"
OPEN = """([program, weights, kinds]) => {
  window.network = Live.engine.open(program, weights, kinds ? { kinds } : {});
  return network.kind;
}"""
RUN = """(given) => {
  const inputs = {};
  for (const [name, [shape, data]] of Object.entries(given)) {
    inputs[name] = { shape, data: Float32Array.from(data) };
  }
  const { shape, data } = network.run(inputs);
  return [shape, Array.from(data)];
}"""


def opened(page, made, *, exact: bool = True, kinds: list[str] | None = None) -> str:
    """Open a program in the page and return the kind of product that it got."""
    description, weights = script.pack("network", made, exact)
    text = base64.b64encode(weights).decode()
    return page.evaluate(OPEN, [json.loads(json.dumps(description)), text, kinds])


def run(page, inputs: dict[str, Tensor]) -> Tensor:
    given = {name: [list(x.shape), x.flatten().tolist()] for name, x in inputs.items()}
    shape, data = page.evaluate(RUN, given)
    return torch.tensor(data).view(shape)


def answer(network: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    with torch.inference_mode(), silenced(network):
        made = network.eval()(*inputs.values())
    return made[0] if isinstance(made, tuple) else made


class Function(nn.Module):
    def __init__(self, f, *parts: nn.Module):
        super().__init__()
        self.f, self.parts = f, nn.ModuleList(parts)

    def forward(self, *x: Tensor) -> Tensor:
        return self.f(*x, *self.parts)


def normed(layer: nn.Module, norm: nn.Module) -> nn.Sequential:
    """A layer and its norm, with statistics that are not those of a new one."""
    with torch.no_grad():
        for value in (norm.weight, norm.bias, norm.running_mean):
            value.normal_()
        norm.running_var.uniform_(0.5, 2)
    return nn.Sequential(layer, norm)


PICTURE, VECTOR = (1, 3, 9, 14), (1, 10)
LAYERS = {
    "convolution": (nn.Conv2d(3, 5, 3), PICTURE),
    "convolution, padded": (nn.Conv2d(3, 5, 3, padding=1), PICTURE),
    "convolution, 9 x 9": (nn.Conv2d(3, 7, 9, padding=4, bias=False), PICTURE),
    "convolution, 1 x 1": (nn.Conv2d(3, 9, 1), PICTURE),
    "convolution, stride 2": (nn.Conv2d(3, 6, 4, 2, 1), (1, 3, 16, 12)),
    "convolution, stride 2, odd": (nn.Conv2d(3, 6, 3, 2, 1), PICTURE),
    "convolution, stride 3 and 2": (nn.Conv2d(3, 4, (2, 5), (3, 2), (0, 2)), PICTURE),
    "convolution, dilated": (nn.Conv2d(3, 4, 3, padding=2, dilation=2), PICTURE),
    "convolution, strided and dilated": (nn.Conv2d(3, 4, 3, 2, 3, dilation=3), PICTURE),
    "convolution along a line": (nn.Conv1d(3, 5, 3, padding=4, dilation=4), (1, 3, 11)),
    "convolution, large": (nn.Conv2d(40, 70, 3, padding=1), (1, 40, 50, 37)),
    "transposed": (nn.ConvTranspose2d(3, 5, 4, 2, 1), PICTURE),
    "transposed, stride 1": (nn.ConvTranspose2d(3, 5, 3, 1, 1), PICTURE),
    "transposed, 5 x 5": (nn.ConvTranspose2d(3, 5, 5, 2, 2, output_padding=1), PICTURE),
    "transposed, kernel 2": (nn.ConvTranspose2d(3, 5, 2, 2, bias=False), PICTURE),
    "transposed, stride 3": (nn.ConvTranspose2d(3, 5, (4, 3), 3, (1, 0)), PICTURE),
    **{
        f"convolution to {n}": (nn.Conv2d(3, n, 3, padding=1), PICTURE) for n in (1, 2, 3, 4, 6, 8)
    },
    "transposed, padded by more than is reached": (nn.ConvTranspose2d(3, 5, 6, 2, 5), PICTURE),
    "transposed to a point": (nn.ConvTranspose2d(3, 5, 3, 2, 1), (1, 3, 1, 1)),
    "transposed from a point": (nn.ConvTranspose2d(10, 6, 7), (1, 10, 1, 1)),
    "transposed, large": (nn.ConvTranspose2d(30, 20, 4, 2, 1), (1, 30, 40, 33)),
    "projected": (Project(10, 6, 4), (1, 10, 1, 1)),
    "fully connected": (nn.Linear(10, 13), VECTOR),
    "fully connected, each word": (nn.Linear(6, 11), (1, 37, 6)),
    "norm after a convolution": (normed(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), PICTURE),
    "norm after a transposed one": (
        normed(nn.ConvTranspose2d(3, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4)), PICTURE,
    ),
    "norm after a full layer": (normed(nn.Linear(10, 8), nn.BatchNorm1d(8)), VECTOR),
    "norm alone": (normed(nn.ReLU(), nn.BatchNorm2d(3)), PICTURE),
    "norm of what two read": (
        Function(lambda x, conv, norm: norm(y := conv(x)) + y,
                 nn.Conv2d(3, 4, 1), normed(nn.ReLU(), nn.BatchNorm2d(4))[1]), PICTURE,
    ),
    "group norm": (nn.GroupNorm(3, 6), (1, 6, 5, 7)),
    "instance norm": (nn.GroupNorm(6, 6), (1, 6, 5, 7)),
    "activations": (
        nn.Sequential(nn.LeakyReLU(0.2), nn.PReLU(init=0.3), nn.Tanh(), nn.Sigmoid()), PICTURE,
    ),
    "one slope per channel": (nn.PReLU(3), PICTURE),
    "in place only where nobody else reads": (
        Function(lambda x, conv: (y := conv(x)).relu() + y, nn.Conv2d(3, 4, 1)), PICTURE,
    ),
    "shuffled": (nn.PixelShuffle(2), (1, 12, 5, 6)),
    "enlarged, nearest": (nn.Upsample(scale_factor=3), PICTURE),
    "enlarged, bilinear": (nn.Upsample(scale_factor=4, mode="bilinear"), PICTURE),
    "enlarged to a size": (Function(lambda x: interpolate(x, (18, 28), mode="bilinear")), PICTURE),
    "joined": (JoinedConv2d(3 + 10, 4, 3, padding=1), PICTURE, VECTOR),
    "joined, transposed": (JoinedConvTranspose2d(3 + 10, 4, 5, 2, 2, output_padding=1), PICTURE,
                           VECTOR),
    "parts": (Function(lambda x: torch.cat([x[:, 1:], *x.split(2, 1), x[:, :1]], 1)), PICTURE),
    "per channel": (Function(lambda x, c: x * (1 + c[:, :3, None, None]) + c[:, 4:7, None, None]),
                    PICTURE, VECTOR),
    "repeated sizes": (Function(lambda x, y: (x - y) / (2 + y.exp())), (1, 3, 1, 5), (1, 1, 4, 1)),
    "reshaped": (Function(lambda x: x.permute(0, 2, 3, 1).flatten(1).unflatten(1, (7, -1))),
                 PICTURE),
    "largest": (Function(lambda x: x.amax(1)), (1, 7, 4)),
    "squared": (Function(lambda x, conv: torch.square(conv(x)), nn.Conv2d(3, 4, 1)), PICTURE),
    "of length 1": (Function(lambda x: normalize(x, dim=1)), VECTOR),
    "compared": (Function(lambda x: (x > 0.25)[:, None] * x[:, None]), VECTOR),
}  # fmt: skip


def test_operations_equal_pytorchs(live_page, subtests):
    """In one page, because opening another takes longer than all of them."""
    for name, (layer, *shapes) in LAYERS.items():
        dice = torch.Generator().manual_seed(0)
        inputs = {f"x{i}": torch.randn(shape, generator=dice) for i, shape in enumerate(shapes)}
        made, expected = program(layer, inputs), answer(layer, inputs)
        for kind in KINDS:
            with subtests.test(name, kind=kind):
                assert opened(live_page, made, kinds=[kind] if kind != "plain" else []) == kind
                for _ in range(2):  # what one run leaves in memory must not reach the next
                    found = run(live_page, inputs)
                    assert found.shape == expected.shape
                    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-5)


def test_noise_is_dropout_of_a_rate(live_page):
    inputs = {"x": torch.ones(1, 4, 50, 50)}
    opened(live_page, program(nn.Sequential(Noise(0.3)), inputs))
    assert torch.equal(run(live_page, inputs), inputs["x"])
    share, values = live_page.evaluate(
        """() => {
          const { uniform } = Live.random(1), data = new Float32Array(10000).fill(1);
          const made = network.run({ x: { shape: [1, 4, 50, 50], data } }, { uniform }).data;
          return [made.filter((v) => v === 0).length / made.length, [...new Set(made)].sort()];
        }"""
    )
    assert share == pytest.approx(0.3, abs=0.02)
    assert values == pytest.approx([0, 1 / 0.7])


def test_a_layer_that_the_engine_lacks_is_named():
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Hardswish())
    with pytest.raises(CourseError, match=r"^1: the engine of the pages has no aten\.hardswish"):
        program(network, {"x": torch.zeros(1, 3, 4, 4)})
    with pytest.raises(CourseError, match=r"^0: groups=3: "):
        program(nn.Sequential(nn.Conv2d(3, 3, 1, groups=3)), {"x": torch.zeros(1, 3, 4, 4)})
    with pytest.raises(CourseError, match=r"^0: kernel=\[1, 2\], stride=\[2, 2\]: "):
        layer = nn.ConvTranspose2d(3, 3, (1, 2), 2)
        program(nn.Sequential(layer), {"x": torch.zeros(1, 3, 4, 4)})


def test_the_network_is_left_as_it_was():
    layer = JoinedConv2d(3 + 2, 4, 3)
    inputs = {"x": torch.randn(1, 3, 5, 5), "c": torch.randn(1, 2)}
    program(layer, inputs)
    assert "forward" not in vars(layer)


def test_an_input_is_checked(live_page):
    inputs = {"x": torch.zeros(1, 10)}
    opened(live_page, program(nn.Linear(10, 2), inputs))
    said = live_page.evaluate(
        """() => [{}, { x: [1, 2] }].map((given) => {
          try { network.run(given); } catch (error) { return error.message; }
        })"""
    )
    assert said == ["network: no x was given", "network: 2 numbers for x, not 1,10"]


REFUSE = """(refused) => {
  const Module = WebAssembly.Module;
  WebAssembly.Module = function (bytes) {
    if (refused-- > 0) throw new WebAssembly.CompileError("no such instruction");
    return new Module(bytes);
  };
  return () => { WebAssembly.Module = Module; };
}"""


@pytest.mark.parametrize(("refused", "kind"), list(enumerate(KINDS)))
def test_a_browser_gets_the_fastest_product_that_it_has(live_page, refused, kind):
    """It refuses a module whose instructions it lacks; then the next is tried."""
    made = program(nn.Linear(10, 2), {"x": torch.zeros(1, 10)})
    live_page.evaluate(f"(n) => {{ window.restore = ({REFUSE})(n); }}", refused)
    try:
        assert opened(live_page, made) == kind
    finally:
        live_page.evaluate("restore()")


def test_a_run_leaves_earlier_answers_alone(live_page):
    """Maps' memory is used again, but never that of an answer or of what was given."""
    conv = nn.Conv2d(2, 2, 3, padding=1)
    network = Function(lambda x, conv: (y := conv(x).relu()) * y, conv)
    inputs = {"x": torch.randn(1, 2, 6, 6)}
    opened(live_page, program(network, inputs))
    same = live_page.evaluate(
        """(data) => {
          const given = Float32Array.from(data), other = given.map((v) => 1 - v);
          const ask = (data) => network.run({ x: { shape: [1, 2, 6, 6], data } }).data;
          const first = ask(given), copy = first.slice(), untouched = given.slice();
          for (let i = 0; i < 5; i++) ask(other);
          const again = ask(given);
          const equal = (a, b) => a.every((v, i) => v === b[i]);
          return [equal(first, copy), equal(given, untouched), equal(again, copy), equal(ask(other), copy)];
        }""",
        inputs["x"].flatten().tolist(),
    )
    assert same == [True, True, True, False]


# --------------------------------------------------------------- published networks


def as_rounded(made):
    """A program whose weights are what eight bits leave of them, as floats."""
    for operation in made.operations:
        for name, tensor in operation.tensors.items():
            if tensor.dim() > 1 and tensor.numel() >= script.LEAST:
                levels, scale = script.rounded(tensor)
                shape = -1, *[1] * (tensor.dim() - 1)
                operation.tensors[name] = levels.float() * scale.view(shape)
    return made


# Largest mean difference between what rounded and full weights make: of pictures in shades of 255;
# and of a sentence's vector, whose numbers are of size 1.
SHADES, NUMBERS = 1.0, 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", models.published())
def test_a_published_network_equals_pytorchs(live_page, name):
    game = models.load(name)
    network, inputs, free = game.drawing()
    with silenced(network):
        made = program(network, inputs, free)
    inputs = examples(game, 1)
    expected = answer(network, inputs)
    for kind in KINDS:
        assert opened(live_page, made, kinds=[kind] if kind != "plain" else []) == kind
        np.testing.assert_allclose(run(live_page, inputs), expected, atol=1e-4)
    if game.config.takes == "photos":  # noise is nothing that it was made to enlarge
        inputs = {"low": game.examples[:1] / 127.5 - 1}
        expected = answer(network, inputs)
    opened(live_page, made, exact=False)
    rounded = run(live_page, inputs)
    opened(live_page, as_rounded(made))
    np.testing.assert_allclose(rounded, run(live_page, inputs), atol=1e-5)
    most = SHADES / 127.5 if expected.dim() == 4 else NUMBERS
    assert (rounded - expected).abs().mean() < most


MANY = """(given) => {
  let bytes = "";
  for (const lists of given) {
    const inputs = Object.fromEntries(Object.entries(lists).map(([name, [shape, data]]) => (
      [name, { shape, data: Float32Array.from(data) }])));
    const shades = Uint8ClampedArray.from(network.run(inputs).data, (v) => (v + 1) * 127.5);
    for (const shade of shades) bytes += String.fromCharCode(shade);
  }
  return btoa(bytes);
}"""


def pictures(page, name: str, inputs: dict[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    """What the page makes of (N, ...) inputs with a published network's script: uint8."""
    network, like, free = models.load(name).drawing()
    opened(page, program(network, like, free), exact=False)
    shapes = {key: [1, *x.shape[1:]] for key, x in inputs.items()}
    given = [
        {key: [shape, row.tolist()] for (key, shape), row in zip(shapes.items(), rows, strict=True)}
        for rows in zip(*(x.flatten(1) for x in inputs.values()), strict=True)
    ]
    shades = base64.b64decode(page.evaluate(MANY, given))
    return torch.frombuffer(bytearray(shades), dtype=torch.uint8).view(-1, *shape)


@pytest.mark.slow
def test_the_judge_reads_digits_by_rounded_weights_as_well(live_page):
    n, cgan = 1000, models.load("cgan")
    latent = 2 * torch.rand(n, 100, generator=torch.Generator().manual_seed(0)) - 1
    label = torch.arange(n) % 10
    rounded = pictures(live_page, "cgan", {"latent": latent, "label": one_hot(label)}, (1, 28, 28))
    full = cgan.sample(n, latent=latent, label=label)
    by_full = conditional.label_accuracy(full, label)
    assert conditional.label_accuracy(rounded, label) == pytest.approx(by_full, abs=0.003)


@pytest.mark.slow
def test_the_judge_reads_scenes_by_rounded_weights_as_well(live_page):
    """Of three networks in a row: words, first stage, second stage."""
    n, game = 300, models.load("stackgan")
    data = scenes.load("test", size=64, n=n)
    first = game.borrowed["first"]
    latent = torch.randn(n, game.latent_size, generator=torch.Generator().manual_seed(0))
    small_shape = first.config.shape
    text = game.encode(data["caption"])
    of_first, noise = latent[:, : first.latent_size], latent[:, first.latent_size :]
    given = {"text": text, "latent": of_first}
    small = pictures(live_page, "stackgan-stage1", given, small_shape) / 127.5 - 1
    given = {"small": small, "text": text, "noise": noise}
    large = pictures(live_page, "stackgan", given, game.config.shape)
    reader = attribute_cnn.load("scene-cnn")
    full = game.sample(n, text=data["caption"], latent=latent)
    scores = []
    for made in (full, large):
        by_name = sentences.by_attribute(reader.read(made), data["said"], list(reader.values))
        scores.append(sum(by_name.values()) / len(by_name))
    assert scores[1] == pytest.approx(scores[0], abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srresnet", "srgan"])
def test_photos_by_rounded_weights_are_the_same(live_page, name):
    """At 40 dB a difference cannot be seen."""
    photo = load_data("photos", "test").photo(0)[None, :, :48, :48]
    game = models.load(name)
    made = pictures(live_page, name, {"low": photo / 127.5 - 1}, (3, 192, 192))
    assert psnr(made, game.upscale(photo)) > 40
