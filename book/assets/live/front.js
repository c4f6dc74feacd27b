// The front page: ten digits that lean and thicken together, wherever the pointer goes.
//
// The network was never told what a digit is, nor what a slant is (chapter 3). Which of its categories
// came to mean which digit, and which of its codes what, Python has measured.
(function () {
"use strict";

const { element, row, button, pad, canvas, soon, random, still } = Live;
const COLUMNS = 5, GAP = 2; // pictures in a row; px between them
const ROUND = 16000; // ms in which the dot goes round while nobody steers it

/** Red, green and blue of a colour of the page. */
function colour(name) {
  const context = element("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
  context.fillRect(0, 0, 1, 1);
  return context.getImageData(0, 0, 1, 1).data;
}

Live.figure("front", (stage, { models, data, root }) => {
  const [network] = Object.values(models), noises = data.noise.length; // numbers before the codes
  const state = { noise: data.noise, x: 0, y: 0, moving: !still(), pictures: [] };
  const sheet = canvas(1, 1, "The digits 0 to 9, drawn by a network", "live-ink");
  const latent = new Float32Array(noises + 10 + data.codes);
  let ink, count = 0;

  /** The digit `n` at the slant x and the thickness y, both from -1 to 1. */
  function picture(n) {
    latent.fill(0);
    latent.set(state.noise);
    latent[noises + data.categories[n]] = 1;
    [state.x, state.y].forEach((value, i) => {
      const { code, sign } = data.knobs[i];
      latent[noises + 10 + code] = sign * value;
    });
    return network.run({ latent });
  }

  const draw = soon(() => {
    state.pictures = Array.from({ length: 10 }, (_, n) => picture(n));
    const [, , height, width] = state.pictures[0].shape, context = sheet.getContext("2d");
    const size = { width: COLUMNS * (width + GAP) - GAP, height: 2 * (height + GAP) - GAP };
    if (sheet.width !== size.width) Object.assign(sheet, size);
    const image = context.createImageData(width, height);
    state.pictures.forEach((each, n) => {
      each.data.forEach((value, p) => { // ink on the page's own paper, instead of white on black
        image.data.set(ink.subarray(0, 3), 4 * p);
        image.data[4 * p + 3] = 127.5 * (value + 1);
      });
      context.putImageData(image, (n % COLUMNS) * (width + GAP), Math.floor(n / COLUMNS) * (height + GAP));
    });
  });
  const recolour = () => { ink = colour("--gc-generator"); draw(); };

  const knobs = pad("slant", "thickness", ({ x, y }) => {
    move(false);
    steer(x, y);
  });
  function steer(x, y) {
    Object.assign(state, { x, y });
    knobs.set(x, y);
    draw();
  }
  knobs.square.prepend(sheet);
  knobs.square.addEventListener("pointermove", (event) => { // a mouse need not be pressed
    if (event.pointerType !== "mouse") return;
    const { left, top, width, height } = knobs.square.getBoundingClientRect();
    move(false);
    steer(...[2 * (event.clientX - left) / width - 1, 1 - 2 * (event.clientY - top) / height]
      .map((value) => Math.max(-1, Math.min(1, value))));
  });

  // Until somebody steers, the dot goes round by itself; a button stops it.
  let seen = true, last = 0, phase = 0;
  const watch = new IntersectionObserver((entries) => { seen = entries.at(-1).isIntersecting; move(state.moving); });
  const play = button("Stop", () => move(!state.moving));
  function step(now) {
    if (!state.moving || !seen) { last = 0; return; }
    phase += last ? Math.min(100, now - last) / ROUND : 0;
    last = now;
    const turn = 2 * Math.PI * phase;
    steer(0.85 * Math.sin(2 * turn), 0.7 * Math.sin(3 * turn)); // up and down three times, to and fro twice
    requestAnimationFrame(step);
  }
  function move(on) {
    const begins = on && !last;
    state.moving = on;
    play.textContent = on ? "Stop" : "Let it move";
    if (begins && seen) { last = performance.now(); requestAnimationFrame(step); }
  }

  const others = button("Another hand", () => { state.noise = random(++count).uniforms(noises); draw(); });
  stage.append(element("div", { className: "live-front" }, knobs.box), row(others, play));
  recolour();
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  watch.observe(sheet);
  root.live = { state, steer, move };
});
})();
