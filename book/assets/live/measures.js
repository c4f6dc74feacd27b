// The page on metrics: digits that are blurred or noisy, or of which some are missing, and what each
// metric says. Python has measured every position of the sliders (gancourse/live/figures/metrics.py).
(function () {
"use strict";

const { element, row, button, choice, slider, canvas } = Live;
const SIDE = 28, COLUMNS = 10, GAP = 2; // pixels of a picture; pictures in a row; pixels between them
const KINDS = ["blur", "noise"];
const SAYS = { // how much, in words
  blur: (level) => (level ? `blurred by ${short(level, 1)} px` : "not blurred"),
  noise: (level) => (level ? `with noise of ${short(level, 2)}` : "without noise"),
};
const AMOUNT = { blur: (level) => `${short(level, 1)} px`, noise: (level) => short(level, 2) };

/** .25 for 0.25, as the page writes it, and a true minus. */
function short(value, decimals) {
  return value.toFixed(decimals).replace(/^(-?)0\./, "$1.").replace("-", "−");
}

/** "8", "8 and 2", "8, 2 and 5" */
function listed(names) {
  return names.join(", ").replace(/, ([^,]*)$/, " and $1");
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Where a value stands between the bottom (0) and the top (1) of its chart. */
function height({ axis, name }, value) {
  const place = name === "FID" ? Math.sqrt : (v) => v;
  const [bottom, top] = axis.map(place);
  return Math.min(1, Math.max(0, (place(value) - bottom) / (top - bottom)));
}

/** What a metric thinks of samples, beside draws of real pictures; which way is up, the axis says. */
function verdict({ axis: [bottom, top], real: [low, high] }, value) {
  if (value >= low && value <= high) return "like real";
  return (value > high) === (top > bottom) ? "better than real" : "worse";
}

/** A curve over all positions of one slider, the range of real pictures, and a marker. */
function chart(measure) {
  const y = (value) => 100 - 100 * height(measure, value);
  const [a, b] = measure.real.map(y);
  const curve = svg("polyline", { class: "live-curve" });
  const band = { class: "live-band", x: 0, y: Math.min(a, b), width: 100, height: Math.abs(a - b) };
  const marker = element("i");
  return {
    box: element("div", { className: "live-chart", attr: { "aria-hidden": "true" } }, element("div", {},
      svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none" }, svg("rect", band), curve), marker)),
    draw(values, at) {
      const x = (i) => 100 * i / (values.length - 1);
      curve.setAttribute("points", values.map((value, i) => `${x(i)},${y(value)}`).join(" "));
      marker.style.left = `${x(at)}%`;
      marker.style.top = `${y(values[at])}%`;
    },
  };
}

/** One metric: its name, its value, its opinion, and a chart under each slider. */
function line(measure) {
  const { name, decimals, real, uniform } = measure;
  const format = (value) => short(value, decimals);
  const value = element("b"), opinion = element("span", { className: "live-opinion" });
  const charts = [chart(measure), chart(measure)];
  const ends = `real ${real.map(format).join(" to ")}, uniform noise ${format(uniform)}`;
  return {
    box: element("div", { className: "live-measure", attr: { role: "group", "aria-label": name } },
      element("p", {}, element("span", { textContent: name === "FID" ? "FID, less is better" : name }), value, opinion,
        element("small", { textContent: ends })),
      ...charts.map((each) => each.box)),
    draw(alongAmount, level, alongMissing, missing) {
      const now = alongMissing[missing];
      value.textContent = format(now);
      opinion.textContent = verdict(measure, now);
      opinion.dataset.opinion = opinion.textContent;
      charts[0].draw(alongAmount, level);
      charts[1].draw(alongMissing, missing);
    },
  };
}

Live.figure("measures", async (stage, { data, root }) => {
  const [kind, level, missing] = data.start;
  const state = { kind, level, missing };

  const sheets = {}; // kind -> one image per level, with all pictures side by side
  for (const each of KINDS) sheets[each] = data.tiles[each].map((src) => element("img", { src }));
  await Promise.all(Object.values(sheets).flat().map((image) => image.decode()));

  const rows = data.shown[0].length / COLUMNS, pitch = SIDE + GAP;
  const sheet = canvas(COLUMNS * pitch - GAP, rows * pitch - GAP, "", "live-pixels live-digits");
  const sentence = element("p", { className: "live-said", attr: { role: "status" } });
  const kinds = choice("What is wrong", ["Blur", "Noise"], (i) => set({ kind: KINDS[i] }), KINDS.indexOf(kind));
  const amount = slider("How much", {
    min: 0, max: data.levels[kind].length - 1, step: 1, value: level,
    format: (at) => AMOUNT[state.kind](data.levels[state.kind][at]),
  }, (at) => set({ level: at }));
  const gone = slider("Digits missing", {
    min: 0, max: data.gone.length, step: 1, value: missing, format: (count) => `${count} of 10`,
  }, (count) => set({ missing: count }));
  const lines = data.measures.map(line);

  function draw() {
    const context = sheet.getContext("2d"), image = sheets[state.kind][state.level];
    data.shown[state.missing].forEach((tile, place) => {
      const x = pitch * (place % COLUMNS), y = pitch * Math.floor(place / COLUMNS);
      context.drawImage(image, SIDE * tile, 0, SIDE, SIDE, x, y, SIDE, SIDE);
    });
    const lost = data.gone.slice(0, state.missing);
    const how = SAYS[state.kind](data.levels[state.kind][state.level]);
    const which = lost.length ? `without ${listed(lost)}` : "no digit missing";
    const total = data.samples.toLocaleString("en");
    sentence.textContent = `${total} digits, ${how}, ${which}. ${rows * COLUMNS} of them are shown.`;
    sheet.setAttribute("aria-label", sentence.textContent);

    const levels = data.values[state.kind];
    lines.forEach((each, m) => each.draw(
      levels.map((counts) => counts[state.missing][m]), state.level,
      levels[state.level].map((scores) => scores[m]), state.missing));
  }

  /** Go to another position; what is not named stays. */
  function set(changes) {
    Object.assign(state, changes);
    if (KINDS[kinds.value] !== state.kind) kinds.choose(KINDS.indexOf(state.kind));
    amount.set(state.level);
    gone.set(state.missing);
    draw();
  }

  const go = (text, at, count) => button(text, () => set({ kind: "blur", level: at, missing: count }));
  stage.append(
    sheet, sentence,
    row(go("Real digits", 0, 0), go("Blurred", level, 0), go("Four missing", 0, 4)),
    element("div", { className: "live-measures" },
      element("div", { className: "live-measure live-knobs" }, kinds.box, amount.box, gone.box),
      ...lines.map((each) => each.box)),
  );
  draw();
  root.live = { state, set, get values() { return data.values[state.kind][state.level][state.missing]; } };
});
})();
