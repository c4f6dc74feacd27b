// Draws faces as SVG, one JSON line each: {"svg": ..., "attributes": ...}, and for a bearded pixel-art face also
// "beardless", the same face without its beard. Same seed, same face; see README.md.
//
//     node data/faces/make.mjs pixel-art 10000 > pixel-art.jsonl
//     node data/faces/make.mjs micah 4000 > micah.jsonl
//
// Run it in the folder where npm has put node_modules.
import { createHash } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const VERSION = '9.4.3';
const STYLES = {
  'pixel-art': {
    seed: 'pixelArt',
    options: { glassesProbability: 50, hatProbability: 20, beardProbability: 25, accessoriesProbability: 15 },
  },
  micah: {
    seed: 'micah',
    options: { glassesProbability: 50, facialHairProbability: 30, earringsProbability: 30, hairProbability: 100 },
  },
};

async function load(name) {
  const folder = resolve('node_modules', '@dicebear', name);
  const { version } = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8'));
  if (version !== VERSION) throw new Error(`@dicebear/${name} is ${version}; these faces are drawn by ${VERSION}`);
  return import(pathToFileURL(resolve(folder, 'lib', 'index.js')));
}

const [name, count] = process.argv.slice(2);
if (!(name in STYLES) || !(count > 0)) {
  console.error('usage: node make.mjs pixel-art|micah COUNT > faces.jsonl');
  process.exit(2);
}
const { createAvatar } = await load('core');
const style = await load(name);
for (let i = 0; i < count; i++) {
  const seed = createHash('sha256').update(STYLES[name].seed + i).digest('hex');
  const { svg, extra } = createAvatar(style, { seed, ...STYLES[name].options }).toJson();
  const face = { svg, attributes: extra };
  if (extra.beard) face.beardless = createAvatar(style, { seed, ...STYLES[name].options, beardProbability: 0 }).toString();
  const line = Buffer.from(JSON.stringify(face) + '\n');
  for (let sent = 0; sent < line.length; ) sent += writeSync(1, line, sent);
}
