"""A magnifier over aligned pictures: the same spot of each, enlarged, follows mouse or keys."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence

import anywidget
import ipywidgets
import traitlets
from PIL import Image

from gancourse.files import CourseError
from gancourse.show.aligned import aligned, inside
from gancourse.show.grids import png

SCRIPT = """
function render({ model, el }) {
  const side = model.get("side"), names = model.get("names");
  const [width, height] = model.get("size");
  const whole = document.createElement("canvas");
  whole.width = width; whole.height = height; whole.tabIndex = 0;
  whole.setAttribute("role", "application");
  whole.setAttribute("aria-label", "A picture under a magnifier. " +
    "Arrow keys move it, with Shift in large steps.");
  whole.style.cssText = "width:100%;max-width:" + width + "px;display:block;cursor:crosshair;" +
    "touch-action:none";
  const loupes = document.createElement("div");
  loupes.style.cssText = "display:flex;flex-wrap:wrap;gap:8px;margin-top:8px";
  el.append(whole, loupes);
  const glasses = names.map((name) => {
    const figure = document.createElement("figure"), words = document.createElement("figcaption");
    const glass = document.createElement("canvas");
    glass.width = glass.height = side;
    glass.setAttribute("role", "img");
    glass.setAttribute("aria-label", name);
    glass.style.cssText = "width:" + side * model.get("zoom") + "px;max-width:100%;" +
      "image-rendering:pixelated;display:block";
    figure.style.cssText = "margin:0;flex:0 1 auto;max-width:calc(50% - 4px)";
    words.textContent = name;
    figure.append(words, glass);
    loupes.append(figure);
    return glass.getContext("2d");
  });
  const sheet = whole.getContext("2d");
  const limit = (value, most) => Math.max(0, Math.min(Math.round(value), most));
  let images = [];
  const draw = () => {
    const [x, y] = model.get("at"), shown = images[names.indexOf(model.get("whole"))];
    if (!shown || !shown.ready) return;
    sheet.drawImage(shown, 0, 0);
    for (const [colour, line] of [["#fff", 4], ["#000", 2]]) {
      sheet.strokeStyle = colour; sheet.lineWidth = line; sheet.strokeRect(x, y, side, side);
    }
    glasses.forEach((glass, i) => {
      if (images[i].ready) glass.drawImage(images[i], x, y, side, side, 0, 0, side, side);
    });
  };
  const load = () => {
    images = model.get("pictures").map((source) => {
      const image = new Image();
      image.onload = () => { image.ready = true; draw(); };
      image.src = source;
      return image;
    });
  };
  const move = (x, y) => {
    const [a, b] = model.get("at");
    const next = [limit(x, width - side), limit(y, height - side)];
    if (a === next[0] && b === next[1]) return;
    model.set("at", next);
    draw();
  };
  const follow = (event) => {
    const box = whole.getBoundingClientRect();
    move((event.clientX - box.left) / box.width * width - side / 2,
      (event.clientY - box.top) / box.height * height - side / 2);
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  whole.addEventListener("pointerdown", follow);
  whole.addEventListener("pointermove", follow);
  whole.addEventListener("pointerleave", () => model.save_changes());
  whole.addEventListener("blur", () => model.save_changes());
  whole.addEventListener("keydown", (event) => {
    const step = steps[event.key], [x, y] = model.get("at"), far = event.shiftKey ? 16 : 2;
    if (!step) return;
    event.preventDefault();
    move(x + far * step[0], y + far * step[1]);
  });
  load();
  const watched = { pictures: load, at: draw, whole: draw };
  for (const [name, call] of Object.entries(watched)) model.on("change:" + name, call);
  return () => {
    for (const [name, call] of Object.entries(watched)) model.off("change:" + name, call);
  };
}
export default { render };
"""


class Magnifier(anywidget.AnyWidget):
    """One picture whole, and a square of each, enlarged; see `magnify`."""

    _esm = SCRIPT
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)  # PNG data URLs
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    whole = traitlets.Unicode().tag(sync=True)  # name of the picture that is shown whole
    size = traitlets.List(traitlets.Int()).tag(sync=True)  # width and height, px
    side = traitlets.Int().tag(sync=True)  # of the enlarged square, px
    zoom = traitlets.Int().tag(sync=True)
    at = traitlets.List(traitlets.Int()).tag(sync=True)  # left and top of the square, px


def magnify(
    pictures: Mapping[str, object],
    *,
    whole: str | None = None,
    at: tuple[int, int] | None = None,
    side: int = 48,
    zoom: int = 4,
) -> Magnifier:
    """A widget: one picture whole, and below it the same square of each, as large pixels.

    Args:
        pictures: name -> picture (3, H, W) or (1, 3, H, W), float in [-1, 1] or uint8, all of one
            size.
        whole: name of the picture to show whole (default: the first).
        at: left and top of the square at the start, in pixels (default: the middle).
        side: of the square, in pixels.
        zoom: screen pixels per pixel of the square.

    Raises:
        CourseError: no pictures or different sizes, an unknown name, or a square that does not fit.
    """
    arrays = aligned(pictures)
    height, width = next(iter(arrays.values())).shape[:2]
    whole = next(iter(arrays)) if whole is None else whole
    if whole not in arrays:
        raise CourseError(f"whole={whole!r}: no such picture; choose from: {', '.join(arrays)}.")
    at = ((width - side) // 2, (height - side) // 2) if at is None else at
    inside([at], side, width, height)
    return Magnifier(
        pictures=[address(Image.fromarray(array)) for array in arrays.values()],
        names=list(arrays),
        whole=whole,
        size=[width, height],
        side=side,
        zoom=zoom,
        at=list(at),
    )


def bring(make: Callable[[Image.Image], Mapping[str, object]], **options):
    """A button that takes a photo of the reader's, and a magnifier over what `make` makes of it.

    Args:
        make: takes the photo and returns pictures by name, as for `magnify`. If it raises an error,
            the message is shown instead.
        options: further arguments of `magnify`.
    """
    button = ipywidgets.FileUpload(accept="image/*", multiple=False, description="Your photo")
    words, screen = ipywidgets.HTML(), ipywidgets.VBox()

    def show(_=None) -> None:
        photo = uploaded(button.value)
        if photo is None:
            return
        try:
            screen.children, words.value = (magnify(make(opened(photo)), **options),), ""
        except CourseError as error:
            screen.children, words.value = (), html.escape(str(error))
        except Exception as error:  # or an event loop would hide it in a log
            said = f"<b>{type(error).__name__}</b>: {html.escape(str(error))}"
            screen.children, words.value = (), said

    button.observe(show, names="value")
    return ipywidgets.VBox([button, words, screen], layout={"max_width": "100%"})


def uploaded(value: Sequence[Mapping] | Mapping[str, Mapping]) -> bytes | None:
    """The bytes of the newest file of a FileUpload, in ipywidgets 7 (by name) or 8 (a sequence)."""
    files = list(value.values()) if isinstance(value, Mapping) else list(value)
    return bytes(files[-1]["content"]) if files else None


def opened(photo: bytes) -> Image.Image:
    """The photo in a file's bytes, upright, RGB.

    Raises:
        CourseError: they are no picture.
    """
    from PIL import ImageOps

    try:
        with Image.open(io.BytesIO(photo)) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CourseError(
            f"photo: no picture that can be read ({error}); give a JPEG or PNG file."
        ) from error


def address(image: Image.Image) -> str:
    """A picture as a PNG data URL, which keeps every pixel."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()
