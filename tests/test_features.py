from __future__ import annotations

from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
import torchvision
from skimage import data
from torch import nn

from gancourse import features, files
from gancourse.bicubic import enlarge, shrink
from gancourse.chapters.srgan import Config
from gancourse.files import CourseError, DamagedFile

LITES = tuple(features.LITE)
VGGS = tuple(features.VGG_LAYERS)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision states


def photo(height: int = 64, width: int = 64, top: int = 90, left: int = 200) -> torch.Tensor:
    """A corner of a photo, (1, 3, height, width) in [-1, 1]."""
    cut = data.coffee()[top : top + height, left : left + width].copy()
    return torch.from_numpy(cut).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.fixture
def fake_vgg(monkeypatch):
    """torchvision's VGG19 with its own layers, eight channels each, and no download."""

    def vgg19(weights):
        assert weights is torchvision.models.VGG19_Weights.IMAGENET1K_V1
        torch.manual_seed(3)
        layers, below = [], 3
        for block in (2, 2, 4, 4, 4):  # configuration E of Simonyan & Zisserman 2014
            for _ in range(block):
                layers += [nn.Conv2d(below, 8, 3, padding=1), nn.ReLU(inplace=True)]
                nn.init.kaiming_normal_(layers[-2].weight)
                below = 8
            layers.append(nn.MaxPool2d(2))
        return SimpleNamespace(features=nn.Sequential(*layers))

    monkeypatch.setattr(torchvision.models, "vgg19", vgg19)


# EfficientNet-Lite

# Mean and deviation of each activation of `photo()`. Lite 0 was held against the network of the
# same name in timm, layer by layer: equal but for what 16 bits cost the weights.
GOLDEN = {
    "efficientnet-lite0": [
        (1.9141, 1.5996), (1.9599, 1.4715), (1.5591, 1.5151), (1.2571, 1.6088), (1.1618, 1.3028),
        (0.8285, 1.1985),
    ],
    "efficientnet-lite2": [
        (1.8466, 1.6895), (1.7576, 1.3655), (1.0854, 1.2587), (1.1528, 1.2517), (1.0195, 1.4005),
        (1.0644, 1.2797), (0.7792, 1.0619), (0.7251, 1.1080),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LITES)
def test_the_bundled_networks_see_what_they_saw_when_they_were_bundled(name):
    with torch.no_grad():
        seen = features.load(name)(photo())
    found = [(maps.mean().item(), maps.std().item()) for maps in seen]
    assert found == [pytest.approx(pair, abs=2e-4) for pair in GOLDEN[name]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("efficientnet-lite0", [(32, 2), (96, 2), (144, 4), (144, 4), (240, 8), (240, 8)]),
        (
            "efficientnet-lite2",
            [(32, 2), (96, 2), (144, 4), (144, 4), (144, 4), (288, 8), (288, 8), (288, 8)],
        ),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(64, 96), (92, 92), (45, 70), (17, 1)])
def test_each_activation_is_the_widest_of_its_block(name, expected, height, width):
    """Six times the block's channels, before its stride; sides are halved and rounded up."""
    seen = features.load(name)(torch.zeros(2, 3, height, width))
    shapes = [(2, channels, -(-height // n), -(-width // n)) for channels, n in expected]
    assert [tuple(maps.shape) for maps in seen] == shapes


def test_the_input_is_scaled_as_the_network_was_trained():
    """Google's Lite networks take (255 p - 127) / 128 of p in [0, 1]; without it they see fog."""
    network, given = features.load("efficientnet-lite0"), []
    network.stem.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    bytes_ = torch.arange(0, 256, 17.0).expand(1, 3, 1, 16)
    network(bytes_ / 127.5 - 1)
    torch.testing.assert_close(given[0], (bytes_ - 127) / 128, atol=1e-6, rtol=0)


@pytest.mark.parametrize("side", [7, 8, 9, 12])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (5, 1)])
def test_padding_is_tensorflows(side, kernel, stride):
    """ceil(side / stride) outputs; where an odd number of pixels is missing, one more at the end."""
    layer = features.Same(1, 1, kernel, stride)
    x = torch.rand(1, 1, side, side + 3)
    made = layer(x)
    assert made.shape[2:] == (-(-side // stride), -(-(side + 3) // stride))
    total = [
        max((n - 1) * stride + kernel - length, 0)
        for n, length in zip(made.shape[2:], x.shape[2:], strict=True)
    ]
    margin = [(n // 2, n - n // 2) for n in total]
    room = torch.zeros(1, 1, side + total[0], side + 3 + total[1])
    room[:, :, margin[0][0] : margin[0][0] + side, margin[1][0] : margin[1][0] + side + 3] = x
    plain = torch.nn.functional.conv2d(room, layer.weight, layer.bias, stride)
    torch.testing.assert_close(made, plain)


def test_a_lite_distance_is_that_of_unit_vectors_place_by_place():
    """LPIPS (Zhang et al. 2018, eq. 1) with weights of 1, and the mean over the layers."""
    network = features.load("efficientnet-lite0")
    true, made = photo(32, 32), photo(32, 32, left=240)
    layers = []
    for a, b in zip(network(made), network(true), strict=True):
        places = []
        for y in range(a.shape[2]):
            for x in range(a.shape[3]):
                u, v = a[0, :, y, x], b[0, :, y, x]
                places.append((u / (u.norm() + 1e-9) - v / (v.norm() + 1e-9)).square().sum())
        layers.append(torch.stack(places).mean())
    expected = torch.stack(layers).mean().item()
    assert network.distance(made, true).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", LITES)
def test_blur_is_farther_than_another_light(name):
    """What a perceptual distance is for. In pixels it is the other way about."""
    network, true = features.load(name), photo()
    blurred = enlarge(shrink(true, 4), 4)
    brighter = true + 0.15
    assert (blurred - true).square().mean() < (brighter - true).square().mean()
    assert network.distance(blurred, true) > 10 * network.distance(brighter, true)


# VGG


@pytest.mark.parametrize(("name", "convolutions", "pools"), [("vgg22", 4, 1), ("vgg54", 16, 4)])
def test_phi_ends_with_the_relu_of_its_convolution(fake_vgg, name, convolutions, pools):
    """phi(i, j): convolution j before pooling i, after its activation (section 2.2.1)."""
    layers = list(features.load(name).layers)
    assert sum(isinstance(layer, nn.Conv2d) for layer in layers) == convolutions
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in layers) == pools
    assert isinstance(layers[-1], nn.ReLU) and isinstance(layers[-2], nn.Conv2d)
    assert len(layers) == {"vgg22": 9, "vgg54": 36}[name]


@pytest.mark.parametrize("name", VGGS)
def test_vgg_sees_pictures_normalised_as_imagenets(fake_vgg, name):
    network, given = features.load(name), []
    network.layers[0].register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    picture = photo(32, 48)
    (maps,) = network(picture)
    assert maps.min() == 0, "after the ReLU nothing is negative"
    side = {"vgg22": 2, "vgg54": 16}[name]
    assert tuple(maps.shape) == (1, 8, 32 // side, 48 // side)
    for channel, (mean, deviation) in enumerate(zip(MEAN, DEVIATION, strict=True)):
        expected = ((picture[0, channel] + 1) / 2 - mean) / deviation
        torch.testing.assert_close(given[0][0, channel], expected)


def test_a_vgg_distance_is_the_mean_squared_difference_of_scaled_features(fake_vgg):
    """Equation 5 with features divided by 12.75: the MSE times .006 (section 3.2)."""
    network = features.load("vgg22")
    made, true = photo(16, 16), photo(16, 16, left=240)
    plain = (network(made)[0] - network(true)[0]).square().mean().item()
    assert network.distance(made, true).item() == pytest.approx(plain / 12.75**2, rel=1e-5)
    assert round(1 / 12.75**2, 3) == 0.006


def test_vggs_own_relus_leave_their_inputs_alone(fake_vgg):
    """torchvision's write over them, and a loss needs what was there for the gradient."""
    network = features.load("vgg54")
    assert not any(layer.inplace for layer in network.layers if isinstance(layer, nn.ReLU))


@pytest.mark.parametrize(
    "error",
    [URLError("no route"), ConnectionResetError("reset"), RuntimeError("invalid hash value")],
)
def test_weights_that_cannot_be_had_are_a_clear_error(monkeypatch, error):
    def vgg19(weights):
        raise error

    monkeypatch.setattr(torchvision.models, "vgg19", vgg19)
    words = r"^features='vgg54': VGG19's weights cannot be had from https://.*; connect .*features=efficientnet-lite0"
    with pytest.raises(CourseError, match=words):
        features.load("vgg54")


# All of them


@pytest.mark.parametrize("name", features.NAMES)
def test_a_network_is_frozen_and_in_eval_mode(fake_vgg, name):
    network = features.load(name)
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert next(network.parameters()).dtype == torch.float32


@pytest.mark.parametrize("name", features.NAMES)
def test_a_distance_is_0_for_equal_pictures_and_differentiable(fake_vgg, name):
    network, true = features.load(name), photo()
    made = true.clone().requires_grad_()
    network.distance(made, true).backward()
    assert network.distance(true, true).item() == 0
    assert made.grad.isfinite().all(), "a generator may reach the original"
    made = (true + 0.3 * torch.randn_like(true)).requires_grad_()
    distance = network.distance(made, true)
    distance.backward()
    assert distance > 0 and distance.dim() == 0
    assert (made.grad != 0).float().mean() > 0.9, "each pixel is seen"


@pytest.mark.parametrize("name", features.NAMES)
def test_the_gradient_points_to_the_original(fake_vgg, name):
    network, true = features.load(name), photo(32, 32)
    made = enlarge(shrink(true, 4), 4).requires_grad_()
    distance = network.distance(made, true)
    (slope,) = torch.autograd.grad(distance, made)
    step = 1e-2 * slope / slope.norm()
    assert network.distance(made - step, true) < distance < network.distance(made + step, true)


def test_a_networks_strides_see_where_a_picture_begins():
    """Why a loss must not always look from the same corner: the same grid is at another distance
    from grey when the picture begins a pixel later, so that a generator can choose the cheapest.
    """
    network = features.load("efficientnet-lite0")
    grid = torch.zeros(1, 3, 132, 132)
    grid[:, :, ::4, ::4] = 0.5
    cuts = [grid[:, :, top : top + 128, top : top + 128] for top in range(4)]
    distances = [network.distance(cut, torch.zeros_like(cut)).item() for cut in cuts]
    assert max(distances) > 1.1 * min(distances)


def test_an_unknown_name_lists_the_known():
    words = "^features='vgg19': not known; choose one of: vgg22, vgg54, efficientnet-lite0, efficientnet-lite2"
    with pytest.raises(CourseError, match=words):
        features.load("vgg19")


def test_damaged_weights_are_not_used(tmp_path, monkeypatch):
    whole = files.BUNDLED
    path = tmp_path / "features" / "efficientnet-lite0" / "features.safetensors"
    path.parent.mkdir(parents=True)
    content = bytearray((whole / path.relative_to(tmp_path)).read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    (tmp_path / "manifest.json").write_bytes((whole / "manifest.json").read_bytes())
    monkeypatch.setattr(files, "BUNDLED", tmp_path)
    with pytest.raises(DamagedFile, match="features.safetensors"):
        features.load("efficientnet-lite0")


def test_a_loss_and_a_measure_never_share_a_network():
    """What a generator was trained to please says nothing of how good it is."""
    assert "efficientnet-lite2" not in Config.rule("features").choices
    assert set(Config.rule("features").choices) < set(features.NAMES)
