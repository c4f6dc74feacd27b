// The engine that runs the course's networks in a page.
//
// A network comes as a program: a list of operations, each of which makes one map of numbers from
// earlier ones (gancourse/live/program.py writes it). Maps are {data, shape}: floats of 32 bits in
// PyTorch's order, one picture at a time, so that a picture is (1, channels, height, width).
//
// Nearly all the time is spent in one place. A convolution, a transposed convolution and a fully
// connected layer are all a product of weights and of what they look at. That product is a page of
// WebAssembly (product.wat), which takes four numbers at once, or the same loop in JavaScript where
// a browser cannot do that.
//
// It is one function without a page around it, so that a worker can be made of its source.
"use strict";
function liveEngine() {

const WASM = "AGFzbQEAAAABDgFgCn9/f39/f39/f38AAhABBGxpdmUGbWVtb3J5AgABAwIBAAcLAQdwcm9kdWN0AAAKrwYBrAYCDX8LeyAJIARsQQJ0IQogBUEFdCELA0AgACENIAIhDiADIQwCQANAIAxBBEgNAf0MAAAAAAAAAAAAAAAAAAAAACEa/QwAAAAAAAAAAAAAAAAAAAAAIR79DAAAAAAAAAAAAAAAAAAAAAAhG/0MAAAAAAAAAAAAAAAAAAAAACEf/QwAAAAAAAAAAAAAAAAAAAAAIRz9DAAAAAAAAAAAAAAAAAAAAAAhIP0MAAAAAAAAAAAAAAAAAAAAACEd/QwAAAAAAAAAAAAAAAAAAAAAISEgDSESIBIgCmohEyATIApqIRQgFCAKaiEVIAkhECAIIREDQCABIBEoAgBqIRYgBCEPA0AgFv0ABAAhFyAW/QAEECEYIBL9CQIAIRkgGiAZIBf95gH95AEhGiAeIBkgGP3mAf3kASEeIBP9CQIAIRkgGyAZIBf95gH95AEhGyAfIBkgGP3mAf3kASEfIBT9CQIAIRkgHCAZIBf95gH95AEhHCAgIBkgGP3mAf3kASEgIBX9CQIAIRkgHSAZIBf95gH95AEhHSAhIBkgGP3mAf3kASEhIBJBBGohEiATQQRqIRMgFEEEaiEUIBVBBGohFSAWIAZqIRYgD0EBayIPDQALIBFBBGohESAQQQFrIhANAAsgDiAa/QsEACAOIB79CwQQIA4gC2ohDiAOIBv9CwQAIA4gH/0LBBAgDiALaiEOIA4gHP0LBAAgDiAg/QsEECAOIAtqIQ4gDiAd/QsEACAOICH9CwQQIA4gC2ohDiANIApBAnRqIQ0gDEEEayEMDAALCwJAA0AgDEUNAf0MAAAAAAAAAAAAAAAAAAAAACEa/QwAAAAAAAAAAAAAAAAAAAAAIR4gCSEQIAghEQNAIAEgESgCAGohFiAEIQ8DQCAN/QkCACEZIBogGSAW/QAEAP3mAf3kASEaIB4gGSAW/QAEEP3mAf3kASEeIA1BBGohDSAWIAZqIRYgD0EBayIPDQALIBFBBGohESAQQQFrIhANAAsgDiAa/QsEACAOIB79CwQQIA4gC2ohDiAMQQFrIQwMAAsLIAEgB2ohASACQSBqIQIgBUEBayIFDQALCwDUAQRuYW1lAogBAQAiAAFBAQFCAgFDAwFNBAFLBQFQBgRzdGVwBwRuZXh0CAR0YXBzCQFUCgNyb3cLBGxpbmUMBGxlZnQNAWEOAWMPAWsQAXQRA3RhcBICYTATAmExFAJhMhUCYTMWAWIXAWwYAXIZAXgaAmwwGwJsMRwCbDIdAmwzHgJyMB8CcjEgAnIyIQJyMwNCAQAJAAZwYW5lbHMBBHJlc3QCBWZvdXJzAwZrZXJuZWwEBWlubmVyBQRkb25lBgRvbmVzBwZrZXJuZWwIBWlubmVy";

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const areaOf = (shape) => shape.reduce((product, n) => product * n, 1);
const map = (shape, data = new Float32Array(areaOf(shape))) => ({ data, shape });

// ---------------------------------------------------------------- the product

const TAPS = 1024; // the heap's first numbers: where the places of a kernel lie
const RESULTS = 1 << 16; // floats of results at a time: they stay in the processor's cache

/** C = A B in JavaScript: what product.wat does, with places and steps counted in floats. */
function plainProduct(floats, taps, a, b, c, M, K, P, step, next, T) {
  for (let p = 0; p < P; p++, b += next) {
    for (let i = 0, at = a; i < M; i++) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
      for (let t = 0; t < T; t++) {
        for (let k = 0, of = b + taps[t]; k < K; k++, at++, of += step) {
          const x = floats[at];
          s0 += x * floats[of]; s1 += x * floats[of + 1]; s2 += x * floats[of + 2]; s3 += x * floats[of + 3];
          s4 += x * floats[of + 4]; s5 += x * floats[of + 5]; s6 += x * floats[of + 6]; s7 += x * floats[of + 7];
        }
      }
      const to = c + 8 * (i * P + p);
      floats[to] = s0; floats[to + 1] = s1; floats[to + 2] = s2; floats[to + 3] = s3;
      floats[to + 4] = s4; floats[to + 5] = s5; floats[to + 6] = s6; floats[to + 7] = s7;
    }
  }
}

/** Memory that grows: the taps, the weights, then room for a layer's input (b) and its results (c). */
class Heap {
  constructor(simd) {
    this.b = TAPS;
    this.room = [0, 0];
    this.simd = simd && typeof WebAssembly === "object";
    if (this.simd) {
      try {
        this.memory = new WebAssembly.Memory({ initial: 1 });
        const module = new WebAssembly.Module(bytesOf(WASM));
        this.wasm = new WebAssembly.Instance(module, { live: { memory: this.memory } }).exports.product;
      } catch { this.simd = false; /* a browser without SIMD refuses the module */ }
    }
    this.floats = new Float32Array(0);
    this.grow(TAPS);
  }

  grow(floats) {
    if (floats <= this.floats.length) return;
    if (this.simd) {
      const pages = Math.ceil((4 * floats - this.memory.buffer.byteLength) / 65536);
      if (pages > 0) this.memory.grow(pages);
      this.floats = new Float32Array(this.memory.buffer); // the old view has lost its memory
    } else {
      const larger = new Float32Array(floats);
      larger.set(this.floats);
      this.floats = larger;
    }
    this.taps = new Int32Array(this.floats.buffer, 0, TAPS);
  }

  /** Put weights in, and say where they lie. */
  keep(weights) {
    const at = this.b;
    this.grow(at + weights.length);
    this.floats.set(weights, at);
    this.b += weights.length;
    return at;
  }

  /** Have room for an input and for results, and give all floats. */
  reserve(input, results) {
    this.room = [Math.max(this.room[0], input), Math.max(this.room[1], results)];
    this.c = this.b + this.room[0];
    this.grow(this.c + this.room[1]);
    return this.floats;
  }

  /** C (M, 8 P) at c = A (M, T K) at a, times B: row (t, k) at b + taps[t] + k step. */
  product(a, b, M, K, P, step, next, taps) {
    const unit = this.simd ? 4 : 1; // bytes or floats
    taps.forEach((offset, t) => { this.taps[t] = unit * offset; });
    if (this.simd) this.wasm(4 * a, 4 * b, 4 * this.c, M, K, P, 4 * step, 4 * next, 0, taps.length);
    else plainProduct(this.floats, this.taps, a, b, this.c, M, K, P, step, next, taps.length);
  }
}

// ---------------------------------------------------------------- layers with weights

/**
 * A map (1, C, H, W) with a border of zeros, laid into the heap so that a convolution finds what it
 * looks at side by side: with a stride of 2 the even columns come first, then the odd ones, and rows
 * too. -> where pixel (y, x) of a channel lies, from one channel to the next, and from row to row.
 */
function lay(heap, { data, shape: [, channels, height, width] }, [top, left], [down, right], results) {
  const h = Math.ceil((height + 2 * top) / down), w = Math.ceil((width + 2 * left) / right);
  const step = down * right * h * w, size = channels * step + w + 16; // a last panel may look behind the end
  const at = (y, x) => ((y % down) * right + x % right) * h * w + Math.floor(y / down) * w + Math.floor(x / right);
  const floats = heap.reserve(size, results(w));
  floats.fill(0, heap.b, heap.b + size);
  for (let k = 0, from = 0; k < channels; k++) {
    for (let y = 0; y < height; y++, from += width) {
      for (let phase = 0; phase < Math.min(right, width); phase++) {
        let to = heap.b + k * step + at(y + top, phase + left);
        for (let x = phase; x < width; x += right) floats[to++] = data[from + x];
      }
    }
  }
  return { at, step, w };
}

/**
 * At each of h x w places the sum of what lies at the taps, times weights (M, taps, channels), given to
 * `take(k, i, from)`: the row i of output k lies at `from` in the heap. Some rows at a time.
 */
function overPlaces(heap, weights, M, channels, h, w, laid, first, taps, take) {
  const block = Math.max(1, Math.floor(RESULTS / (M * laid.w)));
  for (let top = 0; top < h; top += block) {
    const rows = Math.min(block, h - top), panels = Math.ceil(((rows - 1) * laid.w + w) / 8);
    heap.product(weights, heap.b + first + top * laid.w, M, channels, panels, laid.step, 8, taps);
    for (let k = 0; k < M; k++) {
      for (let i = 0; i < rows; i++) take(k, top + i, heap.c + 8 * panels * k + i * laid.w);
    }
  }
}

/** Floats of results that `overPlaces` needs. */
const resultsOf = (M, h) => (w) => M * (w * Math.min(h, Math.max(1, Math.floor(RESULTS / (M * w)))) + 8);

/** A convolution: at each place, the sum of what the kernel covers, times its weights. */
function conv(heap, op, x) {
  const [tall, wide] = op.kernel, [down, right] = op.stride, [far, apart] = op.dilation, [top, left] = op.padding;
  const [, channels, height, width] = x.shape, outputs = op.outputs;
  const h = Math.floor((height + 2 * top - far * (tall - 1) - 1) / down) + 1;
  const w = Math.floor((width + 2 * left - apart * (wide - 1) - 1) / right) + 1;
  const y = map([1, outputs, h, w]), laid = lay(heap, x, op.padding, op.stride, resultsOf(outputs, h));
  const taps = places(tall, wide, (u, v) => laid.at(u * far, v * apart));
  overPlaces(heap, op.weight.at, outputs, channels, h, w, laid, 0, taps, (k, i, from) => {
    const bias = op.bias ? op.bias.data[k] : 0, to = (k * h + i) * w;
    for (let j = 0; j < w; j++) y.data[to + j] = heap.floats[from + j] + bias;
  });
  return y;
}

/**
 * A transposed convolution, (H, W) -> stride times as large. Which weights of the kernel reach a pixel
 * depends only on where it lies within its stride x stride block; so this is one small convolution for
 * each place in the block. That is also why its pictures can have chequers.
 */
function convTransposed(heap, op, x) {
  const [tall, wide] = op.kernel, [down, right] = op.stride, [top, left] = op.padding;
  const [, channels, height, width] = x.shape, outputs = op.outputs;
  const h = (height - 1) * down - 2 * top + tall + op.more[0];
  const w = (width - 1) * right - 2 * left + wide + op.more[1];
  const y = map([1, outputs, h, w]), edge = [Math.ceil(tall / down), Math.ceil(wide / right)];
  const laid = lay(heap, x, edge, [1, 1], resultsOf(outputs, height + 2 * edge[0]));
  for (const { u, v, at } of op.parts) {
    // Output row i down + u - top gets weight u + m down of input row i - m.
    const i0 = Math.max(0, Math.ceil((top - u) / down)), i1 = Math.floor((h - 1 + top - u) / down) + 1;
    const j0 = Math.max(0, Math.ceil((left - v) / right)), j1 = Math.floor((w - 1 + left - v) / right) + 1;
    const [m, n] = [Math.ceil((tall - u) / down), Math.ceil((wide - v) / right)];
    const taps = places(m, n, (a, b) => laid.at(edge[0] - a + m, edge[1] - b + n) - laid.at(m, n));
    const first = laid.at(i0, j0);
    overPlaces(heap, at, outputs, channels, i1 - i0, j1 - j0, laid, first, taps, (k, i, from) => {
      const bias = op.bias ? op.bias.data[k] : 0;
      let to = (k * h + (i0 + i) * down + u - top) * w + j0 * right + v - left;
      for (let j = 0; j < j1 - j0; j++, to += right) y.data[to] = heap.floats[from + j] + bias;
    });
  }
  return y;
}

const places = (tall, wide, f) => Array.from({ length: tall * wide }, (_, t) => f(Math.floor(t / wide), t % wide));

/** A fully connected layer, on each row of (..., inputs). */
function dense(heap, op, x) {
  const [outputs, inputs] = op.weight.shape, rows = x.data.length / inputs;
  const panels = Math.ceil(outputs / 8), y = map([...x.shape.slice(0, -1), outputs]);
  const floats = heap.reserve(x.data.length, rows * 8 * panels);
  floats.set(x.data, heap.b);
  heap.product(heap.b, op.weight.at, rows, inputs, panels, 8, 8 * inputs, [0]);
  for (let i = 0, to = 0; i < rows; i++) {
    const from = heap.c + 8 * panels * i;
    for (let k = 0; k < outputs; k++) y.data[to++] = floats[from + k] + (op.bias ? op.bias.data[k] : 0);
  }
  return y;
}

/**
 * Lay a layer's weights into the heap as the product reads them: (outputs, taps, inputs), and for a fully
 * connected layer panels of 8 outputs.
 */
function keepWeights(heap, op) {
  const { data, shape } = op.weight;
  if (op.op === "dense") {
    const [outputs, inputs] = shape, panels = new Float32Array(Math.ceil(outputs / 8) * 8 * inputs);
    for (let k = 0, from = 0; k < outputs; k++) {
      for (let i = 0; i < inputs; i++) panels[(Math.floor(k / 8) * inputs + i) * 8 + (k % 8)] = data[from++];
    }
    op.weight = { shape, at: heap.keep(panels) };
    return;
  }
  const [outputs, inputs, tall, wide] = shape; // of a transposed one too
  const pick = (rows, columns) => {
    const picked = new Float32Array(outputs * rows.length * columns.length * inputs);
    let to = 0;
    for (let k = 0; k < outputs; k++) for (const u of rows) for (const v of columns) {
      for (let c = 0; c < inputs; c++) picked[to++] = data[((k * inputs + c) * tall + u) * wide + v];
    }
    return heap.keep(picked);
  };
  const every = (n, from, step) => Array.from({ length: Math.ceil((n - from) / step) }, (_, i) => from + i * step);
  if (op.op === "conv_transposed") {
    const [down, right] = op.stride;
    op.parts = places(down, right, (u, v) => ({ u, v, at: pick(every(tall, u, down), every(wide, v, right)) }));
    op.weight = { shape };
  } else op.weight = { shape, at: pick(every(tall, 0, 1), every(wide, 0, 1)) };
  op.kernel = [tall, wide];
  op.outputs = outputs;
}

// ---------------------------------------------------------------- everything else

/** Apply f to each number; in place where nobody else needs the map. */
function each(op, x, f) {
  const y = op.reuse ? x : map(x.shape);
  for (let i = 0; i < x.data.length; i++) y.data[i] = f(x.data[i]);
  return y;
}

/** Numbers below 0 times a slope. */
function leaky(op, x, slope) {
  const y = op.reuse ? x : map(x.shape), from = x.data, to = y.data;
  for (let i = 0; i < from.length; i++) to[i] = from[i] < 0 ? slope * from[i] : from[i];
  return y;
}

/** Two maps, number by number; sizes of 1 are repeated, as PyTorch does. */
function both(x, y, f) {
  const rank = Math.max(x.shape.length, y.shape.length);
  const [p, q] = [x, y].map(({ shape }) => [...Array(rank - shape.length).fill(1), ...shape]);
  const shape = p.map((n, i) => Math.max(n, q[i])), out = map(shape);
  if (x.data.length === out.data.length && y.data.length === out.data.length) {
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(x.data[i], y.data[i]);
    return out;
  }
  const strides = (own) => own.map((n, d) => (n === 1 ? 0 : areaOf(own.slice(d + 1))));
  const s = strides(p), t = strides(q), at = shape.map(() => 0);
  for (let i = 0, a = 0, b = 0; i < out.data.length; i++) {
    out.data[i] = f(x.data[a], y.data[b]);
    for (let d = rank - 1; d >= 0; d--) {
      a += s[d]; b += t[d];
      if (++at[d] < shape[d]) break;
      a -= s[d] * shape[d]; b -= t[d] * shape[d]; at[d] = 0;
    }
  }
  return out;
}

/** Each channel of (1, C, ...) times a gain, plus a bias; null is none. */
function affine(op, x, gains, biases) {
  const channels = x.shape[1], area = x.data.length / channels, y = op.reuse ? x : map(x.shape);
  for (let k = 0; k < channels; k++) {
    const gain = gains ? gains.data[k] : 1, bias = biases ? biases.data[k] : 0;
    for (let i = k * area; i < (k + 1) * area; i++) y.data[i] = gain * x.data[i] + bias;
  }
  return y;
}

/** Whether y is (1, C, 1, ...): one number for each channel of x. */
const perChannel = (x, y) => x.shape.length > 2 && y.data.length === x.shape[1] && y.shape[1] === x.shape[1]
  && x.shape.length === y.shape.length;

/** Group normalisation: mean 0 and deviation 1 in each group of channels; then gain and bias. */
function normalised(op, x) {
  const channels = x.shape[1], area = x.data.length / channels, size = x.data.length / op.groups;
  const y = map(x.shape);
  for (let first = 0; first < x.data.length; first += size) {
    let sum = 0, squares = 0;
    for (let i = first; i < first + size; i++) sum += x.data[i];
    const mean = sum / size;
    for (let i = first; i < first + size; i++) squares += (x.data[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / size + op.eps);
    for (let i = first; i < first + size; i++) {
      const k = Math.floor(i / area);
      y.data[i] = (x.data[i] - mean) * scale * op.gain.data[k] + op.bias.data[k];
    }
  }
  return y;
}

function prelu(op, x) {
  const channels = x.shape[1], area = x.data.length / channels, y = op.reuse ? x : map(x.shape);
  const slopes = op.slope.data;
  for (let k = 0; k < channels; k++) {
    const slope = slopes[slopes.length > 1 ? k : 0];
    for (let i = k * area; i < (k + 1) * area; i++) y.data[i] = x.data[i] < 0 ? slope * x.data[i] : x.data[i];
  }
  return y;
}

/** The numbers before, at and after a dimension. */
function around(shape, dim) {
  return [areaOf(shape.slice(0, dim)), shape[dim], areaOf(shape.slice(dim + 1))];
}

function concat(op, maps) {
  const shape = [...maps[0].shape];
  shape[op.dim] = maps.reduce((sum, each) => sum + each.shape[op.dim], 0);
  const y = map(shape), [outer, , inner] = around(shape, op.dim);
  for (let i = 0, to = 0; i < outer; i++) {
    for (const { data, shape: own } of maps) {
      const run = own[op.dim] * inner;
      y.data.set(data.subarray(i * run, (i + 1) * run), to);
      to += run;
    }
  }
  return y;
}

function slice({ dim, start, end }, x) {
  const [outer, size, inner] = around(x.shape, dim), shape = [...x.shape];
  const last = Math.min(end, size), run = (last - start) * inner;
  shape[dim] = last - start;
  const y = map(shape);
  for (let i = 0; i < outer; i++) {
    const from = (i * size + start) * inner;
    y.data.set(x.data.subarray(from, from + run), i * run);
  }
  return y;
}

function reshape({ shape }, x) {
  const known = shape.reduce((product, n) => (n < 0 ? product : product * n), 1);
  return map(shape.map((n) => (n < 0 ? x.data.length / known : n)), x.data);
}

function unsqueeze({ dim }, x) {
  return map([...x.shape.slice(0, dim), 1, ...x.shape.slice(dim)], x.data);
}

function permute({ dims }, x) {
  const shape = dims.map((d) => x.shape[d]), y = map(shape);
  const steps = dims.map((d) => areaOf(x.shape.slice(d + 1))), at = shape.map(() => 0);
  for (let i = 0, from = 0; i < y.data.length; i++) {
    y.data[i] = x.data[from];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += steps[d];
      if (++at[d] < shape[d]) break;
      from -= steps[d] * shape[d]; at[d] = 0;
    }
  }
  return y;
}

function expand({ shape }, x) {
  return both(x, map(shape.map((n, i) => (n < 0 ? x.shape[i - shape.length + x.shape.length] : n))), (a) => a);
}

function largest({ dim }, x) {
  const [outer, size, inner] = around(x.shape, dim), y = map(x.shape.filter((_, i) => i !== dim));
  for (let i = 0; i < outer; i++) for (let j = 0; j < inner; j++) {
    let best = -Infinity;
    for (let k = 0; k < size; k++) best = Math.max(best, x.data[(i * size + k) * inner + j]);
    y.data[i * inner + j] = best;
  }
  return y;
}

/** The Euclidean length along a dimension, which stays with size 1. */
function length({ dim }, x) {
  const [outer, size, inner] = around(x.shape, dim), y = map(x.shape.map((n, i) => (i === dim ? 1 : n)));
  for (let i = 0; i < outer; i++) for (let j = 0; j < inner; j++) {
    let sum = 0;
    for (let k = 0; k < size; k++) sum += x.data[(i * size + k) * inner + j] ** 2;
    y.data[i * inner + j] = Math.sqrt(sum);
  }
  return y;
}

/** Rows of a table, by their numbers. */
function lookUp(op, x) {
  const [, size] = op.table.shape, y = map([...x.shape, size]);
  x.data.forEach((n, i) => y.data.set(op.table.data.subarray(n * size, (n + 1) * size), i * size));
  return y;
}

function nearest({ by: [down, right] }, x) {
  const [, channels, height, width] = x.shape, h = height * down, w = width * right, y = map([1, channels, h, w]);
  for (let k = 0, to = 0; k < channels; k++) for (let i = 0; i < h; i++) {
    const row = (k * height + Math.floor(i / down)) * width;
    for (let j = 0; j < w; j++, to++) y.data[to] = x.data[row + Math.floor(j / right)];
  }
  return y;
}

/** Bilinear enlargement; a pixel is an area, and its value stands at the centre. */
function bilinear({ by: [down, right] }, x) {
  const [, channels, height, width] = x.shape, h = height * down, w = width * right, y = map([1, channels, h, w]);
  const taps = (n, size, by) => Array.from({ length: n }, (_, i) => {
    const at = Math.max(0, (i + 0.5) / by - 0.5), low = Math.floor(at);
    return [low, Math.min(low + 1, size - 1), at - low];
  });
  const rows = taps(h, height, down), columns = taps(w, width, right);
  for (let k = 0, to = 0; k < channels; k++) {
    const of = k * height * width;
    for (const [top, bottom, v] of rows) {
      const above = of + top * width, below = of + bottom * width;
      for (const [left, next, u] of columns) {
        const upper = x.data[above + left] * (1 - u) + x.data[above + next] * u;
        const lower = x.data[below + left] * (1 - u) + x.data[below + next] * u;
        y.data[to++] = upper * (1 - v) + lower * v;
      }
    }
  }
  return y;
}

/** (1, C r^2, H, W) -> (1, C, r H, r W): r x r channels become r x r pixels. */
function shuffled({ by }, x) {
  const [, deep, height, width] = x.shape, channels = deep / by ** 2, y = map([1, channels, by * height, by * width]);
  for (let k = 0, from = 0; k < channels; k++) for (let u = 0; u < by; u++) for (let v = 0; v < by; v++) {
    for (let i = 0; i < height; i++) {
      let to = ((k * height + i) * by + u) * by * width + v;
      for (let j = 0; j < width; j++, to += by) y.data[to] = x.data[from++];
    }
  }
  return y;
}

/** Dropout that stays on: the noise of a network without a latent (chapter 6). */
function noise({ p }, x, uniform) {
  const y = map(x.shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = uniform() < p ? 0 : x.data[i] / (1 - p);
  return y;
}

const OPERATIONS = {
  conv: (op, [x], heap) => conv(heap, op, x),
  conv_transposed: (op, [x], heap) => convTransposed(heap, op, x),
  dense: (op, [x], heap) => dense(heap, op, x),
  affine: (op, [x]) => affine(op, x, op.gain, op.bias),
  group_norm: (op, [x]) => normalised(op, x),
  relu: (op, [x]) => leaky(op, x, 0),
  leaky_relu: (op, [x]) => leaky(op, x, op.slope),
  prelu: (op, [x]) => prelu(op, x),
  tanh: (op, [x]) => each(op, x, Math.tanh),
  sigmoid: (op, [x]) => each(op, x, (v) => 1 / (1 + Math.exp(-v))),
  exp: (op, [x]) => each(op, x, Math.exp),
  at_least: (op, [x]) => each(op, x, (v) => Math.max(v, op.least)),
  above: (op, [x]) => each(op, x, (v) => Number(v > op.bound)),
  add: (op, [x, y]) => (perChannel(x, y) ? affine(op, x, null, y) : both(x, y, (a, b) => a + b)),
  subtract: (op, [x, y]) => both(x, y, (a, b) => a - b),
  multiply: (op, [x, y]) => (perChannel(x, y) ? affine(op, x, y, null) : both(x, y, (a, b) => a * b)),
  divide: (op, [x, y]) => both(x, y, (a, b) => a / b),
  concat: (op, maps) => concat(op, maps),
  slice: (op, [x]) => slice(op, x),
  reshape: (op, [x]) => reshape(op, x),
  unsqueeze: (op, [x]) => unsqueeze(op, x),
  permute: (op, [x]) => permute(op, x),
  expand: (op, [x]) => expand(op, x),
  largest: (op, [x]) => largest(op, x),
  length: (op, [x]) => length(op, x),
  look_up: (op, [x]) => lookUp(op, x),
  nearest: (op, [x]) => nearest(op, x),
  bilinear: (op, [x]) => bilinear(op, x),
  pixel_shuffle: (op, [x]) => shuffled(op, x),
  noise: (op, [x], heap, uniform) => (uniform ? noise(op, x, uniform) : x),
};

// ---------------------------------------------------------------- a network

/** Floats of a stored tensor: as they are, or eight bits and a scale for each row. */
function floatsOf(blob, { shape, at, scale }) {
  const start = blob.byteOffset, size = areaOf(shape);
  if (scale === undefined) return new Float32Array(blob.buffer, start + at, size).slice();
  const levels = new Int8Array(blob.buffer, start + at, size), run = size / shape[0];
  const rows = new Float32Array(blob.buffer, start + scale, shape[0]);
  return Float32Array.from(levels, (level, i) => level * rows[Math.floor(i / run)]);
}

/**
 * A network from a program and its weights in base64 (or as bytes).
 * `run({name: numbers or map}, {uniform})` -> the output's map; `uniform` gives the noise's numbers in
 * [0, 1), and without it there is none.
 */
function open(program, weights, { simd = true } = {}) {
  const blob = typeof weights === "string" ? bytesOf(weights) : weights;
  const tensors = program.tensors.map((each) => ({ shape: each.shape, data: floatsOf(blob, each) }));
  const ops = program.ops.map((op) => {
    const own = { ...op };
    for (const [name, i] of Object.entries(op.tensors ?? {})) own[name] = { ...tensors[i] };
    return own;
  });
  const heap = new Heap(simd);
  for (const op of ops) if (op.weight) keepWeights(heap, op);

  function run(given, { uniform } = {}) {
    const values = program.inputs.map(({ name, shape }) => {
      const value = given[name];
      if (value === undefined) throw new Error(`${program.name}: no ${name} was given`);
      const made = value.shape ? value : map(shape.map((n) => (n < 0 ? value.length : n)), Float32Array.from(value));
      if (areaOf(made.shape) !== made.data.length) throw new Error(`${program.name}: ${made.data.length} numbers for ${name}, not ${shape}`);
      return made;
    });
    const ends = program.last; // of each value, the last operation that reads it
    ops.forEach((op, i) => {
      const read = op.from.map((n) => (typeof n === "number" ? values[n] : tensors[n.tensor]));
      values.push(OPERATIONS[op.op](op, read, heap, uniform));
      for (const n of op.from) if (ends[n] === i) values[n] = null; // its memory is free again
    });
    return values[program.output];
  }
  return { name: program.name, program, blob, run, simd: heap.simd };
}

return { open, map, source: liveEngine.toString() };
}
if (typeof window !== "undefined") window.Live.engine = liveEngine();
