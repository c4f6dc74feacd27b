// Chapter 5: a small photo, four times as large in three ways, and one magnifier over all of them.
//
// The networks run in a worker, tile by tile, so that the page never waits for them. A photo of the
// reader's own is decoded and shrunk here, and goes nowhere else.
"use strict";

/**
 * Resizing, and a picture in tiles. Like the engine it is one function without a page around it, so that
 * a worker can be made of its source. Pictures are maps {data, shape}: (1, 3, height, width) in [-1, 1].
 */
function liveEnlarging() {

/** A neighbour's weight by its distance in samples. */
function cubic(distance) {
  const d = Math.abs(distance);
  if (d <= 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
}

/**
 * For each of `size` new samples along a line of `old` ones: [place, weight, place, weight, ...].
 * As gancourse/bicubic.py does it: antialiased where samples are lost, and mirrored at both ends.
 */
function weights(old, size) {
  const step = old / size, stretch = Math.max(step, 1);
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * step - 0.5, taps = [];
    let sum = 0;
    for (let at = Math.floor(centre - 2 * stretch); at <= centre + 2 * stretch; at++) {
      const weight = cubic((centre - at) / stretch), mirrored = (at % (2 * old) + 2 * old) % (2 * old);
      taps.push(Math.min(mirrored, 2 * old - 1 - mirrored), weight);
      sum += weight;
    }
    return taps.map((value, n) => (n % 2 ? value / sum : value));
  });
}

/** A picture (1, C, H, W) at another size: first along the rows, then along the columns. */
function resize({ data, shape: [, channels, height, width] }, [h, w]) {
  const across = new Float32Array(channels * height * w), made = new Float32Array(channels * h * w);
  weights(width, w).forEach((taps, x) => {
    for (let row = 0; row < channels * height; row++) {
      let sum = 0;
      for (let n = 0; n < taps.length; n += 2) sum += data[row * width + taps[n]] * taps[n + 1];
      across[row * w + x] = sum;
    }
  });
  weights(height, h).forEach((taps, y) => {
    for (let k = 0; k < channels; k++) {
      for (let x = 0; x < w; x++) {
        let sum = 0;
        for (let n = 0; n < taps.length; n += 2) sum += across[(k * height + taps[n]) * w + x] * taps[n + 1];
        made[(k * h + y) * w + x] = sum;
      }
    }
  });
  return { data: made, shape: [1, channels, h, w] };
}

/** The part of a picture from (top, left) to (bottom, right). */
function cut({ data, shape: [, channels, height, width] }, [top, left], [bottom, right]) {
  const h = bottom - top, w = right - left, part = new Float32Array(channels * h * w);
  for (let k = 0; k < channels; k++) {
    for (let y = 0; y < h; y++) {
      const from = (k * height + top + y) * width + left;
      part.set(data.subarray(from, from + w), (k * h + y) * w);
    }
  }
  return { data: part, shape: [1, channels, h, w] };
}

/**
 * Tiles of at most `core` x `core` px that cover a picture once: {down, across}, each {from, to, first, last}.
 * A tile is `from` to `to`; what a network has to see for that is `first` to `last`.
 */
function tiles(height, width, core, reach) {
  const along = (length) => {
    const count = Math.ceil(length / core), place = (i) => Math.round(i * length / count);
    return Array.from({ length: count }, (_, i) => {
      const from = place(i), to = place(i + 1);
      return { from, to, first: Math.max(0, from - reach), last: Math.min(length, to + reach) };
    });
  };
  return along(height).flatMap((down) => along(width).map((across) => ({ down, across })));
}

/** One tile enlarged. Its surroundings go in with it, and of the answer only its own part is kept. */
function enlargeTile(network, low, { down, across }) {
  const given = cut(low, [down.first, across.first], [down.last, across.last]);
  const made = network.run({ low: given }), scale = made.shape[3] / given.shape[3];
  const corner = (y, x) => [scale * (y - down.first), scale * (x - across.first)];
  return cut(made, corner(down.from, across.from), corner(down.to, across.to));
}

/** The other side of `helper`: a worker that opens networks and enlarges the tiles it is sent. */
function serve(engine) {
  const networks = {};
  self.onmessage = ({ data: { name, program, blob, id, low, tile } }) => {
    if (program) networks[name] = engine.open(program, blob);
    else self.postMessage({ id, made: enlargeTile(networks[name], low, tile) });
  };
}

return { resize, tiles, enlargeTile, serve };
}

(function () {
const { element, button, choice, drag, canvas, paint, soon } = Live;
const { resize, tiles, enlargeTile } = liveEnlarging();
const SCALE = 4, LENS = 48; // px of the large picture under the magnifier
const CORE = 80, CORE_HERE = 24; // px of the small picture in a tile: in a worker, and where the page itself computes
const MOST = 160; // px, the longest side of a photo of one's own that is enlarged
const LEAST = 8;
const NETWORKS = { srresnet: "SRResNet", srgan: "SRGAN" };
const TITLES = { given: "given", bicubic: "bicubic", ...NETWORKS, original: "original" };
const WAYS = Object.keys(TITLES), COMPARED = WAYS.slice(1);
const BORDER = 4; // px that the papers leave out of a PSNR

/** (name, low, tile) -> a promise of the tile enlarged. Computed in a worker, or here where there is none. */
function helper(models) {
  const waiting = new Map();
  let worker = null, count = 0;
  const here = (name, low, tile) => new Promise((resolve) => {
    setTimeout(() => resolve(enlargeTile(models[name], low, tile))); // the page may answer the reader first
  });
  const giveUp = () => {
    worker = null;
    for (const { again } of waiting.values()) again();
    waiting.clear();
  };
  try {
    const source = `"use strict"; (${liveEnlarging})().serve((${Live.engine.source})());`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(url);
    worker.onerror = giveUp;
    worker.onmessage = ({ data: { id, made } }) => {
      waiting.get(id).resolve(made);
      waiting.delete(id);
    };
    for (const name of Object.keys(NETWORKS)) {
      worker.postMessage({ name, program: models[name].program, blob: models[name].blob });
    }
  } catch { worker = null; }
  return {
    get core() { return worker ? CORE : CORE_HERE; },
    ask(name, low, tile) {
      if (!worker) return here(name, low, tile);
      return new Promise((resolve) => {
        const id = count++;
        waiting.set(id, { resolve, again: () => resolve(here(name, low, tile)) });
        worker.postMessage({ name, id, low, tile });
      });
    },
  };
}

/** Bytes in rows of red, green, blue (and `step` - 3 more) -> a picture in [-1, 1]. */
function fromBytes(bytes, height, width, step = 3) {
  const area = height * width, data = new Float32Array(3 * area);
  for (let p = 0; p < area; p++) for (let k = 0; k < 3; k++) data[k * area + p] = bytes[step * p + k] / 127.5 - 1;
  return { data, shape: [1, 3, height, width] };
}

/** Rounded to the 256 levels that a file has. */
function asFile({ data, shape }) {
  const level = (v) => Math.round((Math.max(-1, Math.min(1, v)) + 1) * 127.5) / 127.5 - 1;
  return { data: data.map(level), shape };
}

/** The pixels of an image or a canvas: {data, width, height}, four bytes each. */
function pixelsOf(image, width, height) {
  const sheet = element("canvas", { width, height }), context = sheet.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { fillStyle: "#fff", imageSmoothingQuality: "high" });
  context.fillRect(0, 0, width, height); // under what is transparent
  context.drawImage(image, 0, 0, width, height);
  return { sheet, data: context.getImageData(0, 0, width, height).data };
}

/** A bundled crop: what the course shrunk it to, and the crop itself. */
async function bundled({ low, height, width, original, ...rest }) {
  const image = element("img", { src: original });
  await image.decode();
  return { ...rest, low: fromBytes(Live.engine.bytesOf(low), height, width), original: pixelsOf(image, SCALE * width, SCALE * height) };
}

/** A reader's photo, brought to 640 px and shrunk to a quarter; one of 160 px or less is taken as it is. */
async function ofOnesOwn(file) {
  const image = await createImageBitmap(file), longest = Math.max(image.width, image.height);
  const start = { name: "Your photo", at: [0.5, 0.5] };
  if (longest <= MOST) {
    const { width, height } = image;
    if (Math.min(width, height) < LEAST) throw new Error(`it has ${width} × ${height} pixels, too few`);
    return { ...start, low: fromBytes(pixelsOf(image, width, height).data, height, width, 4) };
  }
  const ratio = Math.min(1, SCALE * MOST / longest);
  const [width, height] = [image.width, image.height].map((side) => Math.floor(ratio * side / SCALE) * SCALE);
  if (Math.min(width, height) < SCALE * LEAST) throw new Error("it is too narrow");
  const original = pixelsOf(image, width, height);
  const low = asFile(resize(fromBytes(original.data, height, width, 4), [height / SCALE, width / SCALE]));
  return { ...start, low, original };
}

/** PSNR of brightness in dB, as papers on super-resolution measure it (gancourse/metrics/restoration.py). */
function psnr(made, real, width, height) {
  let sum = 0;
  for (let y = BORDER; y < height - BORDER; y++) {
    for (let x = BORDER; x < width - BORDER; x++) {
      const p = 4 * (y * width + x), d = (k) => made[p + k] - real[p + k];
      sum += ((65.481 * d(0) + 128.553 * d(1) + 24.966 * d(2)) / 255) ** 2;
    }
  }
  return 10 * Math.log10(255 ** 2 * (width - 2 * BORDER) * (height - 2 * BORDER) / sum);
}

Live.figure("enlarging", async (stage, { models, data, root }) => {
  const compute = helper(models), scratch = element("canvas");
  const state = { picture: null, shown: "srgan", x: 0.5, y: 0.5, run: 0, todo: [], done: 0, error: "" };
  const sheets = {}; // way -> a canvas with the whole picture
  for (const way of WAYS) sheets[way] = element("canvas");

  // What is seen: the picture with a square on it, and what lies under the square, in four versions.
  const view = canvas(1, 1, "", "live-smooth live-view"), square = element("i");
  const steer = (label) => element("input", {
    type: "range", min: 0, max: 100, className: "live-hidden", attr: { "aria-label": label },
  });
  const keys = [steer("Magnifier, from left to right"), steer("Magnifier, from bottom to top")];
  const box = element("div", { className: "live-over" }, view, square);
  const whole = element("div", { className: "live-whole" }, box, ...keys);
  const lenses = COMPARED.map((way) => {
    const glass = canvas(LENS, LENS, `${TITLES[way]}, under the magnifier`), score = element("span");
    return { way, glass, score, box: element("div", {}, element("p", {}, element("b", { textContent: TITLES[way] }), score), glass) };
  });

  const draw = soon(() => {
    const { width, height } = sheets.bicubic, side = Math.min(LENS, width, height);
    const [left, top] = [[state.x, width], [state.y, height]].map(([at, size]) => Math.round(at * (size - side)));
    if (view.width !== width || view.height !== height) Object.assign(view, { width, height });
    view.getContext("2d").drawImage(sheets[state.shown], 0, 0);
    view.setAttribute("aria-label", `${state.picture.name}, ${TITLES[state.shown]}`);
    square.style.cssText = `left: ${100 * left / width}%; top: ${100 * top / height}%; `
      + `width: ${100 * side / width}%; height: ${100 * side / height}%`;
    for (const { way, glass } of lenses) {
      const context = glass.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.clearRect(0, 0, LENS, LENS);
      if (way !== "original" || state.picture.original) {
        context.drawImage(sheets[way], left, top, side, side, 0, 0, LENS, LENS);
      }
    }
    keys[0].value = 100 * state.x;
    keys[1].value = 100 - 100 * state.y;
  });

  /** Move the magnifier: its middle from 0 to 1, from the left and from the top. */
  function look(x, y) {
    [state.x, state.y] = [x, y].map((v) => Math.max(0, Math.min(1, v)));
    draw();
  }
  const point = (x, y) => { // the square stays inside, so that its middle does not reach the edge
    const { width, height } = sheets.bicubic, inner = (at, size) => (at * size - LENS / 2) / Math.max(1, size - LENS);
    look(inner(x, width), inner(y, height));
  };
  drag(box, point);
  box.addEventListener("pointermove", (event) => { // a mouse need not be pressed
    if (event.pointerType !== "mouse") return;
    const { left, top, width, height } = box.getBoundingClientRect();
    point((event.clientX - left) / width, (event.clientY - top) / height);
  });
  keys[0].addEventListener("input", () => look(keys[0].value / 100, state.y));
  keys[1].addEventListener("input", () => look(state.x, 1 - keys[1].value / 100));
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const key of keys) {
    key.addEventListener("keydown", (event) => { // either slider takes all four, and nobody needs to change over
      if (!(event.key in arrows)) return;
      event.preventDefault();
      const [right, down] = arrows[event.key];
      look(state.x + 0.03 * right, state.y + 0.03 * down);
    });
  }

  // The work, and how far it is.
  const bar = element("progress", { max: 1, value: 0, attr: { "aria-label": "Enlarged so far" } });
  const said = element("span", { attr: { role: "status" } });
  const works = () => state.todo.length > 0;
  // Never disabled: a disabled button would lose the keyboard's focus when the work ends.
  const stop = button("Stop", () => {
    if (!works()) show({ ...state.picture, at: [state.x, state.y] });
    else if (state.stopped) go();
    else halt();
  });
  function tell() {
    const all = state.done + state.todo.length;
    bar.max = all || 1;
    bar.value = state.done;
    root.setAttribute("aria-busy", String(works() && !state.stopped));
    if (!works()) stop.textContent = "Enlarge again";
    else stop.textContent = state.stopped ? "Go on" : "Stop";
    const [, , h, w] = state.picture.low.shape;
    const sizes = `${w} × ${h} px to ${SCALE * w} × ${SCALE * h}`;
    if (state.error) said.textContent = state.error;
    else if (!works()) said.textContent = `${sizes}, in ${(state.spent / 1000).toFixed(1)} s`;
    else said.textContent = state.stopped ? "Stopped" : `Enlarging ${sizes}`;
  }
  function halt() {
    state.run++;
    state.stopped = true;
    tell();
  }

  /** Work through what is left to do, until something else is wanted. */
  async function go() {
    const run = ++state.run, { low } = state.picture;
    state.stopped = false;
    state.error = "";
    tell();
    while (works()) {
      const { name, tile } = state.todo[0], began = performance.now();
      const made = await compute.ask(name, low, tile);
      if (run !== state.run) return;
      paint(scratch, made);
      sheets[name].getContext("2d").drawImage(scratch, SCALE * tile.across.from, SCALE * tile.down.from);
      state.todo.shift();
      state.done++;
      state.spent += performance.now() - began;
      tell();
      draw();
    }
    measure();
    root.setAttribute("aria-busy", "false");
    root.dispatchEvent(new CustomEvent("live-enlarged"));
  }

  function measure() {
    const { original, low: { shape: [, , h, w] } } = state.picture;
    for (const { way, score } of lenses) {
      if (!original || way === "original") continue;
      const made = pixelsOf(sheets[way], SCALE * w, SCALE * h).data;
      score.textContent = `${psnr(made, original.data, SCALE * w, SCALE * h).toFixed(1)} dB`;
    }
  }

  /** Show a picture: bicubic at once, and from the networks tile by tile, from the magnifier outwards. */
  function show(picture) {
    const { low, original, at: [x, y] } = picture, [, , h, w] = low.shape;
    Object.assign(state, { picture, x, y, done: 0, spent: 0 });
    paint(sheets.given, low);
    const given = pixelsOf(sheets.given, w, h).sheet;
    for (const way of WAYS) {
      const context = Object.assign(sheets[way], { width: SCALE * w, height: SCALE * h }).getContext("2d");
      context.imageSmoothingEnabled = false; // until a tile is made, the pixels that were given stand there
      context.drawImage(given, 0, 0, SCALE * w, SCALE * h);
    }
    paint(sheets.bicubic, resize(low, [SCALE * h, SCALE * w]));
    if (original) sheets.original.getContext("2d").drawImage(original.sheet, 0, 0);
    for (const { way, score } of lenses) score.textContent = way === "original" && !original ? "none" : "";
    ways.buttons[WAYS.indexOf("original")].disabled = !original;
    if (!original && state.shown === "original") ways.choose(WAYS.indexOf("srgan"));
    const far = ({ down, across }) => Math.hypot((down.from + down.to) / 2 - y * h, (across.from + across.to) / 2 - x * w);
    state.todo = tiles(h, w, compute.core, data.reach).sort((a, b) => far(a) - far(b))
      .flatMap((tile) => Object.keys(NETWORKS).map((name) => ({ name, tile })));
    draw();
    go();
  }

  // What can be chosen.
  const pictures = await Promise.all(data.photos.map(bundled));
  const photos = choice("Photo", pictures.map(({ name }) => name), (i) => show(pictures[i]));
  const ways = choice("The large picture shows", Object.values(TITLES), (i) => { state.shown = WAYS[i]; draw(); }, WAYS.indexOf("srgan"));
  const input = element("input", { type: "file", accept: "image/*", hidden: true });
  async function take(file) {
    if (!file) return;
    try {
      const own = await ofOnesOwn(file);
      photos.buttons.forEach((each) => each.setAttribute("aria-pressed", "false"));
      show(own);
    } catch (error) {
      state.error = `${file.name} could not be used: ${error.message.replace(/\.$/, "")}. Try a JPEG or a PNG.`;
      tell();
    }
  }
  input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
  stage.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("live-dropping"); });
  stage.addEventListener("dragleave", () => stage.classList.remove("live-dropping"));
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("live-dropping");
    take(event.dataTransfer.files[0]);
  });

  const hint = "A photo of yours is not uploaded: it is opened and enlarged on this page, and is gone when you leave it. "
    + `A photo larger than ${SCALE * MOST} px is first reduced to that size, then shrunk to a quarter, so that there is an original to compare with. `
    + "You can drop it here, too.";
  stage.append(
    element("div", { className: "live-enlarged" }, whole,
      element("div", { className: "live-side" }, photos.box, button("Your own photo …", () => input.click()), input,
        element("p", { textContent: "The large picture shows:" }), ways.box),
      element("div", { className: "live-lenses" }, ...lenses.map((each) => each.box))),
    element("div", { className: "live-work" }, bar, stop, said),
    element("p", { className: "live-hint", textContent: hint }),
  );
  show(pictures[0]);
  root.live = { state, sheets, look, show, take, halt, go };
});
})();
