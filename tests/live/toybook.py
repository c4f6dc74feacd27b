"""A small page with one live figure, as the book writes it, to try the checks on: whole, and broken
in one place at a time.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

# A square that follows the pointer or two sliders, spins unless that is unwelcome, and is drawn in
# the theme's colours. $WAKE, $CLICK and $DRAG are places to break it.
FIGURE = """
Live.figure("toy", (stage, { root }) => {
  $WAKE
  const view = Live.canvas(160, 160, "A square that follows the pointer");
  const state = { x: 0.5, y: 0.5, size: 20, turns: 0 };
  const draw = Live.soon(() => {
    const colour = getComputedStyle(root).getPropertyValue("--gc-generator") || "#c60";
    const context = view.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 160, 160);
    context.fillStyle = colour;
    context.fillRect(160 * state.x - state.size / 2, 160 * state.y - state.size / 2, state.size, state.size);
  });
  Live.drag(view, (x, y) => { $DRAG; Object.assign(state, { x, y }); draw(); });
  const size = Live.slider("Size", { min: 5, max: 60, step: 1, value: 20 }, (v) => { state.size = v; draw(); });
  const knob = Live.pad("across", "up", ({ x, y }) => { Object.assign(state, { x: (x + 1) / 2, y: (1 - y) / 2 }); draw(); });
  const colour = Live.select("Shape", [["square", 0], ["large square", 1]], (v) => { state.size = 20 + 20 * v; draw(); });
  const again = Live.button("Again", () => { $CLICK; state.turns += 1; draw(); });
  stage.append(Live.row(view, knob.box), Live.row(size.box, colour.box, again));
  stage.style.minHeight = "400px";
  if (!Live.still() || $FORCE) setInterval(() => { state.x = (state.x + 0.02) % 1; draw(); }, 20);
  draw();
  root.live = state;
});
"""
# Enough of an engine for a figure that asks for a network.
ENGINE = "Live.engine = { open: () => ({ run: () => null }) };"
MODEL = 'Live.model("toy", {}, "");'
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Toy</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/course.css">
<link rel="stylesheet" href="_static/live/live.css">
<style>body {{ margin: 1rem; background: var(--gc-paper); color: var(--gc-ink); }} .space {{ height: {space}px; }}</style>
{head}
<script defer src="_static/live/live.js"></script>
</head>
<body>
<main class="bd-article">
<h1>Toy</h1>
<div class="space"></div>
<figure class="live" id="live-toy" data-figure="toy" data-version="1"{models}>
<div class="live-stage">{still}</div>
<p class="live-status" role="status"></p>
<figcaption>{caption}</figcaption>
</figure>
<div class="space"></div>
{body}
</main>
</body>
</html>
"""
STILL = (
    '<img class="live-still" src="_static/live/stills/toy.png" alt="A square on a sheet." '
    'width="400" height="400" loading="lazy">'
)
CAPTION = "<p>Drag the square, or move the sliders: it follows, and its size is yours.</p>"


def write(
    folder: Path,
    kit: Path,
    *,
    wake: str = "",
    click: str = "",
    drag: str = "",
    force: str = "false",
    change=("", ""),
    models: bool = False,
    head: str = "",
    body: str = "",
    still: str = STILL,
    caption: str = CAPTION,
    space: int = 1600,
) -> Path:
    """Write the page and what it needs; -> its path.

    Args:
        kit: the folder of live.js.
        wake, click, drag: statements to run when the figure wakes, is clicked, is dragged on.
        force: "true" for a figure that moves whatever the reader wishes.
        change: a piece of the figure's script, and what to write in its place.
        models: whether it asks for a network.
        head, body, still, caption: HTML in those places.
        space: above and below the figure, in CSS pixels.
    """
    live = folder / "_static" / "live"
    (live / "models").mkdir(parents=True)
    (live / "stills").mkdir()
    for name in ("live.js", "live.css"):
        shutil.copy(kit / name, live)
    shutil.copy(kit.parent / "course.css", folder / "_static")
    script = FIGURE.replace("$WAKE", wake).replace("$CLICK", click).replace("$DRAG", drag)
    script = script.replace("$FORCE", force)
    assert change[0] in script, f"the figure's script has no {change[0]!r}"
    (live / "toy.js").write_text(script.replace(*change) if change[0] else script, "utf-8")
    (live / "engine.js").write_text(ENGINE, encoding="utf-8")
    (live / "models" / "toy.js").write_text(MODEL, encoding="utf-8")
    Image.new("RGB", (400, 400), "white").save(live / "stills" / "toy.png")
    page = folder / "toy.html"
    names = ' data-models="toy" data-size="0.1 MB"' if models else ""
    parts = {"head": head, "body": body, "still": still, "caption": caption, "space": space}
    page.write_text(PAGE.format(models=names, **parts), encoding="utf-8")
    return page
