"""A sketchpad for mouse, finger or pen, beside what a function makes of the drawing."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable

import anywidget
import ipywidgets
import traitlets
from PIL import Image

from gancourse.files import CourseError
from gancourse.show.explorers import Soon
from gancourse.show.grids import png

SIDE = 288  # pixels of the sketchpad; OpenMoji's strokes are 1/36 of their picture wide
PEN = SIDE / 36

SCRIPT = """
function render({ model, el }) {
  const side = model.get("side");
  const sheet = document.createElement("canvas");
  sheet.width = sheet.height = side;
  sheet.setAttribute("role", "img");
  sheet.setAttribute("aria-label", "A sketchpad. The coloured picture is shown beside it.");
  sheet.style.cssText = "width:100%;max-width:" + side + "px;border:1px solid #888;" +
    "border-radius:6px;background:#fff;touch-action:none;cursor:crosshair;display:block";
  const clear = document.createElement("button");
  clear.textContent = "Clear";
  clear.style.cssText = "margin-top:6px;padding:4px 14px";
  el.append(sheet, clear);
  const ink = sheet.getContext("2d");
  const blank = () => { ink.fillStyle = "#fff"; ink.fillRect(0, 0, side, side); };
  blank();
  ink.lineWidth = model.get("pen");
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#000";
  let last = null;
  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    return [x * side, y * side];
  };
  let shown = "";
  const send = (drawing) => { model.set("drawing", shown = drawing); model.save_changes(); };
  const restore = () => {  // when shown again in another cell, or set from Python
    const drawing = model.get("drawing");
    if (drawing === shown) return;
    shown = drawing;
    if (!drawing) return blank();
    const image = new Image();
    image.onload = () => {
      if (shown === drawing) { blank(); ink.drawImage(image, 0, 0, side, side); }
    };
    image.src = drawing;
  };
  restore();
  model.on("change:drawing", restore);
  sheet.addEventListener("pointerdown", (event) => {
    sheet.setPointerCapture(event.pointerId);
    last = place(event);
    ink.beginPath(); ink.moveTo(...last); ink.lineTo(...last); ink.stroke();
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    ink.beginPath(); ink.moveTo(...last); ink.lineTo(...next); ink.stroke();
    last = next;
  });
  const end = () => { if (last) { last = null; send(sheet.toDataURL("image/png")); } };
  sheet.addEventListener("pointerup", end);
  sheet.addEventListener("pointercancel", end);
  clear.addEventListener("click", () => { blank(); send(""); });
  return () => model.off("change:drawing", restore);
}
export default { render };
"""


class Sketchpad(anywidget.AnyWidget):
    """A white sketchpad; `drawing` is a PNG data URL, sent after each stroke, "" if blank."""

    _esm = SCRIPT
    drawing = traitlets.Unicode("").tag(sync=True)
    side = traitlets.Int(SIDE).tag(sync=True)
    pen = traitlets.Float(PEN).tag(sync=True)


def sketch(make: Callable[[Image.Image], Image.Image], *, hint: str = "Draw with closed outlines."):
    """A sketchpad, and the picture that `make` returns for the drawing after each stroke.

    Args:
        make: takes the drawing, a grey picture of black lines on white, and returns the picture to
            show. If it raises an error, the message is shown instead.
        hint: shown while the sketchpad is blank.
    """
    sheet = Sketchpad()
    screen = ipywidgets.Image(value=NOTHING, format="png", width=SIDE, height=SIDE)
    words = ipywidgets.HTML(html.escape(hint))

    def redraw() -> None:
        try:
            if not sheet.drawing:
                screen.value, words.value = NOTHING, html.escape(hint)
                return
            screen.value, words.value = png(make(picture(sheet.drawing))), ""
        except CourseError as error:
            screen.value, words.value = NOTHING, html.escape(str(error))
        except Exception as error:  # or an event loop would hide it in a log
            screen.value = NOTHING
            words.value = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"

    sheet.observe(Soon(redraw), names="drawing")
    side_by_side = ipywidgets.Layout(
        display="flex", flex_flow="row wrap", align_items="flex-start", grid_gap="12px"
    )
    return ipywidgets.VBox([ipywidgets.Box([sheet, screen], layout=side_by_side), words])


def picture(address: str) -> Image.Image:
    """The grey picture in a PNG data URL.

    Raises:
        CourseError: it contains none.
    """
    head, _, body = address.partition(",")
    try:
        if head != "data:image/png;base64":
            raise ValueError(head[:40])
        data = io.BytesIO(base64.b64decode(body, validate=True))
        return Image.open(data, formats=("PNG",)).convert("L")
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise CourseError(
            f"drawing: not a PNG picture ({error}); clear the sketchpad and draw again."
        ) from error


# One transparent pixel: browsers show a "broken picture" for no bytes at all.
NOTHING = png(Image.new("LA", (1, 1)))
