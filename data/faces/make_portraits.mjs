// Draws portraits as SVG, one JSON line each: {"svg": ..., "words": {"hair": "mohawk", ...}}. Every attribute is drawn
// by a lot of its own, so that none tells anything of another. Same number, same face; see README.md.
//
//     node data/faces/make_portraits.mjs 8000 > portraits.jsonl
//
// Run it in the folder where npm has put node_modules.
import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const VERSION = '9.4.3';

// Named colours, far enough apart to be told from each other at 32 px.
const HAIR_COLOURS = {
  black: '1d1d1f', brown: '6a3d1e', blond: 'f3cf62', orange: 'ea7317', grey: 'b4b8c2',
  blue: '2a67e0', pink: 'f56fae', green: '3aa655', purple: '8347c9',
};
const SHIRT_COLOURS = {
  white: 'ffffff', black: '26272c', red: 'd92f36', orange: 'f28a32', yellow: 'f6d648',
  green: '43aa5f', blue: '3a7be8', purple: '8b5ad2', pink: 'fb8fb4',
};
const SKINS = { light: 'f9cdb6', tan: 'c98a5e', dark: '85482c' };
const FRAMES = { black: '111114', white: 'ffffff', red: 'e0222c', blue: '1f62f0' };
const BACKGROUNDS = {
  white: 'ffffff', grey: 'c6c9d1', yellow: 'ffe98c', green: 'bcecc4', blue: 'b9dcff', pink: 'ffc8da',
};
const GOLD = 'f2b91d';

// Our word -> the design's.
const HAIR = {
  bald: 'mrClean', mohawk: 'mrT', quiff: 'fonze', fringe: 'dannyPhantom', bob: 'pixie', long: 'full', turban: 'turban',
};
const SHIRTS = { 't-shirt': 'open', sweater: 'crew', collared: 'collared' };
const MOUTHS = { smiling: 'smile', laughing: 'laughing', sad: 'frown', surprised: 'surprised' };

// What gets no word: it makes one sentence have many pictures.
const EYES = ['eyes', 'round', 'smiling'];
const EYEBROWS = ['up', 'down', 'eyelashesUp', 'eyelashesDown'];
const NOSES = ['curve', 'pointed', 'tound'];
const EARS = ['attached', 'detached'];

// Name -> (value -> how often). The order is that of `gancourse.data.portraits.ATTRIBUTES`.
const evenly = (values) => Object.fromEntries(values.map((value) => [value, 1]));
const WORDS = {
  hair: evenly(Object.keys(HAIR)),
  hair_colour: evenly(Object.keys(HAIR_COLOURS)),
  skin: evenly(Object.keys(SKINS)),
  glasses: { none: 2, round: 2, square: 2 },
  frame: evenly(Object.keys(FRAMES)),
  beard: { none: 3, beard: 2 },
  earrings: { none: 3, hoop: 2 },
  mouth: evenly(Object.keys(MOUTHS)),
  shirt: evenly(Object.keys(SHIRTS)),
  shirt_colour: evenly(Object.keys(SHIRT_COLOURS)),
  background: evenly(Object.keys(BACKGROUNDS)),
};
const UNSAID = { eyes: evenly(EYES), eyebrows: evenly(EYEBROWS), nose: evenly(NOSES), ears: evenly(EARS) };

// A value by lot, from the SHA-256 of the face's number and the attribute's name.
function drawn(number, name, values) {
  const lot = createHash('sha256').update(`portraits ${number} ${name}`).digest().readUInt32LE() / 2 ** 32;
  let left = lot * Object.values(values).reduce((sum, weight) => sum + weight);
  return Object.keys(values).find((value) => (left -= values[value]) < 0);
}

async function load(name) {
  const folder = resolve('node_modules', '@dicebear', name);
  const { version } = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8'));
  if (version !== VERSION) throw new Error(`@dicebear/${name} is ${version}; these faces are drawn by ${VERSION}`);
  return import(pathToFileURL(resolve(folder, 'lib', 'index.js')));
}

// Lines of this colour as wide as `width`, of the drawing's 360. The design's 4 are less than a pixel at 64 px.
const widen = (svg, colour, width) =>
  svg.replaceAll(`stroke="#${colour}" stroke-width="4"`, `stroke="#${colour}" stroke-width="${width}"`);

const count = Number(process.argv[2]);
if (!(count > 0)) {
  console.error('usage: node make_portraits.mjs COUNT > portraits.jsonl');
  process.exit(2);
}
const { createAvatar } = await load('core');
const micah = await load('micah');
for (let i = 0; i < count; i++) {
  const pick = ([name, values]) => [name, drawn(i, name, values)];
  const words = Object.fromEntries(Object.entries(WORDS).map(pick));
  const unsaid = Object.fromEntries(Object.entries(UNSAID).map(pick));
  const hair = HAIR_COLOURS[words.hair_colour];
  // A mouth in a dark beard is white, or nobody would see it. The last digit sets it apart from what else is black.
  const mouth = words.beard !== 'none' && ['black', 'brown'].includes(words.hair_colour) ? 'fffffe' : '000001';
  const worn = (part, style) => ({ [part]: style === 'none' ? [] : [style], [`${part}Probability`]: style === 'none' ? 0 : 100 });
  let svg = createAvatar(micah, {
    seed: 'portraits',
    ...worn('hair', HAIR[words.hair]), hairColor: [hair],
    ...worn('facialHair', words.beard), facialHairColor: [hair],
    ...worn('glasses', words.glasses), glassesColor: [FRAMES[words.frame]],
    ...worn('earrings', words.earrings), earringColor: [GOLD],
    baseColor: [SKINS[words.skin]], mouth: [MOUTHS[words.mouth]], mouthColor: [mouth],
    shirt: [SHIRTS[words.shirt]], shirtColor: [SHIRT_COLOURS[words.shirt_colour]],
    backgroundColor: [BACKGROUNDS[words.background]],
    eyes: [unsaid.eyes], eyebrows: [unsaid.eyebrows], nose: [unsaid.nose], ears: [unsaid.ears],
  }).toString();
  svg = widen(widen(widen(svg, FRAMES[words.frame], 9), GOLD, 8), mouth, 7);
  const line = Buffer.from(JSON.stringify({ svg, words }) + '\n');
  for (let sent = 0; sent < line.length; ) sent += writeSync(1, line, sent);
}
