// Chapter 3: a control for each code of an InfoGAN, and eight pictures with eight noises, which move together.
(function () {
"use strict";

const { element, row, button, choice, slider, canvas, paint, soon, random } = Live;
const REACH = 2; // codes are trained on -1 to 1; the sliders go on beyond

const minus = (value) => value.toFixed(2).replace("-", "−");

function wake(stage, { models, data, root }) {
  const [network] = Object.values(models), { categories, codes } = data, dice = random(1);
  const state = { noise: data.noise, category: categories.map((each) => each.start), continuous: codes.map(() => 0) };
  let outputs = [];

  /** What the generator takes: noise, a one-hot vector for each category, continuous codes. */
  const latent = (noise) => {
    const oneHots = categories.map(({ values }, c) => values.map((_, k) => Number(k === state.category[c])));
    return Float32Array.from([...noise, ...oneHots.flat(), ...state.continuous]);
  };

  const draw = soon(() => {
    outputs = state.noise.map((noise) => network.run({ latent: latent(noise) }));
    outputs.forEach((each, i) => paint(pictures[i], each));
    const values = [...state.category.map((k, c) => `${titles[c]} ${k}`), ...state.continuous.map(minus)];
    sheet.setAttribute("aria-label", `Eight generated pictures: ${values.join(", ")}`);
  });

  /** Change what is named; the rest stays. */
  function set(changes) {
    Object.assign(state, changes);
    draw();
  }

  const replaced = (values, i, value) => values.map((old, j) => (i === j ? value : old));
  const numbered = (kind, i, count) => (count > 1 ? `${kind} ${i}` : kind);
  const titles = categories.map((_, c) => numbered("category", c, categories.length));
  const called = (title, name) => (name ? `${title}: ${name}` : title);

  const pictures = state.noise.map((_, i) => canvas(28, 28, `Noise ${i + 1}`));
  const sheet = element("div", { className: "live-eight", attr: { role: "group" } }, ...pictures);
  const buttons = categories.map(({ name, values, start }, c) => {
    const texts = values.map((word, k) => element("span", {}, String(k), word && element("small", { textContent: `named ${word}` })));
    const part = choice(called(titles[c], name), texts, (k) => set({ category: replaced(state.category, c, k) }), start);
    return element("div", { className: "live-code" },
      element("span", { textContent: called(titles[c], name), attr: { "aria-hidden": "true" } }), part.box);
  });
  const sliders = codes.map((name, i) => slider(called(numbered("code", i, codes.length), name),
    { min: -REACH, max: REACH, step: 0.05, value: 0, format: minus },
    (value) => set({ continuous: replaced(state.continuous, i, value) })));

  const renew = () => set({ noise: state.noise.map((noise) => dice.uniforms(noise.length)) });
  const reset = () => {
    sliders.forEach((each) => each.set(0));
    set({ continuous: codes.map(() => 0) });
  };
  stage.append(
    sheet, ...buttons, ...sliders.map((each) => each.box),
    row(button("New noise", renew), button("Codes to 0", reset)),
  );
  set({});
  root.live = { state, set, renew, latent, get outputs() { return outputs; } };
}

for (const name of ["codes", "faces"]) Live.figure(name, wake);
})();
