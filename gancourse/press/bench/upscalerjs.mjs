// One network of UpscalerJS, as a process that enlarges pictures four times until its input ends.
//
//     node upscalerjs.mjs FOLDER slim|medium|thick
//
// FOLDER holds node_modules. In: height and width (uint32), then the RGB bytes. Out: CPU seconds
// (float64) from those bytes to the enlarged ones, then the enlarged bytes. TensorFlow.js computes
// in WebAssembly with SIMD, one thread; its native backend is no part of the npm package.
import { readFileSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const SCALE = 4;
const [folder, size] = process.argv.slice(2);
const modules = join(resolve(folder), 'node_modules');
const require = createRequire(join(modules, 'index.js'));
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');

wasm.setThreadsCount(1);
wasm.setWasmPaths(join(modules, '@tensorflow/tfjs-backend-wasm/dist/'));
await tf.setBackend('wasm');
const network = await load(join(modules, `@upscalerjs/esrgan-${size}`));

for (let header = read(8); header; header = read(8)) {
  const [height, width] = [header.readUInt32LE(0), header.readUInt32LE(4)];
  const pixels = read(3 * height * width);
  const began = process.cpuUsage();
  const enlarged = await enlarge(pixels, height, width);
  const { user, system } = process.cpuUsage(began);
  const seconds = Buffer.alloc(8);
  seconds.writeDoubleLE((user + system) / 1e6);
  write(seconds);
  write(enlarged);
}

async function load(folder) {
  const description = require(`@upscalerjs/esrgan-${size}/4x`);
  description.setup?.(tf);
  const path = join(folder, description._internals.path);
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(path));
  const shards = weightsManifest.flatMap(group => group.paths);
  const bytes = Buffer.concat(shards.map(name => readFileSync(join(path, '..', name))));
  const artifacts = {
    modelTopology,
    weightSpecs: weightsManifest.flatMap(group => group.weights),
    weightData: new Uint8Array(bytes).buffer,
  };
  const model = await tf.loadLayersModel({ load: async () => artifacts });
  return { model, range: description.inputRange[1] };
}

async function enlarge(pixels, height, width) {
  const { model, range } = network;
  const enlarged = tf.tidy(() => {
    const low = tf.tensor4d(pixels, [1, height, width, 3], 'float32').mul(range / 255);
    return model.predict(low).mul(255 / range).clipByValue(0, 255).round();
  });
  const found = Uint8Array.from(await enlarged.data());
  enlarged.dispose();
  return found;
}

function read(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const got = readSync(0, bytes, at, size - at);
    if (!got) return null;
    at += got;
  }
  return bytes;
}

function write(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at, bytes.length - at);
}
