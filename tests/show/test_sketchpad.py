from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest
from PIL import Image

from gancourse.files import CourseError

widgets = pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from gancourse.show import sketchpad  # noqa: E402


def address(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(sketchpad.png(image)).decode()


DRAWING, OTHER = (address(Image.new("RGBA", (8, 8), colour)) for colour in ("white", "black"))


def test_a_drawing_is_a_grey_picture():
    found = sketchpad.picture(DRAWING)
    assert found.mode == "L" and found.size == (8, 8) and found.getextrema() == (255, 255)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "cat.png",
        "file:///etc/passwd",
        "https://example.org/cat.png",
        "data:image/svg+xml;base64,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,AAAA",
        "data:image/png," + "A" * 9,
        DRAWING[: len(DRAWING) // 2],
        DRAWING.replace("png", "jpeg"),
        DRAWING.replace("data:", "http:"),
        "data:image/png;base64,/9j/4AAQSkZJRgABAQ==",
    ],
)
def test_other_addresses_are_refused(given):
    with pytest.raises(CourseError, match="drawing: not a PNG picture"):
        sketchpad.picture(given)


def test_a_picture_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(CourseError, match="drawing: not a PNG picture"):
        sketchpad.picture(DRAWING)


def parts(box):
    (sheet, screen), words = box.children[0].children, box.children[1]
    return sheet, screen, words


def test_each_drawing_is_made_anew_and_clearing_shows_the_hint_again():
    asked, red = [], Image.new("RGB", (4, 4), "red")
    sheet, screen, words = parts(
        sketchpad.sketch(lambda image: asked.append(image) or red, hint="Draw <here>.")
    )
    assert words.value == "Draw &lt;here&gt;." and asked == []
    sheet.drawing = DRAWING
    assert bytes(screen.value) == sketchpad.png(red) and words.value == ""
    assert [(image.mode, image.getpixel((0, 0))) for image in asked] == [("L", 255)]
    sheet.drawing = OTHER
    assert asked[-1].getpixel((0, 0)) == 0 and len(asked) == 2
    sheet.drawing = ""
    assert (
        words.value == "Draw &lt;here&gt;."
        and bytes(screen.value) == sketchpad.NOTHING
        and len(asked) == 2
    )


def test_the_picture_is_not_stretched_to_the_sheet_and_its_button():
    box = sketchpad.sketch(lambda image: image).children[0]
    assert box.layout.align_items == "flex-start"


def test_the_empty_screen_is_a_picture_that_nobody_sees():
    _, screen, _ = parts(sketchpad.sketch(lambda image: image))
    import io

    image = Image.open(io.BytesIO(bytes(screen.value)))
    assert image.convert("RGBA").getextrema()[3] == (0, 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CourseError("No <lines> found."), "No &lt;lines&gt; found."),
        (ValueError("a & b"), "<b>ValueError</b>: a &amp; b"),
    ],
)
def test_the_words_of_an_error_stand_in_the_pictures_place(error, words):
    answers = [Image.new("RGB", (4, 4)), error, Image.new("RGB", (4, 4), "blue")]

    def make(image):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    sheet, screen, said = parts(sketchpad.sketch(make))
    sheet.drawing = DRAWING
    sheet.drawing = OTHER
    assert said.value == words and bytes(screen.value) == sketchpad.NOTHING
    sheet.drawing = DRAWING
    assert said.value == "" and bytes(screen.value) != sketchpad.NOTHING


def test_a_wrong_address_is_said_and_not_raised():
    sheet, _, said = parts(sketchpad.sketch(lambda image: image))
    sheet.drawing = "https://example.org/cat.png"
    assert "drawing: not a PNG picture" in said.value


def test_the_widgets_state_holds_the_drawing():
    sheet = sketchpad.Sketchpad()
    sheet.drawing = DRAWING
    state = sheet.get_state()
    assert (state["drawing"], state["side"], state["pen"]) == (
        DRAWING,
        sketchpad.SIDE,
        sketchpad.PEN,
    )


STAGE = """
const drawn = [], handlers = {}, watched = {};
const log = (name) => (...given) => drawn.push([name, ...given]);
const ink = { fillRect: log("blank"), beginPath() {}, moveTo: log("move"), lineTo: log("line"),
  stroke: log("stroke"), drawImage: log("image") };
let address = "data:one";
const box = { left: 10, top: 20, width: 144, height: 144 };
const element = (tag) => ({ tag, style: {}, setAttribute() {}, setPointerCapture() {},
  getContext: () => ink, toDataURL: () => address, getBoundingClientRect: () => box,
  addEventListener: (name, call) => { handlers[tag + " " + name] = call; } });
globalThis.document = { createElement: element };
const images = [];
globalThis.Image = class { constructor() { images.push(this); } };
const state = JSON.parse(process.argv[2]);
let saves = 0;
const model = { get: (name) => state[name], set: (name, value) => { state[name] = value; },
  save_changes: () => { saves++; },
  on: (name, call) => { watched[name] = call; }, off: (name) => { delete watched[name]; } };
const kept = [];
const clean = widget.render({ model, el: { append: (...all) => kept.push(...all) } });
"""
SHEET = {"side": 288, "pen": 8, "drawing": ""}


@pytest.fixture
def play(tmp_path):
    """Run lines of JavaScript beside the sheet on a stage of stand-ins; the value of `result` comes
    back.
    """
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    (tmp_path / "widget.mjs").write_text(sketchpad.SCRIPT)
    assert (
        subprocess.run([node, "--check", tmp_path / "widget.mjs"], capture_output=True).returncode
        == 0
    )

    def run(lines: str, **state):
        code = ['import widget from "./widget.mjs";', STAGE, lines]
        code.append("console.log(JSON.stringify(result));")
        (tmp_path / "play.mjs").write_text("\n".join(code))
        command = [node, tmp_path / "play.mjs", json.dumps(SHEET | state)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_stroke_is_drawn_and_sent_once_when_it_ends(play):
    lines = """
    handlers["canvas pointermove"]({ clientX: 50, clientY: 50 });  // no button is down
    handlers["canvas pointerdown"]({ clientX: 10, clientY: 20 });
    handlers["canvas pointermove"]({ clientX: 82, clientY: 92 });
    const during = saves;
    handlers["canvas pointerup"]({});
    handlers["canvas pointerup"]({});
    watched["change:drawing"]();
    const result = { drawn, during, saves, drawing: state.drawing, images: images.length,
      tags: kept.map((each) => each.tag) };
    """
    found = play(lines)
    assert found["tags"] == ["canvas", "button"]
    assert (found["during"], found["saves"], found["drawing"]) == (0, 1, "data:one")
    assert ["move", 0, 0] in found["drawn"] and ["line", 144, 144] in found["drawn"], (
        "in pixels of the sheet"
    )
    assert found["images"] == 0, "its own drawing is not drawn again"


def test_the_button_clears(play):
    lines = """
    drawn.length = 0;
    handlers["button click"]({});
    const result = [drawn, state.drawing, saves];
    """
    assert play(lines, drawing="data:old") == [[["blank", 0, 0, 288, 288]], "", 1]


def test_a_sheet_shown_again_has_its_drawing_and_follows_python(play):
    lines = """
    images[0].onload();
    const first = [images[0].src, drawn.at(-1)[0]];
    state.drawing = "";
    watched["change:drawing"]();
    images[0].onload();  // too late: the sheet is blank by now
    const then = drawn.at(-1)[0];
    clean();
    const result = [first, then, Object.keys(watched), saves];
    """
    assert play(lines, drawing="data:old") == [["data:old", "image"], "blank", [], 0]
