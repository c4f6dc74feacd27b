// The live figures of the book: what wakes them, and the few parts that they are built from.
//
// A page holds a still picture for each figure, made by the same network. When the reader comes
// near, the figure's script, its data and its networks are fetched, and the stage takes the
// picture's place. All of them are classic scripts that register themselves, because a page opened
// from disk (file://) may load nothing else.
//
//   Live.figure(name, wake)        a figure's script says what the figure does
//   Live.data(name, value)         what Python worked out for it
//   Live.model(name, program, weights)   a network, as `gancourse export --live` writes it
//   await Live.script(path)        one more script of this folder, for a figure that is made of two
//
// `wake(stage, {models, data, root})` fills `stage`, an empty element that is not in the page yet.
(function () {
"use strict";

const BASE = new URL(".", document.currentScript.src).href;

// ---------------------------------------------------------------- scripts that register themselves

const fetched = new Map(); // url -> promise
const registered = new Map(); // "kind/name" -> value

function fetchScript(path) {
  const url = new URL(path, BASE).href;
  if (!fetched.has(url)) {
    fetched.set(url, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = () => {
        script.remove();
        fetched.delete(url); // the reader may try again
        reject(new Error(`${path.replace(/\?.*/, "")} could not be loaded`));
      };
      document.head.append(script);
    }));
  }
  return fetched.get(url);
}

async function fetchNamed(kind, name, path) {
  const key = `${kind}/${name}`;
  if (!registered.has(key)) await fetchScript(path);
  if (!registered.has(key)) throw new Error(`${path} holds no ${kind} "${name}"`);
  return registered.get(key);
}

const register = (kind) => (name, ...value) => {
  registered.set(`${kind}/${name}`, value.length > 1 ? value : value[0]);
};

/** A network that `Live.model` registered, ready to run; the engine comes with the first. */
async function load(name, version = "", code = "") {
  const [[program, weights]] = await Promise.all([
    fetchNamed("model", name, `models/${name}.js?${version}`),
    fetchScript(`engine.js?${code}`),
  ]);
  return Live.engine.open(program, weights);
}

// ---------------------------------------------------------------- waking

async function wake(root) {
  if (root.dataset.state) return;
  const asked = root.contains(document.activeElement); // a button, which is about to go
  root.dataset.state = "waking";
  // Several figures may share a script.
  const { figure, script = figure, version, code, models = "" } = root.dataset;
  const say = (text) => { root.querySelector(".live-status").textContent = text; };
  say("Fetching …");
  try {
    const names = models.split(" ").filter(Boolean);
    const [start, data, ...networks] = await Promise.all([
      fetchNamed("figure", figure, `${script}.js?${code}`),
      "data" in root.dataset ? fetchNamed("data", figure, `data/${figure}.js?${version}`) : null,
      ...names.map((name) => load(name, version, code)),
    ]);
    const stage = element("div", { className: "live-stage" });
    const byName = Object.fromEntries(names.map((name, i) => [name, networks[i]]));
    await start(stage, { models: byName, data, root });
    root.querySelector(".live-stage").replaceWith(stage);
    if (asked) stage.querySelector("button, input, select, [tabindex]")?.focus();
    root.dataset.state = "awake";
    say("");
    root.dispatchEvent(new CustomEvent("live-awake"));
  } catch (error) {
    delete root.dataset.state;
    say(`This figure could not be started: ${error.message}. The picture shows what it would. `);
    root.querySelector(".live-status").append(button("Try again", () => wake(root)));
    console.warn(error);
  }
}

/** Wake each figure when it comes near, or, for a reader who saves data, when asked. */
function watch() {
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      wake(target);
    }
  }, { rootMargin: "200px" });
  const sparing = navigator.connection?.saveData;
  for (const root of document.querySelectorAll(".live")) {
    if (sparing && root.dataset.models) {
      const size = root.dataset.size ? ` (${root.dataset.size})` : "";
      root.querySelector(".live-status").append(button(`Run it here${size}`, () => wake(root)));
    } else near.observe(root);
  }
}

// ---------------------------------------------------------------- parts

/** An element with properties, attributes (`attr`) and children. */
function element(tag, { attr = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attr)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const row = (...children) => element("div", { className: "live-row" }, ...children);

function button(text, onclick, attr = {}) {
  return element("button", { type: "button", className: "live-button", textContent: text, onclick, attr });
}

/** Buttons of which one is pressed. `labels` are texts or elements. -> {box, value, press(i), choose(i)} */
function choice(label, labels, onchoose, first = 0) {
  const buttons = labels.map((each, i) => {
    const made = button("", () => part.choose(i));
    made.append(each);
    return made;
  });
  const box = element("div", { className: "live-choice", attr: { role: "group", "aria-label": label } }, ...buttons);
  const press = (i) => {
    part.value = i;
    buttons.forEach((each, j) => each.setAttribute("aria-pressed", String(i === j)));
  };
  const part = { box, buttons, value: first, press, choose(i) { press(i); onchoose(i); } };
  press(first);
  return part;
}

/** A range with its name before and its value behind. -> {box, input, value, set(value)} */
function slider(label, { min = 0, max = 1, step = 0.01, value = min, format = (v) => v.toFixed(2) }, oninput) {
  const shown = element("output", { attr: { "aria-live": "off" } }); // the range says its value itself
  const input = element("input", { type: "range", min, max, step });
  const part = {
    input,
    box: element("label", { className: "live-slider" }, element("span", { textContent: label }), input, shown),
    get value() { return Number(input.value); },
    set(v) {
      input.value = v;
      shown.textContent = format(part.value);
      input.setAttribute("aria-valuetext", shown.textContent);
    },
  };
  input.addEventListener("input", () => { part.set(input.value); oninput(part.value); });
  part.set(value);
  return part;
}

/** A list to choose from; `options` are [text, value]. -> {box, value} */
function select(label, options, onchoose, first = 0) {
  const list = element("select", {}, ...options.map(([text]) => element("option", { textContent: text })));
  list.selectedIndex = first;
  const part = {
    list,
    box: element("label", { className: "live-select" }, element("span", { textContent: label }), list),
    get value() { return options[list.selectedIndex][1]; },
  };
  list.addEventListener("change", () => onchoose(part.value));
  return part;
}

/** A square to drag a knob in, both ways from -1 to 1; arrow keys move it. -> {box, x, y, set(x, y)} */
function pad(across, up, onmove) {
  const knob = element("i");
  const input = (label) => element("input", { type: "range", min: -1, max: 1, step: 0.05, className: "live-hidden", attr: { "aria-label": label } });
  const inputs = [input(across), input(up)]; // what a keyboard and a screen reader meet
  const square = element("div", { className: "live-square" }, knob,
    element("span", { className: "live-across", textContent: `${across} →` }),
    element("span", { className: "live-up", textContent: `↑ ${up}` }));
  const part = {
    box: element("div", { className: "live-pad" }, square, ...inputs), square, inputs, x: 0, y: 0,
    set(x, y) {
      [part.x, part.y] = [x, y].map((v) => Math.max(-1, Math.min(1, v)));
      knob.style.left = `${50 + 50 * part.x}%`;
      knob.style.top = `${50 - 50 * part.y}%`;
      [part.x, part.y].forEach((v, i) => {
        inputs[i].value = v;
        inputs[i].setAttribute("aria-valuetext", v.toFixed(2));
      });
    },
  };
  const move = (x, y) => { part.set(x, y); onmove(part); };
  drag(square, (x, y, first) => {
    if (first) inputs[0].focus({ preventScroll: true }); // so that arrow keys go on from here
    move(2 * x - 1, 1 - 2 * y);
  });
  inputs[0].addEventListener("input", () => move(Number(inputs[0].value), part.y));
  inputs[1].addEventListener("input", () => move(part.x, Number(inputs[1].value)));
  inputs[1].setAttribute("aria-orientation", "vertical");
  part.set(0, 0);
  return part;
}

/** Pointer, pen or finger on an element: `onmove(x, y, first)` with places from 0 to 1. */
function drag(target, onmove, onend = () => {}) {
  target.classList.add("live-drag"); // a finger drags, and does not scroll
  const tell = (event, first) => {
    const { left, top, width, height } = target.getBoundingClientRect();
    onmove((event.clientX - left) / width, (event.clientY - top) / height, first);
  };
  let pointer = null; // one at a time: a second finger does not fight the first
  target.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    pointer = event.pointerId;
    target.setPointerCapture(pointer);
    tell(event, true);
    event.preventDefault();
  });
  target.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const each of moves.length ? moves : [event]) tell(each, false);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    target.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      onend(event);
    });
  }
}

/** A canvas with a name for those who do not see it. */
function canvas(width, height, label, className = "live-pixels") {
  return element("canvas", { width, height, className, attr: { role: "img", "aria-label": label } });
}

/** Show a picture (1 or 3, H, W) in [-1, 1] on a canvas, which takes its size. Its bytes round by themselves. */
function paint(target, { data, shape }) {
  const [channels, height, width] = shape.slice(-3), area = height * width;
  if (target.width !== width || target.height !== height) Object.assign(target, { width, height });
  const context = target.getContext("2d"), image = context.createImageData(width, height);
  for (let p = 0; p < area; p++) {
    for (let k = 0; k < 3; k++) image.data[4 * p + k] = (data[(channels === 3 ? k : 0) * area + p] + 1) * 127.5;
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** `draw`, at most once a frame however often it is asked for. */
function soon(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
}

/**
 * `draw(i)` for i from 0 to n - 1, where each takes a while: in every frame the one that `first()` names,
 * if it is out of date, and one of the others. -> a function that says that all are out of date.
 */
function inTurn(n, first, draw) {
  const old = new Set();
  let last = 0;
  const frame = soon(() => {
    if (old.delete(first())) draw(first());
    for (let step = 1; step <= n; step++) {
      const i = (last + step) % n;
      if (!old.delete(i)) continue;
      draw(last = i);
      break;
    }
    if (old.size) frame();
  });
  return () => {
    for (let i = 0; i < n; i++) old.add(i);
    frame();
  };
}

/** Random numbers that a seed decides (mulberry32): uniform() in [0, 1), normal(), and vectors. */
function random(seed) {
  let state = seed | 0;
  const uniform = () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const fill = (draw) => (n) => Float32Array.from({ length: n }, draw);
  return { uniform, normal, uniforms: fill(() => 2 * uniform() - 1), normals: fill(normal) };
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

window.Live = {
  figure: register("figure"), data: register("data"), model: register("model"), script: fetchScript,
  load, wake, base: BASE, element, row, button, choice, slider, select, pad, drag, canvas, paint, soon,
  inTurn, random, still,
};
watch();
})();
