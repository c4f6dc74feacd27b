"""The magnifier: every pixel arrives, the square follows and stays inside, photos are taken in."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import show
from gancourse.files import CourseError

widgets = pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from gancourse.show import magnifier  # noqa: E402


def picture(seed: int = 0, height: int = 60, width: int = 80) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, height, width), generator=draw, dtype=torch.uint8)


def decoded(address: str) -> np.ndarray:
    head, body = address.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def test_the_names_are_functions_however_often_they_are_asked_for():
    for name in ("magnify", "bring", "blind", "sketch"):
        assert callable(getattr(show, name)) and callable(getattr(show, name))


def test_every_pixel_arrives():
    pictures = {"one": picture(1), "other": picture(2)}
    found = show.magnify(pictures, side=20)
    assert found.names == list(pictures) and found.size == [80, 60]
    for address, each in zip(found.pictures, pictures.values(), strict=True):
        assert (decoded(address) == each.permute(1, 2, 0).numpy()).all()
    assert found.at == [30, 20] and found.whole == "one", "the middle of the first"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"whole": "two"}, "whole='two': no such picture; choose from: one"),
        ({"at": (70, 0)}, "leaves the picture"),
        ({"side": 61}, "side=61: no square"),
    ],
)
def test_what_cannot_be_shown_is_refused(options, words):
    with pytest.raises(CourseError) as error:
        show.magnify({"one": picture()}, **{"side": 20, **options})
    assert words in str(error.value)


# --- a photo of the reader's ---


def file(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **{"format": "PNG", **options})
    return buffer.getvalue()


def test_a_photo_is_shown_under_the_magnifier_and_trouble_in_words():
    box = show.bring(lambda image: {"it": np.asarray(image).transpose(2, 0, 1)}, side=8)
    button, words, screen = box.children
    assert isinstance(button, widgets.FileUpload)
    red = Image.new("RGB", (24, 16), "red")

    def give(content: bytes) -> None:
        given = {"a.png": {"content": content}}
        # ipywidgets 8 checks the entries, and 7 has another type: the observer is what is tested.
        button.value = given if isinstance(button.value, dict) else (entry(content),)

    def entry(content: bytes) -> dict:
        import datetime

        now = datetime.datetime.now(datetime.UTC)
        return {"name": "a", "type": "", "size": 1, "content": content, "last_modified": now}

    give(file(red))
    (shown,) = screen.children
    assert (decoded(shown.pictures[0]) == [255, 0, 0]).all() and shown.size == [24, 16]
    give(b"no picture <b>")
    assert screen.children == () and "photo: no picture that can be read" in words.value
    assert "<b>" not in words.value
    give(file(Image.new("RGB", (24, 4))))
    assert screen.children == () and "side=8: no square" in words.value
    give(file(red))
    assert len(screen.children) == 1 and words.value == ""


def test_a_photo_is_turned_as_the_camera_was_held():
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    image = Image.new("RGB", (24, 16))
    assert magnifier.opened(file(image, format="JPEG", exif=exif)).size == (16, 24)


@pytest.mark.parametrize(
    "value", [({"content": memoryview(b"new")},), {"a.png": {"content": b"new"}}]
)
def test_both_versions_of_the_upload_are_read(value):
    assert magnifier.uploaded(value) == b"new"
    assert magnifier.uploaded(type(value)()) is None


# --- the script, on a stage of stand-ins ---

STAGE = """
const handlers = {}, watched = {}, made = [];
const element = (tag) => {
  const one = { tag, style: {}, said: {}, kept: [], drawn: [],
    setAttribute: (name, value) => { one.said[name] = value; },
    append: (...all) => one.kept.push(...all),
    getContext: () => ({ drawImage: (...given) => one.drawn.push(given.slice(1)),
      strokeRect: (...given) => one.drawn.push(["frame", ...given]) }),
    getBoundingClientRect: () => ({ left: 100, top: 50, width: 160, height: 120 }),
    addEventListener: (name, call) => { handlers[name] = call; } };
  made.push(one);
  return one;
};
globalThis.document = { createElement: element };
const images = [];
globalThis.Image = class { constructor() { images.push(this); } };
const state = JSON.parse(process.argv[2]);
let saves = 0;
const model = { get: (name) => state[name],
  set: (name, value) => { state[name] = value; watched["change:" + name]?.(); },
  save_changes: () => { saves++; },
  on: (name, call) => { watched[name] = call; }, off: (name) => { delete watched[name]; } };
const root = element("root");
const clean = widget.render({ model, el: root });
const [, whole, , ...rest] = made;
const glasses = rest.filter((each) => each.tag === "canvas");
for (const image of images) image.onload();
"""
STATE = {
    "side": 20, "zoom": 4, "names": ["a", "b"], "size": [320, 240], "at": [10, 30],
    "pictures": ["data:a", "data:b"], "whole": "b",
}  # fmt: skip


@pytest.fixture
def play(tmp_path):
    """Run lines of JavaScript beside the magnifier; the value of `result` comes back."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    (tmp_path / "widget.mjs").write_text(magnifier.SCRIPT)

    def run(lines: str):
        code = ['import widget from "./widget.mjs";', STAGE, lines]
        code.append("console.log(JSON.stringify(result));")
        (tmp_path / "play.mjs").write_text("\n".join(code))
        command = [node, tmp_path / "play.mjs", json.dumps(STATE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_each_glass_shows_the_same_square(play):
    found = play("const result = glasses.map((each) => [each.said, each.drawn.at(-1)]);")
    square = [10, 30, 20, 20, 0, 0, 20, 20]
    assert [words["aria-label"] for words, _ in found] == ["a", "b"]
    assert [drawn for _, drawn in found] == [square, square]


def test_the_square_follows_the_pointer_and_stays_inside(play):
    lines = """
    const places = [];
    // The picture of 320 x 240 px is shown at half its size, from (100, 50) on.
    for (const [x, y] of [[180, 110], [0, 0], [999, 999]]) {
      handlers.pointermove({ clientX: x, clientY: y });
      places.push(state.at);
    }
    const during = saves;
    handlers.pointerleave({});
    const result = { places, during, saves, glass: glasses[1].drawn.at(-1) };
    """
    found = play(lines)
    assert found["places"] == [[150, 110], [0, 0], [300, 220]], "the pointer is its middle"
    assert found["glass"] == [300, 220, 20, 20, 0, 0, 20, 20]
    assert (found["during"], found["saves"]) == (0, 1), "Python hears where it was left"


def test_keys_move_it_for_those_without_a_mouse(play):
    lines = """
    let kept = 0;
    const press = (key, shiftKey = false) =>
      handlers.keydown({ key, shiftKey, preventDefault: () => kept++ });
    press("ArrowRight"); press("ArrowDown", true); press("a"); press("ArrowLeft", true);
    const result = { at: state.at, kept, focus: whole.tabIndex, words: whole.said["aria-label"] };
    """
    found = play(lines)
    assert found["at"] == [0, 46] and found["kept"] == 3
    assert found["focus"] == 0 and "Arrow keys" in found["words"]


def test_it_follows_python_and_lets_go(play):
    lines = """
    model.set("at", [7, 9]);
    const moved = glasses[0].drawn.at(-1).slice(0, 2);
    state.pictures = ["data:c", "data:d"];
    watched["change:pictures"]();
    images.at(-2).onload(); images.at(-1).onload();
    clean();
    const result = [moved, images.map((each) => each.src), Object.keys(watched)];
    """
    assert play(lines) == [[7, 9], ["data:a", "data:b", "data:c", "data:d"], []]
