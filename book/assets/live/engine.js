// The engine that runs the course's networks in a page.
//
// A network comes as a program: a list of operations, each of which makes one map of numbers from
// earlier ones (gancourse/live/program.py writes it). Maps are {data, shape}: floats of 32 bits in
// PyTorch's order, one picture at a time, so that a picture is (1, channels, height, width).
//
// Nearly all the time is spent in one place. A convolution, a transposed convolution and a fully
// connected layer are all one matrix product, of weights and of what they look at. That product
// is 100 lines of WebAssembly (product.wat), which takes four numbers at once, or the same loop in
// JavaScript where a browser cannot do that.
//
// It is one function without a page around it, so that a worker can be made of its source.
"use strict";
function liveEngine() {

const WASM = "AGFzbQEAAAABCgFgBn9/f39/fwACEAEEbGl2ZQZtZW1vcnkCAAEDAgEABwsBB3Byb2R1Y3QAAArtBQHqBQILfwt7IARBAnQhBiAFQQV0IQcDQCAAIQkgAiEKIAMhCAJAA0AgCEEESA0B/QwAAAAAAAAAAAAAAAAAAAAAIRT9DAAAAAAAAAAAAAAAAAAAAAAhGP0MAAAAAAAAAAAAAAAAAAAAACEV/QwAAAAAAAAAAAAAAAAAAAAAIRn9DAAAAAAAAAAAAAAAAAAAAAAhFv0MAAAAAAAAAAAAAAAAAAAAACEa/QwAAAAAAAAAAAAAAAAAAAAAIRf9DAAAAAAAAAAAAAAAAAAAAAAhGyAJIQwgDCAGaiENIA0gBmohDiAOIAZqIQ8gASEQIAQhCwNAIBD9AAQAIREgEP0ABBAhEiAM/QkCACETIBQgEyAR/eYB/eQBIRQgGCATIBL95gH95AEhGCAN/QkCACETIBUgEyAR/eYB/eQBIRUgGSATIBL95gH95AEhGSAO/QkCACETIBYgEyAR/eYB/eQBIRYgGiATIBL95gH95AEhGiAP/QkCACETIBcgEyAR/eYB/eQBIRcgGyATIBL95gH95AEhGyAMQQRqIQwgDUEEaiENIA5BBGohDiAPQQRqIQ8gEEEgaiEQIAtBAWsiCw0ACyAKIBT9CwQAIAogGP0LBBAgCiAHaiEKIAogFf0LBAAgCiAZ/QsEECAKIAdqIQogCiAW/QsEACAKIBr9CwQQIAogB2ohCiAKIBf9CwQAIAogG/0LBBAgCiAHaiEKIAkgBkECdGohCSAIQQRrIQgMAAsLAkADQCAIRQ0B/QwAAAAAAAAAAAAAAAAAAAAAIRT9DAAAAAAAAAAAAAAAAAAAAAAhGCABIRAgBCELA0AgCf0JAgAhEyAUIBMgEP0ABAD95gH95AEhFCAYIBMgEP0ABBD95gH95AEhGCAJQQRqIQkgEEEgaiEQIAtBAWsiCw0ACyAKIBT9CwQAIAogGP0LBBAgCiAHaiEKIAhBAWshCAwACwsgASAEQQV0aiEBIAJBIGohAiAFQQFrIgUNAAsLAKYBBG5hbWUCawEAHAABQQEBQgIBQwMBTQQBSwUBUAYDcm93BwRsaW5lCARsZWZ0CQFhCgFjCwFrDAJhMA0CYTEOAmEyDwJhMxABYhEBbBIBchMBeBQCbDAVAmwxFgJsMhcCbDMYAnIwGQJyMRoCcjIbAnIzAzIBAAcABnBhbmVscwEEcmVzdAIFZm91cnMDBWlubmVyBARkb25lBQRvbmVzBgVpbm5lcg==";

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const areaOf = (shape) => shape.reduce((product, n) => product * n, 1);
const map = (shape, data = new Float32Array(areaOf(shape))) => ({ data, shape });

// ---------------------------------------------------------------- the matrix product

const SCRATCH = 1 << 15; // floats of B at a time: they stay in the processor's cache
const ROWS = 16; // of a fully connected layer's input at a time

/** C = A B in JavaScript; what product.wat does. Places are counted in floats. */
function plainProduct(heap, a, b, c, M, K, P) {
  for (let p = 0; p < P; p++, b += 8 * K) {
    for (let i = 0; i < M; i++) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
      for (let k = 0, at = a + i * K, of = b; k < K; k++, at++, of += 8) {
        const x = heap[at];
        s0 += x * heap[of]; s1 += x * heap[of + 1]; s2 += x * heap[of + 2]; s3 += x * heap[of + 3];
        s4 += x * heap[of + 4]; s5 += x * heap[of + 5]; s6 += x * heap[of + 6]; s7 += x * heap[of + 7];
      }
      heap.set([s0, s1, s2, s3, s4, s5, s6, s7], c + 8 * (i * P + p));
    }
  }
}

/** Memory of some floats, and a matrix product in it. */
function makeHeap(floats, simd = true) {
  if (simd && typeof WebAssembly === "object") {
    try {
      const memory = new WebAssembly.Memory({ initial: Math.ceil(floats / 16384) }); // pages of 64 KiB
      const module = new WebAssembly.Module(bytesOf(WASM));
      const { product } = new WebAssembly.Instance(module, { live: { memory } }).exports;
      return {
        floats: new Float32Array(memory.buffer), simd: true,
        product: (a, b, c, M, K, P) => product(4 * a, 4 * b, 4 * c, M, K, P),
      };
    } catch { /* a browser without SIMD refuses the module */ }
  }
  const heap = new Float32Array(floats);
  return { floats: heap, simd: false, product: (...places) => plainProduct(heap, ...places) };
}

// ---------------------------------------------------------------- layers with weights

/** (1, C, H, W) with a border of zeros. */
function padded({ data, shape: [, channels, height, width] }, [top, left]) {
  if (!top && !left) return { data, height, width };
  const h = height + 2 * top, w = width + 2 * left, out = new Float32Array(channels * h * w);
  for (let row = 0, i = 0; i < channels; i++) {
    for (let y = 0; y < height; y++, row += width) {
      out.set(data.subarray(row, row + width), (i * h + y + top) * w + left);
    }
  }
  return { data: out, height: h, width: w };
}

/**
 * A product over the places of a map, some at a time: `gather(first, count, at)` writes what a layer
 * looks at, K numbers for each place, as panels of 8 places; `scatter(first, count, line)` takes the results.
 */
function overPlaces(net, places, M, K, weights, gather, scatter) {
  const { heap, b, c } = net, most = Math.max(1, Math.floor(SCRATCH / (8 * K)));
  for (let first = 0; first < places; first += 8 * most) {
    const count = Math.min(8 * most, places - first), panels = Math.ceil(count / 8);
    gather(first, count, b);
    heap.product(weights, b, c, M, K, panels);
    scatter(first, count, 8 * panels);
  }
}

/** A convolution: at each place, the sum of what the kernel covers, times its weights. */
function conv(net, op, x) {
  const [tall, wide] = op.kernel, [down, right] = op.stride, [far, apart] = op.dilation;
  const [, channels] = x.shape, out = op.weight.shape[0], K = channels * tall * wide;
  const given = padded(x, op.padding), area = given.height * given.width;
  const h = Math.floor((given.height - far * (tall - 1) - 1) / down) + 1;
  const w = Math.floor((given.width - apart * (wide - 1) - 1) / right) + 1;
  const y = map([1, out, h, w]), heap = net.heap.floats, seen = tall * wide;
  const offsets = new Int32Array(8 * seen); // of 8 places, for each weight of the kernel
  const gather = (first, count, at) => {
    for (let p = first; p < first + count; p += 8) {
      for (let j = 0; j < 8; j++) {
        const place = Math.min(p + j, h * w - 1); // a last panel may have places to spare
        const corner = Math.floor(place / w) * down * given.width + (place % w) * right;
        for (let u = 0, t = j; u < tall; u++) {
          for (let v = 0; v < wide; v++, t += 8) offsets[t] = corner + u * far * given.width + v * apart;
        }
      }
      for (let channel = 0; channel < channels * area; channel += area) {
        for (let t = 0; t < 8 * seen; t++, at++) heap[at] = given.data[channel + offsets[t]];
      }
    }
  };
  const scatter = (first, count, line) => {
    for (let k = 0; k < out; k++) {
      const from = net.c + k * line, to = k * h * w + first, bias = op.bias ? op.bias.data[k] : 0;
      for (let j = 0; j < count; j++) y.data[to + j] = heap[from + j] + bias;
    }
  };
  overPlaces(net, h * w, out, K, op.weight.at, gather, scatter);
  return y;
}

/** A transposed convolution: each place paints the kernel, times its number, onto the larger map. */
function convTransposed(net, op, x) {
  const [tall, wide] = op.kernel, [down, right] = op.stride, [top, left] = op.padding;
  const [, channels, height, width] = x.shape, out = op.outputs, area = height * width;
  const h = (height - 1) * down - 2 * top + tall + op.more[0];
  const w = (width - 1) * right - 2 * left + wide + op.more[1];
  const y = map([1, out, h, w]), heap = net.heap.floats;
  if (op.bias) for (let k = 0; k < out; k++) y.data.fill(op.bias.data[k], k * h * w, (k + 1) * h * w);
  const gather = (first, count, at) => {
    for (let p = first; p < first + count; p += 8) {
      const n = Math.min(8, area - p);
      for (let from = p; from < channels * area; from += area, at += 8) {
        for (let j = 0; j < n; j++) heap[at + j] = x.data[from + j];
      }
    }
  };
  const scatter = (first, count, line) => {
    for (let k = 0, from = net.c; k < out; k++) {
      for (let u = 0; u < tall; u++) for (let v = 0; v < wide; v++, from += line) {
        let i = Math.floor(first / width), j = first % width;
        for (let p = 0; p < count; p++) {
          const row = i * down - top + u, column = j * right - left + v;
          if (row >= 0 && row < h && column >= 0 && column < w) y.data[(k * h + row) * w + column] += heap[from + p];
          if (++j === width) { j = 0; i++; }
        }
      }
    }
  };
  overPlaces(net, area, out * tall * wide, channels, op.weight.at, gather, scatter);
  return y;
}

/** A fully connected layer, on each row of (..., inputs). */
function dense(net, op, x) {
  const [outputs, inputs] = op.weight.shape, rows = x.data.length / inputs;
  const { heap, b, c } = net, panels = Math.ceil(outputs / 8), y = map([...x.shape.slice(0, -1), outputs]);
  for (let first = 0; first < rows; first += ROWS) {
    const some = Math.min(ROWS, rows - first);
    heap.floats.set(x.data.subarray(first * inputs, (first + some) * inputs), b);
    heap.product(b, op.weight.at, c, some, inputs, panels);
    for (let i = 0, to = first * outputs; i < some; i++) {
      for (let k = 0; k < outputs; k++, to++) {
        y.data[to] = heap.floats[c + 8 * panels * i + k] + (op.bias ? op.bias.data[k] : 0);
      }
    }
  }
  return y;
}

// ---------------------------------------------------------------- everything else

/** Apply f to each number; in place where nobody else needs the map. */
function each(op, x, f) {
  const y = op.reuse ? x : map(x.shape);
  for (let i = 0; i < x.data.length; i++) y.data[i] = f(x.data[i]);
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
  const strides = (own) => {
    let step = 1;
    return own.map((n, i) => [i, n]).reverse().map(([, n]) => { const s = n === 1 ? 0 : step; step *= n; return s; }).reverse();
  };
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

/** Each channel of (1, C, ...) times a gain, plus a bias. */
function affine(op, x) {
  const channels = x.shape[1], area = x.data.length / channels, y = op.reuse ? x : map(x.shape);
  for (let k = 0; k < channels; k++) {
    const gain = op.gain.data[k], bias = op.bias.data[k];
    for (let i = k * area; i < (k + 1) * area; i++) y.data[i] = gain * x.data[i] + bias;
  }
  return y;
}

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
  conv: (op, [x], net) => conv(net, op, x),
  conv_transposed: (op, [x], net) => convTransposed(net, op, x),
  dense: (op, [x], net) => dense(net, op, x),
  affine: (op, [x]) => affine(op, x),
  group_norm: (op, [x]) => normalised(op, x),
  relu: (op, [x]) => each(op, x, (v) => (v < 0 ? 0 : v)),
  leaky_relu: (op, [x]) => each(op, x, (v) => (v < 0 ? op.slope * v : v)),
  prelu: (op, [x]) => prelu(op, x),
  tanh: (op, [x]) => each(op, x, Math.tanh),
  sigmoid: (op, [x]) => each(op, x, (v) => 1 / (1 + Math.exp(-v))),
  exp: (op, [x]) => each(op, x, Math.exp),
  at_least: (op, [x]) => each(op, x, (v) => Math.max(v, op.least)),
  above: (op, [x]) => each(op, x, (v) => Number(v > op.bound)),
  add: (op, [x, y]) => both(x, y, (a, b) => a + b),
  subtract: (op, [x, y]) => both(x, y, (a, b) => a - b),
  multiply: (op, [x, y]) => both(x, y, (a, b) => a * b),
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
  noise: (op, [x], net, uniform) => (uniform ? noise(op, x, uniform) : x),
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

/** Where a matrix of (outputs, inputs) lies as the product's B: panels of 8 outputs. */
function inPanels({ data, shape: [outputs, inputs] }) {
  const panels = new Float32Array(Math.ceil(outputs / 8) * 8 * inputs);
  for (let k = 0, from = 0; k < outputs; k++) {
    for (let i = 0; i < inputs; i++) panels[(Math.floor(k / 8) * inputs + i) * 8 + (k % 8)] = data[from++];
  }
  return panels;
}

/** The most floats that an operation needs beside its maps: of what it looks at, and of results. */
function scratchOf(op) {
  const { shape } = op.weight, rows = shape[0], K = areaOf(shape.slice(1));
  if (op.op === "dense") return [ROWS * K, ROWS * 8 * Math.ceil(rows / 8)];
  const panels = Math.max(1, Math.floor(SCRATCH / (8 * K)));
  return [8 * K * panels, 8 * rows * panels];
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
  const heavy = ops.filter((op) => op.weight);
  const matrices = heavy.map((op) => (op.op === "dense" ? inPanels(op.weight) : op.weight.data));
  let floats = 0;
  heavy.forEach((op, i) => { op.weight.at = floats; floats += matrices[i].length; });
  const need = heavy.map(scratchOf), most = (i) => need.reduce((top, each) => Math.max(top, each[i]), 0);
  const net = { b: floats, c: floats + most(0) };
  net.heap = makeHeap(net.c + most(1), simd);
  heavy.forEach((op, i) => { net.heap.floats.set(matrices[i], op.weight.at); delete op.weight.data; });

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
      values.push(OPERATIONS[op.op](op, read, net, uniform));
      for (const n of op.from) if (ends[n] === i) values[n] = null; // its memory is free again
    });
    return values[program.output];
  }
  return { name: program.name, program, blob, run, simd: net.heap.simd };
}

return { open, map, source: liveEngine.toString() };
}
if (typeof window !== "undefined") window.Live.engine = liveEngine();
