// Chapter 4: pick or type the words of a sentence, and both stages of StackGAN draw it.
(function () {
"use strict";

const { element, row, button, choice, select, canvas, paint, random, inTurn } = Live;

// ---------------------------------------------------------------- reading, as gancourse/text.py does

const WORD = /[\p{L}\p{N}]+(?:[-'][\p{L}\p{N}]+)*/gu; // letters and digits, joined by - or '

/** The words of a sentence, in small letters: "A hot-air Balloon!" -> a, hot-air, balloon. */
const wordsOf = (text) => text.normalize("NFKC").toLowerCase().match(WORD) ?? [];

/** How alike two words are, from 0 to 1 (Ratcliff and Obershelp; Python's difflib). */
function likeness(a, b) {
  /** Letters that both share: in the longest run that is in both, then to its left and to its right. */
  const shared = (s, t) => {
    let most = 0, at = 0, to = 0;
    for (let i = 0; i < s.length; i++) for (let j = 0; j < t.length; j++) {
      let n = 0;
      while (i + n < s.length && j + n < t.length && s[i + n] === t[j + n]) n++;
      if (n > most) [most, at, to] = [n, i, j];
    }
    return most && most + shared(s.slice(0, at), t.slice(0, to)) + shared(s.slice(at + most), t.slice(to + most));
  };
  const [s, t] = [[...a], [...b]];
  return 2 * shared(s, t) / (s.length + t.length);
}

/** What the encoder makes of sentences; `letters`: the bytes of a word that it keeps. */
function reader({ vocabulary, longest, letters }) {
  const numbers = new Map(vocabulary.map((word, i) => [word, i + 1]));
  const bytes = new TextEncoder();

  function number(word) {
    const kept = [...word];
    while (bytes.encode(kept.join("")).length > letters) kept.pop();
    return numbers.get(kept.join("")) ?? 0;
  }

  /** The known word that is nearest, or "". */
  function nearest(word) {
    const rated = vocabulary.map((each) => [likeness(each, word), each]).filter(([alike]) => alike >= 0.65);
    rated.sort(([a, s], [b, t]) => b - a || (s < t ? 1 : -1));
    return rated.length ? rated[0][1] : "";
  }

  return {
    words: wordsOf,
    /** The sentence as numbers; words that are not known are left out. */
    tokens: (text) => wordsOf(text).map(number).filter(Boolean).slice(0, longest),
    /** The words that are not known, each with the nearest that is, or "". */
    unknown: (text) => new Map(wordsOf(text).filter((word) => !number(word)).map((word) => [word, nearest(word)])),
  };
}

// ---------------------------------------------------------------- writing

/** "a small red boat", of a size, a colour and a thing, of which the first two may be "". */
function phrase(...parts) {
  const words = parts.filter(Boolean).join(" ");
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}

/** The sentence that says what was picked: `said` gives a phrase or "" for each list. */
function compose(said, places) {
  const first = phrase(said.size, said.colour, said.thing);
  const second = phrase(said["second size"], said["second colour"], said["second thing"]);
  const things = said.place ? places[said.place].replace("{}", first).replace("{}", second) : first;
  return [things, said.ground, said.light, said.sky, said.weather].filter(Boolean).join(" ");
}

const quoted = (word) => `“${word.length > 40 ? `${word.slice(0, 40)}…` : word}”`;

// ---------------------------------------------------------------- the figure

Live.figure("words", Object.assign(wake, { reader, compose })); // the two can be tried without a page

function wake(stage, { models, data, root }) {
  const encoder = models["stackgan-words"], first = models["stackgan-stage1"], second = models.stackgan;
  const { tokens, unknown, words } = reader(data);
  const sizeOf = (model, name) => model.program.inputs.find((each) => each.name === name).shape[1];
  const state = { said: { ...data.start }, text: "", vector: null, seed: 0, chosen: 0 };
  const outputs = []; // of each draw: {small, large}

  // What is said: a list for each kind of word, and the sentence itself.
  const lists = {};
  function list(name, label = name, none = "any", options = data.lists[name.replace("second ", "")]) {
    const offered = [...(none ? [[none, ""]] : []), ...options.map((each) => [each, each])];
    const at = offered.findIndex(([, value]) => value === data.start[name]);
    lists[name] = select(label, offered, (value) => { state.said[name] = value; pick(); }, at);
    return lists[name].box;
  }
  const group = (label, ...boxes) =>
    element("div", { className: "live-kinds", attr: { role: "group", "aria-label": label } }, ...boxes);
  const kinds = element("div", { className: "live-caption" },
    group("First thing", list("size"), list("colour"), list("thing", "thing", "")),
    group("Second thing", list("place", "and another", "none", Object.keys(data.places)),
      list("second size", "size"), list("second colour", "colour"), list("second thing", "thing", "")),
    group("Around them", ...["ground", "light", "sky", "weather"].map((name) => list(name))));
  const field = element("input", { type: "text", maxLength: 600, autocomplete: "off", spellcheck: false });
  const note = element("p", { className: "live-said", attr: { role: "status" } });

  // What is drawn.
  const stages = [["Stage I", 32], ["Stage II", 64]].map(([name, side]) => {
    const picture = canvas(side, side, "");
    const said = element("span");
    return { name, picture, said, box: element("div", { className: "live-stages" }, said, picture) };
  });
  const small = Array.from({ length: data.draws }, (_, i) => canvas(64, 64, `Draw ${i + 1}`));
  const draws = choice("Other draws of the same sentence", small, (i) => { state.chosen = i; show(); });
  draws.box.classList.add("live-draws");

  function draw(i) {
    const { normals } = random(1000 * state.seed + i);
    const noises = (size) => normals(size).map((value) => data.temperature * value);
    const latent = noises(sizeOf(first, "latent")), noise = noises(sizeOf(second, "noise"));
    const coarse = first.run({ text: state.vector, latent });
    outputs[i] = { small: coarse, large: second.run({ small: coarse, text: state.vector, noise }) };
    paint(small[i], outputs[i].large);
    if (i === state.chosen) show();
  }

  function show() {
    const pictures = outputs[state.chosen];
    if (!pictures) return; // it is still to come
    stages.forEach(({ name, picture, said }, i) => {
      const made = i ? pictures.large : pictures.small;
      paint(picture, made);
      said.textContent = `${name}, ${made.shape[3]} × ${made.shape[2]} px`;
      picture.setAttribute("aria-label", `${name}'s picture of: ${state.text}`);
    });
  }

  const redraw = inTurn(data.draws, () => state.chosen, draw);

  /** What there is to say of a sentence: words that are not known, and what was never trained. */
  function remarks(text) {
    const found = words(text), known = tokens(text), missing = [...unknown(text)];
    if (!found.length) return "Write a sentence.";
    if (found.length > data.longest) return `${found.length} words; write ${data.longest} or fewer.`;
    const said = missing.slice(0, 3).map(([word, near]) =>
      `The encoder does not know ${quoted(word)}${near ? `; the nearest word that it knows is ${quoted(near)}` : ""}.`);
    if (missing.length > 3) said.push(`${missing.length - 3} more words are not known.`);
    if (!known.length) said.push("No word is left to draw.");
    const spoken = ` ${found.join(" ")} `;
    const fresh = data.neverTrained.filter((each) => spoken.includes(` ${each} `));
    for (const each of fresh) said.push(`No training picture shows ${phrase(each)}, and no training sentence says it.`);
    return said.join(" ") || "The encoder knows every word of it.";
  }

  /** Draw another sentence. One that cannot be read leaves the pictures as they are. */
  function write(text) {
    if (field.value !== text) field.value = text;
    const known = tokens(text), count = words(text).length;
    const remark = remarks(text);
    if (note.textContent !== remark) note.textContent = remark;
    if (!known.length || count > data.longest) return;
    state.text = text;
    state.vector = encoder.run({ tokens: known });
    redraw();
  }

  function pick() {
    for (const name of ["second size", "second colour", "second thing"]) lists[name].list.disabled = !state.said.place;
    write(compose(state.said, data.places));
  }

  function again() {
    state.seed++;
    redraw();
  }

  field.addEventListener("input", () => write(field.value));
  stage.append(
    kinds,
    element("label", { className: "live-sentence" }, element("span", { textContent: "Sentence" }), field),
    note,
    element("div", { className: "live-two" }, ...stages.map(({ box }) => box)),
    draws.box,
    row(button("Again, with other noise", again)),
  );
  pick();
  draw(0); // so that it does not wake with empty pictures
  root.live = { state, outputs, draw, write, again, tokens, unknown };
}
})();
