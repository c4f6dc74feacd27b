// Chapter 1: the game on a ring of clusters, trained in the page. toy.js is the game; this is the picture.
"use strict";
Live.figure("ring", async (stage, { root }) => {
await Live.script(`toy.js?${root.dataset.code}`);
const { element, row, button, choice, slider, select, canvas, drag, soon, still } = Live;
const { Game, LOSSES, PRESETS, SETTINGS, STD, coverage, ring, sigmoid } = Live.toy;

const REACH = 3; // the plane is shown from -REACH to REACH
const SIDE = 32; // places in a row of D's field
const ARROWS = 60;
const BUDGET = 24; // ms of training in one frame; the rest is for drawing, and for the reader
const MOST = 24; // clusters of the reader's own
const SPEEDS = [...[2, 10, 50].map((n) => [`${n} steps a second`, n]), ["as fast as it goes", Infinity]];
const PENALTIES = { wasserstein: 0.1, relativistic: 0.1 }; // neither of the two rests without one

const settings = { ...SETTINGS };
let seed = 0, own = null, game, history, playing = false, speed = Infinity;
let last = 0, owed = 0, seen = true; // owed: steps that are due

// ---------------------------------------------------------------- the game

const centres = () => own ?? ring(modes.value);

function startAgain() {
  game = new Game(seed, centres(), settings);
  game.settings = settings; // the sliders' own, so that each step reads what they say
  history = [];
  show();
}

function ready() {
  if (centres().length) return true;
  say("There are no clusters yet. Put one on the plane.");
  return false;
}

function step() {
  game.step();
  history.push([game.losses.discriminator, game.losses.generator]);
}

/** One player's turn by itself. It changes the curves' last point: the step is not over. */
function turn(player) {
  if (!ready()) return;
  play(false);
  game[`${player}Step`]();
  history[Math.max(0, history.length - 1)] = [game.losses.discriminator, game.losses.generator];
  show();
  const name = player[0].toUpperCase();
  say(`${name}'s turn alone: its loss was ${rounded(game.losses[player])}. ${summary()}`);
}

function oneStep() {
  if (!ready()) return;
  play(false);
  step();
  show();
  say(summary());
}

function play(on) {
  if (on && !ready()) on = false;
  if (on && !playing) {
    last = performance.now();
    owed = 0;
    requestAnimationFrame(frame);
  }
  if (playing && !on) say(summary());
  playing = on;
  playButton.textContent = on ? "Pause" : "Play";
}

/** As many steps as are due, but never for longer than the budget, and one picture. */
function frame(now) {
  if (!playing) return;
  const begun = performance.now();
  owed = Math.min(owed + (speed === Infinity ? 1_000 : speed * Math.max(0, now - last) / 1_000), 1_000);
  last = now;
  let done = 0;
  while (seen && owed >= 1 && performance.now() - begun < BUDGET) {
    step();
    owed -= 1;
    done += 1;
  }
  if (speed === Infinity || performance.now() - begun >= BUDGET) owed = 0; // no debts for later
  if (done) draw();
  requestAnimationFrame(frame);
}

// ---------------------------------------------------------------- colours

let colours;
function readColours() {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(`--gc-${name}`).trim();
  const names = ["data", "generator", "discriminator", "paper", "panel", "ink", "muted", "rule"];
  colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const [paper, real, fake] = [colours.paper, colours.data, colours.generator].map(rgb);
  const mixed = (colour, part) => paper.map((c, k) => c + part * (colour[k] - c));
  // D = 0 in the generator's colour, 1/2 as the paper, 1 in that of the data; pale, for points lie on it
  colours.field = Array.from({ length: 256 }, (_, i) => mixed(i < 128 ? fake : real, 0.5 * Math.abs(i / 127.5 - 1)));
}

// ---------------------------------------------------------------- the plane

const plane = canvas(840, 840, "", "live-ring-plane");
const field = element("canvas", { width: SIDE, height: SIDE });
const grid = Float64Array.from({ length: 2 * SIDE * SIDE }, (_, i) => {
  const place = i >> 1, across = place % SIDE, down = Math.floor(place / SIDE);
  return REACH * (i % 2 ? 1 - 2 * (down + 0.5) / SIDE : 2 * (across + 0.5) / SIDE - 1);
});
const cursor = { x: 0, y: 0, shown: false };

function drawField(context) {
  let logits = game.judge(grid);
  const { loss } = settings;
  if (loss === "least-squares") logits = logits.map((u) => 4 * (u - 0.5)); // its targets are 0 and 1
  if (loss === "wasserstein" || loss === "relativistic") { // only differences count
    const mean = logits.reduce((sum, u) => sum + u, 0) / logits.length;
    const spread = Math.sqrt(logits.reduce((sum, u) => sum + (u - mean) ** 2, 0) / logits.length) || 1;
    logits = logits.map((u) => 2 * (u - mean) / spread);
  }
  const small = field.getContext("2d"), image = small.createImageData(SIDE, SIDE);
  logits.forEach((u, i) => image.data.set([...colours.field[Math.round(255 * sigmoid(u))], 255], 4 * i));
  small.putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(field, 0, 0, plane.width, plane.height);
}

function drawPlane() {
  const context = plane.getContext("2d"), unit = plane.width / (2 * REACH);
  const at = (x, y) => [(x + REACH) * unit, (REACH - y) * unit];
  const points = game.points(), found = coverage(points, game.centres);
  drawField(context);
  const circle = (x, y, radius) => {
    context.beginPath();
    context.arc(...at(x, y), radius * unit, 0, 2 * Math.PI);
  };
  context.lineWidth = 4;
  game.centres.forEach(([x, y], k) => { // 3 deviations: whole if covered, dashed if not
    context.strokeStyle = colours.data;
    context.setLineDash(found.counts[k] ? [] : [7, 9]);
    circle(x, y, 3 * STD);
    context.stroke();
    context.fillStyle = colours.data;
    circle(x, y, 0.035);
    context.fill();
  });
  context.setLineDash([]);
  context.fillStyle = colours.generator;
  context.globalAlpha = 0.75;
  for (let i = 0; i < points.length; i += 2) {
    circle(points[i], points[i + 1], 0.028);
    context.fill();
  }
  context.globalAlpha = 1;
  if (game.centres.length) drawArrows(context, at, points);
  if (cursor.shown) {
    const [x, y] = at(cursor.x, cursor.y);
    context.strokeStyle = colours.ink;
    context.strokeRect(x - 14, y - 14, 28, 28);
  }
  return found;
}

/** Where each point is told to go. The length levels off, for slopes differ a thousandfold. */
function drawArrows(context, at, points) {
  const few = points.slice(0, 2 * ARROWS), arrows = game.arrows(few);
  context.strokeStyle = context.fillStyle = colours.ink;
  context.lineWidth = 2.5;
  for (let i = 0; i < few.length; i += 2) {
    const steep = Math.hypot(arrows[i], arrows[i + 1]), length = 0.6 * steep / (1 + steep);
    if (length < 0.02) continue;
    const [dx, dy] = [arrows[i] / steep, arrows[i + 1] / steep];
    const [x0, y0] = at(few[i], few[i + 1]), [x1, y1] = at(few[i] + length * dx, few[i + 1] + length * dy);
    const head = Math.min(12, 40 * length);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
    context.beginPath();
    context.moveTo(x1 + head * dx, y1 - head * dy);
    context.lineTo(x1 + head * dy / 2, y1 + head * dx / 2);
    context.lineTo(x1 - head * dy / 2, y1 - head * dx / 2);
    context.fill();
  }
}

// ---------------------------------------------------------------- the curves

const curves = canvas(840, 400, "", "live-ring-curves");

function drawCurves() {
  const context = curves.getContext("2d"), { width, height } = curves;
  const left = 70, bottom = 50, top = 16, right = 12; // margins
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  const steps = Math.max(100, history.length), columns = Math.min(history.length, 380);
  // The mean of the steps that fall into one column of the picture
  const line = (player) => Array.from({ length: columns }, (_, c) => {
    const from = Math.floor(c * history.length / columns), to = Math.floor((c + 1) * history.length / columns);
    let sum = 0;
    for (let s = from; s < to; s++) sum += history[s][player];
    return [(from + to + 1) / 2, sum / (to - from)];
  }).filter(([, value]) => Number.isFinite(value));
  const lines = [line(0), line(1)], values = lines.flat().map(([, v]) => v);
  const high = Math.max(2, ...values), low = Math.min(0, ...values);
  const x = (s) => left + s / steps * (width - left - right);
  const y = (v) => top + (high - v) / (high - low) * (height - top - bottom);
  context.font = "24px sans-serif";
  context.lineWidth = 2;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const size = (high - low) / 4, tick = [0.5, 1, 2, 5, 10, 20, 50, 100, 1000].find((t) => t >= size) ?? 10_000;
  for (let v = Math.ceil(low / tick) * tick; v <= high; v += tick) {
    context.strokeStyle = colours.rule;
    context.beginPath();
    context.moveTo(left, y(v));
    context.lineTo(width - right, y(v));
    context.stroke();
    context.fillStyle = colours.muted;
    context.fillText(String(v), left - 10, y(v));
  }
  context.fillText(`${steps.toLocaleString("en")} steps`, width - right, height - 22);
  context.textAlign = "left";
  context.fillText("0", left, height - 22);
  if (["non-saturating", "minimax"].includes(settings.loss)) {
    context.strokeStyle = colours.muted;
    context.setLineDash([6, 8]);
    context.beginPath();
    context.moveTo(left, y(2 * Math.LN2));
    context.lineTo(width - right, y(2 * Math.LN2));
    context.stroke();
    context.setLineDash([]);
  }
  context.lineWidth = 3.5;
  lines.forEach((places, player) => {
    context.strokeStyle = player ? colours.generator : colours.discriminator;
    context.beginPath();
    for (const [s, v] of places) context.lineTo(x(s), y(v));
    context.stroke();
  });
}

// ---------------------------------------------------------------- what is said

const facts = element("p", { className: "live-ring-facts" });
const spoken = element("p", { className: "live-ring-spoken", attr: { role: "status" } }); // not in every frame
const say = (text) => { spoken.textContent = text; };
const rounded = (value) => (Number.isFinite(value) ? (Math.abs(value) < 0.005 ? 0 : value).toFixed(2) : "–");

function summary(found = coverage(game.points(), game.centres)) {
  const { modes: covered, of, quality } = found;
  return `Step ${game.steps.toLocaleString("en")}: ${covered} of ${of} clusters covered, `
    + `${Math.round(100 * quality)} % of the points on one.`;
}

function draw() {
  if (!colours) readColours();
  const found = drawPlane();
  drawCurves();
  const { discriminator: d, generator: g } = game.losses;
  const part = (colour, text) => element("b", { className: `live-ring-${colour}`, textContent: text });
  facts.replaceChildren(`${summary(found)} `, part("discriminator", `D's loss ${rounded(d)}`), " ",
    part("generator", `G's loss ${rounded(g)}`));
  if (!playing) {
    const seen = "The plane, with clusters, generated points, arrows and D's field.";
    plane.setAttribute("aria-label", `${seen} ${summary(found)}`);
    const now = `Now D's is ${rounded(d)}, G's ${rounded(g)}.`;
    curves.setAttribute("aria-label", `Losses over ${history.length} steps. ${now}`);
  }
  figure.found = found;
}
const show = soon(draw);

// ---------------------------------------------------------------- targets of the reader's own

function setTargets(list) {
  own = list;
  game.centres = centres();
  show();
}

/** Put a cluster there, or take away the one that lies there. */
function toggle(x, y) {
  const away = own.map(([cx, cy]) => Math.hypot(cx - x, cy - y)), nearest = Math.min(...away);
  if (nearest < 2 * STD) {
    setTargets(own.filter((_, k) => k !== away.indexOf(nearest)));
    if (!own.length) play(false);
    say(`Removed. ${own.length} clusters.`);
  } else if (own.length < MOST) {
    setTargets([...own, [x, y]]);
    say(`Put at ${x.toFixed(1)}, ${y.toFixed(1)}. ${own.length} clusters.`);
  } else say(`${MOST} clusters are the most.`);
}

const sheet = element("div", { className: "live-ring-sheet" }, plane);
drag(sheet, (across, down, first) => {
  if (!own) return;
  const limit = (v) => Math.max(-REACH, Math.min(REACH, v));
  const x = limit(REACH * (2 * across - 1)), y = limit(REACH * (1 - 2 * down));
  cursor.shown = false;
  const clear = () => own.every(([cx, cy]) => Math.hypot(cx - x, cy - y) > 5 * STD);
  if (first || (own.length && clear())) toggle(x, y);
});
const ARROW_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
sheet.addEventListener("keydown", (event) => {
  if (!own) return;
  const by = ARROW_KEYS[event.key];
  if (by) {
    const far = event.shiftKey ? 0.5 : 0.1, limit = (v) => Math.max(-2.9, Math.min(2.9, v));
    cursor.x = limit(cursor.x + far * by[0]);
    cursor.y = limit(cursor.y + far * by[1]);
    say(`${cursor.x.toFixed(1)}, ${cursor.y.toFixed(1)}`);
  } else if (event.key === " " || event.key === "Enter") toggle(cursor.x, cursor.y);
  else return;
  event.preventDefault();
  cursor.shown = true;
  show();
});
sheet.addEventListener("blur", () => { cursor.shown = false; show(); });

function drawing(on) {
  sheet.classList.toggle("live-drag", on); // a finger draws; otherwise it scrolls the page
  if (on) {
    sheet.tabIndex = 0;
    sheet.setAttribute("role", "application");
    sheet.setAttribute("aria-label",
      "The plane to draw on. Arrow keys move a cursor, Space puts a cluster or takes it away.");
  } else for (const name of ["tabindex", "role", "aria-label"]) sheet.removeAttribute(name);
  modes.input.disabled = on;
  hint.hidden = !on;
}

const targets = choice("Targets", ["A ring", "My own"], (i) => {
  if (i) play(false);
  drawing(i === 1);
  setTargets(i ? own ?? [] : null);
  if (i) ready();
});
const hint = element("p", {
  className: "live-ring-hint", hidden: true,
  textContent: "Click or drag on the plane to put clusters; click one to take it away. "
    + "Keys: arrows, Shift for longer steps, Space.",
});

// ---------------------------------------------------------------- controls

const changed = () => presets.press(-1); // the settings are no preset's any more
const rate = (label, name) => slider(label, {
  min: -4, max: -1.5, step: 0.01, value: Math.log10(SETTINGS[name]),
  format: (v) => String(Number((10 ** v).toPrecision(2))),
}, (v) => { settings[name] = 10 ** v; changed(); });
const number = (label, name, range) => slider(label, { ...range, value: SETTINGS[name] }, (v) => {
  settings[name] = v;
  changed();
});
const whole = (v) => String(v);

const parts = {
  rate: rate("G's learning rate", "rate"),
  rateD: rate("D's learning rate", "rateD"),
  beta1: number("Adam's β₁", "beta1", { min: 0, max: 0.95, step: 0.05 }),
  dSteps: number("D's steps for one of G", "dSteps", { min: 1, max: 10, step: 1, format: whole }),
  penalty: number("Penalty on D's slope", "penalty", { min: 0, max: 1, step: 0.05 }),
};
const modes = slider("Clusters on the ring", { min: 1, max: 16, step: 1, value: 8, format: whole }, () => {
  setTargets(null);
  changed();
});
const losses = Object.keys(LOSSES);
const loss = select("Loss", losses.map((name) => [name[0].toUpperCase() + name.slice(1), name]), (name) => {
  settings.loss = name;
  settings.penalty = PENALTIES[name] ?? 0;
  history = [];
  showSettings();
  changed();
  show();
});

function showSettings() {
  for (const name of ["rate", "rateD"]) parts[name].set(Math.log10(settings[name]));
  for (const name of ["beta1", "dSteps", "penalty"]) parts[name].set(settings[name]);
  loss.list.selectedIndex = losses.indexOf(settings.loss);
}

const presets = choice("What happens", Object.keys(PRESETS), (i) => {
  Object.assign(settings, SETTINGS, Object.values(PRESETS)[i]);
  showSettings();
  modes.set(8);
  own = null;
  targets.press(0);
  drawing(false);
  startAgain();
  play(!still());
});

const playButton = button("Play", () => play(!playing));
const seedBox = element("input", { type: "text", className: "live-ring-seed", inputMode: "numeric", value: "0" });
const useSeed = (value) => {
  seed = Math.min(Math.max(0, Math.trunc(Number(value)) || 0), 999_999);
  seedBox.value = seed;
  startAgain();
};
seedBox.addEventListener("change", () => useSeed(seedBox.value));
const pace = select("Speed", SPEEDS, (value) => { speed = value; owed = 0; }, SPEEDS.length - 1);

const key = (className, text) => element("span", {}, element("i", { className }), text);
const side = element("div", { className: "live-ring-side" },
  row(playButton, button("One step", oneStep), button("D's turn", () => turn("discriminator")),
    button("G's turn", () => turn("generator")), button("Start again", startAgain)),
  row(pace.box, element("label", { className: "live-select" }, element("span", { textContent: "Seed" }), seedBox),
    button("Next seed", () => useSeed(seed + 1))),
  curves, facts,
  element("p", { className: "live-ring-key" },
    key("live-ring-data", "cluster, dashed while empty"),
    key("live-ring-fake", "generated point"),
    key("live-ring-arrow", "where G's loss sends it"), key("live-ring-field", "D: fake to real")));
stage.append(
  row(presets.box),
  element("div", { className: "live-ring-two" }, sheet, side),
  row(targets.box, hint),
  element("details", { className: "live-ring-settings" },
    element("summary", { textContent: "Settings" }),
    element("div", { className: "live-ring-sliders" }, loss.box, parts.rate.box, parts.rateD.box,
      parts.beta1.box, parts.dSteps.box, modes.box, parts.penalty.box)),
  spoken,
);

const repaint = new MutationObserver(() => { readColours(); show(); });
repaint.observe(document.documentElement, { attributeFilter: ["data-theme"] });
new IntersectionObserver((entries) => { seen = entries.at(-1).isIntersecting; }).observe(root);

const figure = root.live = {
  settings, play, step: oneStep, turn, startAgain,
  get game() { return game; },
  get history() { return history; },
  get playing() { return playing; },
};
startAgain();
});
