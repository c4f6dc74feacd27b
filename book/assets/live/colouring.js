// Chapter 6: draw, and pix2pix colours the drawing while you draw.
//
// A drawing is a list of strokes, each a list of places x, y, x, y ... in units of which a sheet has
// 72 on a side, as OpenMoji's drawings have. The network paints 64 x 64 pixels; its colours are
// enlarged, and the strokes drawn over them once more (gancourse/studio/colouring.py).
(function () {
"use strict";

const { element, row, button, choice, drag, canvas, paint, soon, inTurn, random } = Live;
const NEAR = 0.9; // how white a pixel is that no line touches, of 1
const PAPER = 250; // grey levels from here are no line and no line's smooth edge
const ALIKE = 12, VOTES = 500; // Lab units between colours that vote together; colours that stand for election
const STEP = 2, FINE = 0.5; // how far an arrow key moves the pen, in units; with Shift
const SHOWN = 576; // pixels of a large picture's side

// ---------------------------------------------------------------- what the network sees

/**
 * A sheet whose ink is counted pixel by pixel. It is not read from a canvas: browsers smooth lines
 * differently, and some add noise so that nobody is recognised by it. `add(stroke, from)` inks a stroke
 * from its place number `from` on; `seen()` gives the mean of each block, from 0 (black) to 255.
 */
function sheetOf({ side, units, width, seen: across }) {
  const ink = new Uint8Array(side * side), scale = side / units, radius = width / 2 * scale, block = side / across;
  const limit = (place) => Math.min(side, Math.max(0, Math.floor(place + 0.5)));

  function line(ax, ay, bx, by) {
    const left = limit(Math.min(ax, bx) - radius), right = limit(Math.max(ax, bx) + radius);
    const top = limit(Math.min(ay, by) - radius), bottom = limit(Math.max(ay, by) + radius);
    const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy || 1;
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const x = j + 0.5 - ax, y = i + 0.5 - ay; // from a to the pixel's middle
        const along = Math.min(1, Math.max(0, (x * dx + y * dy) / length));
        const u = x - along * dx, v = y - along * dy; // from the line to it
        if (u * u + v * v <= radius * radius) ink[i * side + j] = 1;
      }
    }
  }

  return {
    clear: () => ink.fill(0),
    add(stroke, from = 0) {
      const place = (i) => [stroke[2 * i] * scale, stroke[2 * i + 1] * scale];
      const last = stroke.length / 2 - 1;
      for (let i = from; i < Math.max(last, from + 1); i++) line(...place(i), ...place(Math.min(i + 1, last)));
    },
    seen() {
      const counts = new Float64Array(across * across);
      for (let i = 0; i < side; i++) {
        const to = Math.floor(i / block) * across;
        for (let j = 0; j < side; j++) counts[to + Math.floor(j / block)] += ink[i * side + j];
      }
      return Uint8Array.from(counts, (count) => Math.floor(255 * (1 - count / block ** 2) + 0.5));
    },
  };
}

// ---------------------------------------------------------------- colours under sharp lines

/** A blur with a Gaussian of 7 pixels, the picture's borders mirrored. */
function blurred(plane, side, sigma) {
  const weights = [-3, -2, -1, 0, 1, 2, 3].map((k) => Math.exp(-0.5 * (k / sigma) ** 2));
  const total = weights.reduce((sum, w) => sum + w);
  const places = Int32Array.from({ length: side + 6 }, (_, i) => side - 1 - Math.abs(side - 1 - Math.abs(i - 3)));
  const along = (from, stride, across) => {
    const to = new Float32Array(side * side);
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      let sum = 0;
      for (let t = 0; t < 7; t++) sum += weights[t] * from[places[i + t] * stride + j * across];
      to[i * stride + j * across] = sum / total;
    }
    return to;
  };
  return along(along(plane, side, 1), 1, side); // down the columns, then along the rows
}

/** The sum over each pixel and its eight neighbours; beyond the border there is nothing. */
function around(plane, side) {
  const rows = plane.map((v, p) => v + (p % side ? plane[p - 1] : 0) + ((p + 1) % side ? plane[p + 1] : 0));
  return rows.map((v, p) => v + (p < side ? 0 : rows[p - side]) + (p + side < rows.length ? rows[p + side] : 0));
}

/**
 * The network's colours (3, side, side) in [-1, 1] without its lines, which it draws too, but blurred:
 * pixels next to a line take the colour beside them, and lines are filled from both sides. `seen` is the
 * line art. -> (3, side, side) in [-1, 1]
 */
function grown({ data, shape }, seen) {
  const side = shape.at(-1), area = side * side;
  const free = Float32Array.from(seen, (level) => level / 255); // 0 on a line, 1 beside it
  const planes = [0, 1, 2].map((k) => data.slice(k * area, (k + 1) * area).map((v) => (v + 1) / 2));
  const touched = around(free.map((v) => Number(v <= NEAR)), side);
  let known = touched.map((count) => Number(!count));
  for (let round = 0; round < 2; round++) { // the second fills corners
    const share = around(known, side);
    const fresh = share.map((count, p) => Number(count > 0 && !known[p] && free[p] > NEAR));
    for (const plane of planes) {
      const near = around(plane.map((v, p) => v * known[p]), side);
      fresh.forEach((yes, p) => { if (yes) plane[p] = near[p] / share[p]; });
    }
    known = known.map((yes, p) => Math.max(yes, fresh[p]));
  }
  const weight = free.map((v) => v ** 4);
  for (const sigma of [0.7, 1.5]) { // near colours first; the second pass reaches into wide lines
    const reached = blurred(weight, side, sigma);
    for (const plane of planes) {
      const near = blurred(plane.map((v, p) => v * weight[p]), side, sigma);
      free.forEach((v, p) => { if (v <= NEAR) plane[p] = near[p] / Math.max(reached[p], 1e-4); });
    }
  }
  const colours = new Float32Array(3 * area);
  planes.forEach((plane, k) => colours.set(plane.map((v) => Math.min(1, Math.max(-1, 2 * v - 1))), k * area));
  return { data: colours, shape: [3, side, side] };
}

// ---------------------------------------------------------------- several views

/**
 * The mean of what the network makes of a drawing (`seen`) in several views: moved by [right, down]
 * pixels, every second one mirrored too. In a wide plain area one answer is blotched, and the mean less
 * so (`calm` in gancourse/studio/colouring.py). -> (3, side, side) in [-1, 1]
 */
function calm(network, seen, views, side, uniform) {
  const area = side * side, total = new Float32Array(3 * area);
  views.forEach(([right, down], k) => {
    const from = Int32Array.from(seen, (_, p) => { // where in the drawing a pixel of the view lies
      const x = k % 2 ? side - 1 - p % side : p % side, y = Math.floor(p / side);
      return (y - down + side) % side * side + (x - right + side) % side;
    });
    const { data } = network.run({ input: Float32Array.from(from, (p) => seen[p] / 127.5 - 1) }, { uniform });
    for (let i = 0; i < data.length; i++) {
      total[i - i % area + from[i % area]] += data[i] / views.length;
    }
  });
  return { data: total, shape: [3, side, side] };
}

// ---------------------------------------------------------------- one colour for each region

/** A colour in Lab, of red, green and blue in [-1, 1], as a picture of bytes would hold them. */
function inLab(colour) {
  const [r, g, b] = colour.map((v) => Math.round((v + 1) * 127.5) / 255)
    .map((v) => v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92);
  const [x, y, z] = [
    (0.412453 * r + 0.35758 * g + 0.180423 * b) / 0.950456,
    0.212671 * r + 0.71516 * g + 0.072169 * b,
    (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754,
  ].map((v) => v > (6 / 29) ** 3 ? Math.cbrt(v) : v * (29 / 6) ** 2 / 3 + 4 / 29);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const squared = ([l, a, b], [m, c, d]) => (l - m) ** 2 + (a - c) ** 2 + (b - d) ** 2; // distance

/** The places of each region of paper that lines enclose: what no step joins to the border. */
function enclosed(seen, side) {
  const met = Uint8Array.from(seen, (level) => Number(level < PAPER)), regions = [];
  for (let start = 0; start < met.length; start++) {
    if (met[start]) continue;
    const region = [start];
    let open = false; // does it reach the border?
    met[start] = 1;
    for (const p of region) { // which grows meanwhile
      const x = p % side, y = Math.floor(p / side);
      open ||= x === 0 || y === 0 || x === side - 1 || y === side - 1;
      const steps = [[x > 0, p - 1], [x < side - 1, p + 1], [y > 0, p - side], [y < side - 1, p + side]];
      for (const [there, next] of steps) {
        if (!there || met[next]) continue;
        met[next] = 1;
        region.push(next);
      }
    }
    if (!open) regions.push(region.sort((a, b) => a - b));
  }
  return regions;
}

/**
 * A picture (3, side, side) in [-1, 1] in which all that a line encloses has one colour: the one that
 * most of its pixels are near (`evened` in gancourse/studio/colouring.py). `seen` is the line art.
 */
function evened({ data, shape }, seen) {
  const side = shape.at(-1), area = side * side, made = data.slice();
  for (const region of enclosed(seen, side)) {
    const voters = region.map((p) => inLab([data[p], data[area + p], data[2 * area + p]]));
    const every = Math.floor(voters.length / VOTES) + 1;
    let elected = [];
    for (let i = 0; i < voters.length; i += every) {
      const close = region.filter((_, k) => squared(voters[i], voters[k]) < ALIKE ** 2);
      if (close.length > elected.length) elected = close;
    }
    for (let c = 0; c < 3; c++) {
      const mean = elected.reduce((sum, p) => sum + data[c * area + p], 0) / elected.length;
      for (const p of region) made[c * area + p] = mean;
    }
  }
  return { data: made, shape };
}

// ---------------------------------------------------------------- the figure

Live.figure("colouring", Object.assign(wake, { sheetOf, grown, calm, evened })); // these can be tried without a page

function wake(stage, { models, data, root }) {
  const { units, width, seen: across } = data;
  const sheet = sheetOf(data);
  const state = { strokes: [], seed: 0, chosen: 0, drawing: false, x: units / 2, y: units / 2 };
  const past = []; // drawings to go back to
  const outputs = []; // of each opinion, what the network made
  const colours = []; // of each opinion, a canvas of its colours without lines
  let seen = null; // null: to be counted again

  // ---- pictures
  const paper = canvas(SHOWN, SHOWN, "", "live-smooth live-sheet");
  const keys = "Arrow keys move the pen, Space puts it down and lifts it.";
  const named = { role: "application", tabindex: 0, "aria-label": `Sheet to draw on. ${keys}` };
  for (const [name, value] of Object.entries(named)) paper.setAttribute(name, value);
  const pen = element("i", { className: "live-pen", attr: { "aria-hidden": "true" } });
  const large = canvas(SHOWN, SHOWN, "The drawing, coloured by the network", "live-smooth");
  const small = Array.from({ length: data.opinions }, (_, i) => canvas(192, 192, `Opinion ${i + 1}`, "live-smooth"));
  const opinions = choice("Opinions on the drawing", small, (i) => { state.chosen = i; show(i); });
  opinions.box.classList.add("live-draws", "live-opinions");
  const note = element("p", {
    className: "live-said", attr: { role: "status" },
    textContent: `Draw with the mouse, a finger or a pen. With a keyboard, go to the sheet. ${keys}`,
  });

  /** Draw the strokes on a canvas, in black and as wide as those that the network has learned. */
  function ink(target) {
    const context = target.getContext("2d"), scale = target.width / units;
    context.lineWidth = width * scale;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = "#000";
    for (const stroke of state.strokes) {
      context.beginPath();
      context.moveTo(stroke[0] * scale, stroke[1] * scale);
      for (let i = 0; i < stroke.length; i += 2) context.lineTo(stroke[i] * scale, stroke[i + 1] * scale);
      context.stroke();
    }
  }

  function clean(target) {
    const context = target.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, target.width, target.height);
    return context;
  }

  function show(i) {
    for (const target of i === state.chosen ? [small[i], large] : [small[i]]) {
      const context = clean(target);
      if (!state.strokes.length) continue;
      context.imageSmoothingQuality = "high";
      if (colours[i]) context.drawImage(colours[i], 0, 0, target.width, target.height);
      ink(target);
    }
  }

  /** Ask the network for opinion `i`. The same seed makes the same noise, so an opinion stays itself. */
  function draw(i) {
    if (state.strokes.length) {
      seen ??= sheet.seen();
      const { uniform } = random(1000 * state.seed + i);
      const views = state.drawing ? data.views.slice(0, 1) : data.views; // one follows the pen more closely
      const made = calm(models.pix2pix, seen, views, across, uniform);
      outputs[i] = state.drawing ? made : evened(made, seen);
      colours[i] ??= canvas(across, across, "");
      paint(colours[i], grown(outputs[i], seen));
    }
    show(i);
  }

  const colour = inTurn(data.opinions, () => state.chosen, draw);
  const repaint = soon(() => { clean(paper); ink(paper); });

  function changed() {
    seen = null;
    repaint();
    colour();
    undoing.disabled = !past.length;
  }

  // ---- drawing
  function keep() {
    past.push([...state.strokes]);
    if (past.length > 200) past.shift();
  }

  /** Put other strokes on the sheet. */
  function replace(strokes) {
    lift();
    state.strokes = strokes;
    sheet.clear();
    for (const stroke of strokes) sheet.add(stroke);
    changed();
  }

  function begin(x, y) {
    keep();
    state.strokes.push([x, y]);
    state.drawing = true;
    sheet.add(state.strokes.at(-1));
    changed();
  }

  function go(x, y) {
    const stroke = state.strokes.at(-1);
    stroke.push(x, y);
    sheet.add(stroke, stroke.length / 2 - 2);
    changed();
  }

  function lift() {
    const drew = state.drawing;
    state.drawing = false;
    delete pen.dataset.down;
    if (drew) colour(); // now from all views
  }

  function undo() {
    const asked = document.activeElement === undoing;
    if (past.length) replace(past.pop());
    if (asked && undoing.disabled) paper.focus({ preventScroll: true }); // the button can be pressed no more
  }

  const within = (v) => Math.min(units, Math.max(0, v));
  drag(paper, (x, y, start) => {
    const place = [within(x * units), within(y * units)];
    if (start) {
      lift();
      paper.focus({ preventScroll: true });
      begin(...place);
    } else go(...place);
    move(...place);
  }, lift);

  // ---- with keys
  function move(x, y) {
    [state.x, state.y] = [x, y];
    pen.style.left = `${100 * x / units}%`;
    pen.style.top = `${100 * y / units}%`;
  }

  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  paper.addEventListener("keydown", (event) => {
    const way = ways[event.key];
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (way) {
      const far = event.shiftKey ? FINE : STEP;
      const [x, y] = [within(state.x + far * way[0]), within(state.y + far * way[1])];
      move(x, y);
      if (state.drawing) go(x, y);
    } else if (event.key === " ") {
      if (!event.repeat) press();
    } else if (event.key === "Escape" && state.drawing) press();
    else return;
    event.preventDefault();
  });
  paper.addEventListener("blur", lift);

  function press() {
    if (state.drawing) lift();
    else {
      begin(state.x, state.y);
      pen.dataset.down = "";
    }
    const [x, y] = [state.x, state.y].map((v) => Math.round(100 * v / units));
    note.textContent = `Pen ${state.drawing ? "down" : "up"}, ${x} % from the left, ${y} % from the top.`;
  }

  // ---- the rest
  const example = ({ name, strokes }) => button(`${name[0].toUpperCase()}${name.slice(1)}`, () => {
    keep();
    replace(strokes.map((stroke) => [...stroke]));
  });
  const undoing = button("Undo", undo);
  const clearing = button("Clear", () => { if (state.strokes.length) { keep(); replace([]); } });
  const others = button("Other opinions", () => { state.seed++; colour(); });
  stage.append(
    element("div", { className: "live-choice", attr: { role: "group", "aria-label": "Examples" } },
      ...data.examples.map(example)),
    element("div", { className: "live-desk" },
      element("div", { className: "live-paper" }, paper, pen), large),
    note,
    row(undoing, clearing, others),
    opinions.box,
  );
  move(state.x, state.y);
  replace(data.examples[0].strokes.map((stroke) => [...stroke]));
  clean(paper);
  ink(paper);
  draw(0); // so that it does not wake with empty pictures
  root.live = { state, outputs, draw, replace, undo, get seen() { return sheet.seen(); } };
}
})();
