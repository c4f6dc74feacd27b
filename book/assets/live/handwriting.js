// Chapter 2: one latent for all ten labels. A pad moves it along two axes that Python has found in the
// latent (gancourse/live/figures/cgan.py), for all labels or for each, and a slider mixes two labels.
(function () {
"use strict";

const { element, row, button, slider, select, pad, canvas, paint, soon, random } = Live;
const LABELS = 10, CLOTH = 0.15; // what is brighter, of white, belongs to the piece of clothing

const oneHot = (k) => Float32Array.from({ length: LABELS }, (_, i) => Number(i === k));
const between = (a, b, share) => a.map((value, i) => (1 - share) * value + share * b[i]);
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What is left of a vector when a direction is taken out of it. */
function without(vector, direction) {
  const share = dot(vector, direction) / dot(direction, direction);
  return vector.map((value, i) => value - share * direction[i]);
}

/** The two axes of each label, from whole numbers of one byte: ten pairs, or one that they share. */
function pairs(text, finest, length) {
  const whole = new Int8Array(Live.engine.bytesOf(text).buffer);
  const vector = (i) => Float32Array.from(whole.subarray(i * length, (i + 1) * length), (value) => value * finest);
  const count = whole.length / (2 * length);
  return Array.from({ length: LABELS }, (_, k) => [2 * (k % count), 2 * (k % count) + 1].map(vector));
}

// ---------------------------------------------------------------- what the axes are called after

/** Brightness from 0 to 1, pixel by pixel. */
const light = ({ data }) => data.map((value) => Math.max(0, Math.min(1, (value + 1) / 2)));

/** Degrees from upright, to the right, by the second moments of the ink (gancourse/metrics/handwriting.py). */
function slant(picture) {
  const ink = light(picture), width = picture.shape.at(-1);
  let total = 0, sumX = 0, sumY = 0, sumXY = 0, sumYY = 0;
  ink.forEach((weight, p) => {
    const x = p % width, y = Math.floor(p / width);
    total += weight;
    sumX += weight * x;
    sumY += weight * y;
    sumXY += weight * x * y;
    sumYY += weight * y * y;
  });
  if (total === 0) return 0;
  return Math.atan(-(sumXY - sumX * sumY / total) / Math.max(1e-9, sumYY - sumY * sumY / total)) * 180 / Math.PI;
}

/** Percent of the picture that is ink. */
const ink = (picture) => 100 * mean(light(picture));

/** Percent of the picture that is cloth. */
const size = (picture) => 100 * mean(light(picture).map((value) => Number(value > CLOTH)));

/** Mean brightness of the cloth, in percent of white. */
function brightness(picture) {
  const cloth = light(picture).filter((value) => value > CLOTH);
  return cloth.length ? 100 * mean(cloth) : 0;
}

const lean = (degrees) => `${Math.abs(degrees).toFixed(0)}° to the ${degrees < 0 ? "left" : "right"}`;
const percent = (value) => `${value.toFixed(0)} %`;
const KINDS = {
  handwriting: {
    measures: [slant, ink], units: [lean, percent], again: "Another hand",
    says: (a, b) => `On average the ten lean ${a}, and ${b} of their pixels are ink.`,
  },
  clothes: {
    measures: [brightness, size], units: [percent, percent], again: "Other clothes",
    says: (a, b) => `On average the ten cover ${b} of their pictures, and are ${a} as bright as white.`,
  },
};

// ---------------------------------------------------------------- the figure

function wake({ measures, units, again, says }, stage, { models, data, root }) {
  const [network] = Object.values(models), { labels, names, reach } = data;
  const axes = pairs(data.axes, data.finest, data.latent.length);
  const dice = random(1);
  const state = { hand: Float32Array.from(data.latent), asked: data.asked, other: data.other, mixture: 0 };
  let outputs = [], output; // the ten, and the large picture

  /** Where the knob is, for a label; in the middle, the hand has nothing along the label's axes. No number leaves
   * [-1, 1], where those of the training lay. */
  function latent(k) {
    const [first, second] = axes[k]; // which need not be at right angles
    const middle = without(without(state.hand, first), without(second, first));
    const moved = (value, i) => value + reach * (control.x * first[i] + control.y * second[i]);
    return middle.map((value, i) => Math.max(-1, Math.min(1, moved(value, i))));
  }
  const mixed = () => between(oneHot(state.asked), oneHot(state.other), state.mixture);
  const inWords = () => {
    const part = Math.round(100 * state.mixture), asked = labels[state.asked], other = labels[state.other];
    return part ? `${100 - part} % ${asked}, ${part} % ${other}` : asked;
  };

  const draw = soon(() => {
    const latents = labels.map((_, k) => latent(k));
    outputs = latents.map((z, k) => network.run({ latent: z, label: oneHot(k) }));
    outputs.forEach((each, k) => paint(tiles[k].firstChild, each));
    const z = between(latents[state.asked], latents[state.other], state.mixture);
    output = state.mixture ? network.run({ latent: z, label: mixed() }) : outputs[state.asked];
    paint(large, output);
    large.setAttribute("aria-label", `Generated picture, asked for: ${inWords()}`);
    const now = measures.map((measure, i) => units[i](mean(outputs.map(measure))));
    asked.textContent = inWords();
    said.textContent = says(...now);
    control.inputs.forEach((input, i) => input.setAttribute("aria-valuetext", now[i]));
  });

  /** Change what is named; the rest stays. */
  function set(changes) {
    Object.assign(state, changes);
    tiles.forEach((tile, k) => tile.setAttribute("aria-pressed", String(k === state.asked)));
    other.list.selectedIndex = state.other;
    mixture.set(state.mixture);
    draw();
  }

  const large = canvas(28, 28, "", "live-pixels live-large");
  const asked = element("b"), said = element("p", { className: "live-said" });
  const tiles = labels.map((label, k) => {
    const tile = button("", () => set({ asked: k }), { "aria-label": label, title: label });
    tile.append(element("canvas", { className: "live-pixels", attr: { "aria-hidden": "true" } })); // the button has a name
    return tile;
  });
  const control = pad(names[0], names[1], draw);
  const other = select("Mix with", labels.map((label, k) => [label, k]), (k) => set({ other: k }), state.other);
  const mixture = slider("How much of it", { format: (v) => percent(100 * v) }, (v) => set({ mixture: v }));

  const renew = () => set({ hand: dice.uniforms(state.hand.length) });
  const middle = () => { control.set(0, 0); set({ mixture: 0 }); };

  stage.append(
    element("div", { className: "live-hand" }, control.box, large,
      element("div", { className: "live-orders" }, element("p", {}, "Large: ", asked), other.box, mixture.box,
        row(button(again, renew), button("Back to the middle", middle)))),
    element("div", { className: "live-ten", attr: { role: "group", "aria-label": "Shown large" } }, ...tiles),
    said,
  );
  set({});
  root.live = {
    state, set, renew, latent, mixed,
    move(x, y) { control.set(x, y); draw(); },
    get place() { return [control.x, control.y]; },
    get outputs() { return outputs; },
    get output() { return output; },
    get measured() { return measures.map((measure) => outputs.map(measure)); },
  };
}

for (const [name, kind] of Object.entries(KINDS)) {
  Live.figure(name, (stage, parts) => wake(kind, stage, parts));
}
})();
