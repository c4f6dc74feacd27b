// Chapter 1: a walk through the latent space, between two digits that the reader picks.
(function () {
"use strict";

const { element, row, button, slider, canvas, drag, paint, soon, random, still } = Live;
const SIDE = 28, GAP = 2; // pixels of a picture, and between two of the filmstrip
const SECONDS = 3; // that a whole walk takes

/** A latent on the way, by spherical interpolation as in gancourse/show/explorers.py: the arc keeps typical lengths. */
function between(start, end, t) {
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const cosine = dot(start, end) / Math.sqrt(dot(start, start) * dot(end, end));
  const angle = Math.acos(Math.max(-0.9999, Math.min(0.9999, cosine)));
  const ofStart = Math.sin((1 - t) * angle) / Math.sin(angle), ofEnd = Math.sin(t * angle) / Math.sin(angle);
  return start.map((value, i) => ofStart * value + ofEnd * end[i]);
}

Live.figure("walk", (stage, { models, data, root }) => {
  const { frames } = data, dice = random(1);
  const state = { latents: data.latents, start: data.start, end: data.end, t: 0.5 };
  const at = (t) => between(state.latents[state.start], state.latents[state.end], t);
  const run = (latent) => models.gan.run({ latent });
  let output, playing = 0; // the last picture, and the animation frame that is waited for

  const digits = state.latents.map((_, i) => {
    const picture = element("canvas", { className: "live-pixels", attr: { "aria-hidden": "true" } }); // the button has a name
    const tag = element("small"), box = button("", () => choose(i));
    box.append(picture, tag);
    return { box, picture, tag };
  });
  const large = canvas(SIDE, SIDE, "", "live-pixels live-large");
  const strip = canvas(frames * (SIDE + GAP) - GAP, SIDE, `The way from start to end in ${frames} pictures`);
  const marker = element("i");
  const film = element("div", { className: "live-film" }, strip, marker);
  const way = slider("Way", { value: state.t, format: (t) => `${(100 * t).toFixed(0)} %` }, (t) => { stop(); go(t); });
  const play = button("Play", () => (playing ? stop() : begin(state.t < 1 ? state.t : 0)));
  drag(film, (x) => { stop(); go((x * frames - 0.5) / (frames - 1)); }); // a picture's middle is its place on the way

  const draw = soon(() => {
    output = run(at(state.t));
    paint(large, output);
    large.setAttribute("aria-label", `Generated picture, ${(100 * state.t).toFixed(0)} % of the way`);
    marker.style.left = `${100 * (state.t * (frames - 1) + 0.5) / frames}%`;
  });

  /** To a place on the way, from 0, the start, to 1, the end. */
  function go(t) {
    state.t = Math.max(0, Math.min(1, t));
    way.set(state.t);
    draw();
  }

  /** What the choice of digits decides: their tags, and the filmstrip. */
  function drawWay() {
    digits.forEach(({ box, tag }, i) => {
      const isEnd = i === state.start || i === state.end;
      tag.textContent = i === state.start ? "start" : isEnd ? "end" : "";
      box.setAttribute("aria-label", `Digit ${i + 1} of ${digits.length}${isEnd ? `, ${tag.textContent}` : ""}`);
      box.setAttribute("aria-pressed", String(isEnd));
    });
    const context = strip.getContext("2d"), one = document.createElement("canvas");
    for (let k = 0; k < frames; k++) {
      paint(one, run(at(k / (frames - 1))));
      context.drawImage(one, k * (SIDE + GAP), 0);
    }
    draw();
  }

  /** Walk on, from where the last walk ends to the digit `i`. The end itself, chosen again, walks back. */
  function choose(i) {
    [state.start, state.end] = [state.end, i === state.end ? state.start : i];
    stop();
    go(still() ? 1 : 0);
    drawWay();
    if (!still()) begin(0);
  }

  function begin(from) {
    const began = performance.now() - 1000 * SECONDS * from;
    const step = (now) => {
      go((now - began) / (1000 * SECONDS));
      if (state.t < 1) playing = requestAnimationFrame(step);
      else stop();
    };
    playing = requestAnimationFrame(step);
    play.textContent = "Pause";
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  }

  /** Other digits to choose from. */
  function set(latents) {
    stop();
    state.latents = latents;
    latents.forEach((latent, i) => paint(digits[i].picture, run(latent)));
    drawWay();
  }

  const others = button("Other digits", () => set(state.latents.map((latent) => dice.normals(latent.length))));
  stage.append(
    element("div", { className: "live-choice live-digits-eight", attr: { role: "group", "aria-label": "Walk on to" } },
      ...digits.map((each) => each.box)),
    large, element("div", { className: "live-orders" }, film, way.box), row(play, others),
  );
  set(state.latents);
  root.live = { state, set, go, choose, at, get output() { return output; } };
});
})();
