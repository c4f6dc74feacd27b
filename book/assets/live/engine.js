// The engine that runs the course's networks in a page.
//
// A network comes as a program: a list of operations, each of which makes one map of numbers from
// earlier ones (gancourse/live/program.py writes it). Maps are {data, shape}: floats of 32 bits in
// PyTorch's order, one picture at a time, so that a picture is (1, channels, height, width).
//
// Nearly all the time is spent in one place. A convolution, a transposed convolution and a fully
// connected layer are all a product of weights and of what they look at. That product is a loop of
// WebAssembly, which the page writes itself and which takes four numbers at once, or the same loop
// in JavaScript where a browser cannot do that.
//
// It is one function without a page around it, so that a worker can be made of its source.
"use strict";
function liveEngine() {

const areaOf = (shape) => shape.reduce((product, n) => product * n, 1);
const several = (n, f) => Array.from({ length: n }, (_, i) => f(i));

function bytesOf(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// The memory of maps that nobody needs any more, by length, for the next map of that size: asking the
// browser for memory takes longer than most operations. No more than 64 MB wait here.
const spare = new Map();
let waiting = 0;

/** A map; without data, whatever the memory held before. */
function map(shape, data) {
  const size = areaOf(shape), found = data ?? spare.get(size)?.pop();
  if (!data && found) waiting -= size;
  return { data: found ?? new Float32Array(size), shape };
}

function release(data) {
  if ((waiting += data.length) > 2 ** 24) {
    spare.clear();
    waiting = data.length;
  }
  if (!spare.has(data.length)) spare.set(data.length, []);
  spare.get(data.length).push(data);
}

// ---------------------------------------------------------------- the product

// A tile is a small part of the result: some rows of weights times some columns of what they look at.
// All its sums stay in the processor's registers until they are complete, and each number that is read
// from memory is used several times. Most processors have 16 registers of four numbers each; the sums
// must leave some for what is multiplied. So a tile of 6 rows has 8 columns, and one of 1 row has 32.
const COLUMNS = [0, 32, 16, 12, 8, 8, 8]; // by rows
const WIDEST = 32;
const ROWS = { fused: 6, simd: 4, plain: 1 }; // of a tile: a product apart from its sum takes registers too
const TAPS = 1024; // the heap's first numbers: where the places of a kernel lie

/**
 * C = A B for one row of A and all columns of B, eight at a time.
 *
 * Row (t, k) of B begins at b + taps[t] + k step: t is a place in the kernel, k a channel, and so a picture
 * is read where it lies. `next` leads from eight columns to the next eight. A begins with a bias.
 */
function plainTile(floats, taps, a, b, c, K, P, step, next, T) {
  for (let p = 0; p < P; p++, b += next, c += 8) {
    let at = a, s0 = floats[at++], s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    for (let t = 0; t < T; t++) {
      for (let k = 0, of = b + taps[t]; k < K; k++, at++, of += step) {
        const x = floats[at];
        s0 += x * floats[of]; s1 += x * floats[of + 1]; s2 += x * floats[of + 2]; s3 += x * floats[of + 3];
        s4 += x * floats[of + 4]; s5 += x * floats[of + 5]; s6 += x * floats[of + 6]; s7 += x * floats[of + 7];
      }
    }
    floats[c] = s0; floats[c + 1] = s1; floats[c + 2] = s2; floats[c + 3] = s3;
    floats[c + 4] = s4; floats[c + 5] = s5; floats[c + 6] = s6; floats[c + 7] = s7;
  }
}

/**
 * The same loop as a module of WebAssembly: its bytes, with a function for tiles of 1, 2, ... rows.
 *
 * There A has the rows' weights for (t, k) side by side, and `line` leads from a row of C to the next.
 * WebAssembly describes a machine with a stack: first come the operands, then what to do with them. Each
 * helper gives the bytes of an instruction behind those of its operands. `fused` multiplies and adds in one
 * instruction, which newer browsers have.
 */
function machineCode(most, fused) {
  const number = (n) => (n > 127 ? [(n & 127) | 128, ...number(n >> 7)] : [n]); // seven bits per byte
  const signed = (n) => (n > 63 ? [(n & 127) | 128, ...signed(n >> 7)] : [n]);
  const sized = (bytes) => [...number(bytes.length), ...bytes];
  const list = (items) => [...number(items.length), ...items.flat()];
  const name = (text) => list([...text].map((letter) => letter.charCodeAt(0)));
  const get = (local) => [0x20, ...number(local)];
  const set = (local, value) => [...value, 0x21, ...number(local)];
  const constant = (n) => [0x41, ...signed(n)];
  const move = (local, by) => set(local, [...get(local), ...by, 0x6a]);
  const simd = (code) => [0xfd, ...number(code)];
  const fourOf = (at, offset) => [...get(at), ...simd(0), 2, ...number(offset)];
  const fourTimes = (at, offset) => [...get(at), ...simd(9), 2, ...number(offset)]; // one number
  const store = (at, offset, value) => [...get(at), ...value, ...simd(11), 2, ...number(offset)];
  const multiplyAdd = (x, y, sum) => (fused
    ? [...x, ...y, ...sum, ...simd(0x105)]
    : [...x, ...y, ...simd(0xe6), ...sum, ...simd(0xe4)]);
  const repeat = (count, ...body) => [ // until the count is 0, and at least once
    0x03, 0x40, ...body.flat(), ...get(count), ...constant(1), 0x6b, 0x22, ...number(count), 0x0d, 0, 0x0b];
  const each = (n, f) => several(n, f).flat();

  const INTEGER = 0x7f, FOUR_FLOATS = 0x7b;
  const [A, B, C, K, P, step, next, taps, T, line] = several(10, (n) => n); // what the function is given
  const [a, b, c, k, t, tap, x] = several(7, (n) => 10 + n); // and its own, then the y, then the sums
  const tile = (R) => {
    const Q = COLUMNS[R] / 4, sum = (i, q) => 17 + Q + Q * i + q;
    const y = (q) => (R > 1 ? get(17 + q) : fourOf(b, 16 * q)); // read once if it is used once
    const code = repeat(P,
      each(R, (i) => each(Q, (q) => set(sum(i, q), fourTimes(A, 4 * i)))), // the biases
      set(a, get(A)), move(a, constant(4 * R)), set(t, get(T)), set(tap, get(taps)),
      repeat(t,
        set(b, get(B)), move(b, [...get(tap), 0x28, 2, 0]), set(k, get(K)),
        repeat(k,
          each(R > 1 ? Q : 0, (q) => set(17 + q, fourOf(b, 16 * q))),
          each(R, (i) => [
            ...set(x, fourTimes(a, 4 * i)),
            ...each(Q, (q) => set(sum(i, q), multiplyAdd(get(x), y(q), get(sum(i, q))))),
          ]),
          move(a, constant(4 * R)), move(b, get(step))),
        move(tap, constant(4))),
      set(c, get(C)),
      each(R, (i) => [...each(Q, (q) => store(c, 16 * q, get(sum(i, q)))), ...move(c, get(line))]),
      move(B, get(next)), move(C, constant(16 * Q)));
    const locals = list([[...number(6), INTEGER], [...number(1 + Q + R * Q), FOUR_FLOATS]]);
    return sized([...locals, ...code, 0x0b]);
  };
  const section = (id, items) => [id, ...sized(list(items))];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // "asm", version 1
    ...section(1, [[0x60, ...list(several(10, () => INTEGER)), 0]]), // the functions' type: ten integers, no result
    ...section(2, [[...name("live"), ...name("memory"), 2, 0, 1]]),
    ...section(3, several(most, () => [0])),
    ...section(7, several(most, (i) => [...name(`tile${i + 1}`), 0, i])),
    ...section(10, several(most, (i) => tile(i + 1))),
  ]);
}

/** Memory that grows: the taps, the weights, then room for a layer's input (b) and its results (c). */
class Heap {
  constructor(kinds) {
    this.kind = "plain";
    this.floats = new Float32Array(0);
    this.room = [0, 0];
    this.b = TAPS;
    for (const kind of kinds) {
      try {
        const module = new WebAssembly.Module(machineCode(ROWS[kind], kind === "fused"));
        this.memory = new WebAssembly.Memory({ initial: 1 });
        this.tiles = new WebAssembly.Instance(module, { live: { memory: this.memory } }).exports;
        this.kind = kind;
        break;
      } catch { /* a browser without these instructions refuses the module */ }
    }
    this.rows = ROWS[this.kind];
    this.grow(TAPS);
  }

  grow(floats) {
    if (floats <= this.floats.length) return;
    if (this.kind !== "plain") {
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

  /** Room for n weights: where they will lie. */
  keep(n) {
    const at = this.b;
    this.b += n;
    this.grow(this.b);
    return at;
  }

  /** Have room for an input and for results, and give all floats. */
  reserve(input, results) {
    this.room = [Math.max(this.room[0], input), Math.max(this.room[1], results)];
    this.c = this.b + this.room[0];
    this.grow(this.c + this.room[1]);
    return this.floats;
  }

  /** Columns of a tile of R rows. */
  columns(R) {
    return this.kind === "plain" ? 8 : COLUMNS[R];
  }

  /** A matrix's rows in tiles: f(first row, rows). */
  byTiles(rows, f) {
    for (let i = 0; i < rows; i += this.rows) f(i, Math.min(this.rows, rows - i));
  }

  /**
   * The product of R rows at a with what lies at b, as `plainTile` says, for P tiles side by side: its rows
   * begin at c, `line` numbers apart.
   */
  product(R, a, b, K, P, step, next, T, line) {
    if (this.kind === "plain") plainTile(this.floats, this.taps, a, b, this.c, K, P, step, next, T);
    else this.tiles[`tile${R}`](4 * a, 4 * b, 4 * this.c, K, P, 4 * step, 4 * next, 0, T, 4 * line);
  }

  /** Where the places of a kernel lie, seen from its first. */
  look(taps) {
    const unit = this.kind === "plain" ? 1 : 4; // floats or bytes
    for (let t = 0; t < taps.length; t++) this.taps[t] = unit * taps[t];
  }
}

// ---------------------------------------------------------------- layers with weights

/** What a layer has to know of the size that it is given: made again only for another size. */
function plan(op, shape, make) {
  if (op.size?.some((n, i) => n !== shape[i]) ?? true) {
    op.size = [...shape];
    op.plan = make();
  }
  return op.plan;
}

/**
 * How a map (1, C, H, W) with a border of zeros lies in the heap, so that a convolution finds what it
 * looks at side by side: with a stride of 2 the even columns come first, then the odd ones, and rows
 * too. The zeros left of a row serve as those right of the row before.
 * -> where pixel (y, x) of a channel lies, from one channel to the next, from row to row, and the whole.
 */
function layout([, channels, height, width], [top, left], [down, right]) {
  const h = Math.ceil((height + 2 * top) / down), w = Math.ceil((width + left) / right);
  const step = down * right * h * w, size = channels * step + left + WIDEST; // a last tile may look behind the end
  const at = (y, x) => ((y % down) * right + x % right) * h * w + Math.floor(y / down) * w + Math.floor(x / right);
  return { at, step, w, size, top, left, right };
}

/** Lay a map into the heap, as `layout` says. */
function lay(heap, { data, shape: [, channels, height, width] }, { at, step, size, top, left, right }) {
  const floats = heap.reserve(size, 0);
  floats.fill(0, heap.b, heap.b + size);
  for (let y = 0; y < height; y++) {
    for (let phase = 0; phase < Math.min(right, width); phase++) {
      let to = heap.b + at(y + top, phase + left), from = y * width;
      for (let k = 0; k < channels; k++, to += step, from += height * width) {
        for (let x = phase, i = to; x < width; x += right) floats[i++] = data[from + x];
      }
    }
  }
}

/**
 * At each of h x w places the sum of what lies at the taps, times weights, and the bias. Output k's pixel
 * (i, j) becomes data[start + k area + i down + j right].
 */
function overPlaces(heap, op, weights, K, laid, { size: [h, w], taps, start, area, down, right }, data) {
  if (h < 1 || w < 1) return; // places of a block that a small picture does not have
  heap.look(taps);
  heap.byTiles(op.outputs, (k, R) => {
    const columns = heap.columns(R), P = Math.ceil(((h - 1) * laid.w + w) / columns), line = P * columns;
    heap.reserve(0, R * line);
    heap.product(R, weights + k * (1 + taps.length * K), heap.b, K, P, laid.step, columns, taps.length, line);
    const { floats, c } = heap;
    for (let r = 0; r < R; r++) for (let i = 0; i < h; i++) {
      let from = c + r * line + i * laid.w, to = start + (k + r) * area + i * down;
      for (const end = from + w; from < end; from++, to += right) data[to] = floats[from];
    }
  });
}

/** A convolution: at each place, the sum of what the kernel covers, times its weights. */
function conv(heap, op, x) {
  const { made, laid, all } = plan(op, x.shape, () => {
    const [tall, wide] = op.kernel, [down, right] = op.stride, [far, apart] = op.dilation, [top, left] = op.padding;
    const [, , height, width] = x.shape;
    const h = Math.floor((height + 2 * top - far * (tall - 1) - 1) / down) + 1;
    const w = Math.floor((width + 2 * left - apart * (wide - 1) - 1) / right) + 1;
    const laid = layout(x.shape, op.padding, op.stride);
    const taps = places(tall, wide, (u, v) => laid.at(u * far, v * apart));
    return { made: [1, op.outputs, h, w], laid, all: { size: [h, w], taps, start: 0, area: h * w, down: w, right: 1 } };
  });
  const y = map(made);
  lay(heap, x, laid);
  overPlaces(heap, op, op.at, x.shape[1], laid, all, y.data);
  return y;
}

/**
 * A transposed convolution, (H, W) -> stride times as large. Which weights of the kernel reach a pixel
 * depends only on where it lies within its stride x stride block; so this is one small convolution for
 * each place in the block. That is also why its pictures can have chequers.
 */
function convTransposed(heap, op, x) {
  const { made, laid, parts } = plan(op, x.shape, () => {
    const [tall, wide] = op.kernel, [down, right] = op.stride, [top, left] = op.padding;
    const [, , height, width] = x.shape;
    const h = (height - 1) * down - 2 * top + tall + op.more[0];
    const w = (width - 1) * right - 2 * left + wide + op.more[1];
    // Output row i stride + u - padding gets weight u + m stride of input row i - m, for n values of m.
    const reach = (kernel, stride, padding, made) => several(stride, (u) => ({
      n: Math.ceil((kernel - u) / stride),
      first: Math.max(0, Math.ceil((padding - u) / stride)), // the smallest i, and the largest
      last: Math.floor((made - 1 + padding - u) / stride),
    }));
    const rows = reach(tall, down, top, h), columns = reach(wide, right, left, w);
    const border = (reaches, size) => (
      Math.max(0, ...reaches.map(({ n, first, last }) => Math.max(n - 1 - first, last + 1 - size))));
    const edge = [border(rows, height), border(columns, width)], laid = layout(x.shape, edge, [1, 1]);
    const parts = op.parts.map(({ u, v, at }) => {
      const i = rows[u], j = columns[v];
      return {
        at,
        size: [i.last + 1 - i.first, j.last + 1 - j.first],
        taps: places(i.n, j.n, (m, n) => laid.at(edge[0] + i.first - m, edge[1] + j.first - n)),
        start: (i.first * down + u - top) * w + j.first * right + v - left,
        area: h * w, down: down * w, right,
      };
    });
    return { made: [1, op.outputs, h, w], laid, parts };
  });
  const y = map(made);
  lay(heap, x, laid);
  for (const part of parts) overPlaces(heap, op, part.at, x.shape[1], laid, part, y.data);
  return y;
}

const places = (tall, wide, f) => several(tall * wide, (t) => f(Math.floor(t / wide), t % wide));

/** A fully connected layer, on each row of (..., inputs): a product of one row and all weights. */
function dense(heap, op, x) {
  const [outputs, inputs] = op.weight.shape, rows = x.data.length / inputs, columns = heap.columns(1);
  const panels = Math.ceil(outputs / columns), y = map([...x.shape.slice(0, -1), outputs]);
  const floats = heap.reserve(inputs + 2, panels * columns);
  heap.look([0]);
  for (let i = 0; i < rows; i++) {
    floats.set([0, 1], heap.b); // the sum begins with 0; the first row of weights is the bias
    floats.set(x.data.subarray(i * inputs, (i + 1) * inputs), heap.b + 2);
    heap.product(1, heap.b, op.at, inputs + 1, panels, columns, columns * (inputs + 1), 1, 0);
    y.data.set(floats.subarray(heap.c, heap.c + outputs), i * outputs);
  }
  return y;
}

/**
 * Lay a layer's weights into the heap as the product reads them: for each tile its rows' biases, then for each
 * place and channel its rows' weights. A fully connected layer's are what is looked at: its outputs are the
 * columns, in panels as wide as a tile of one row.
 */
function keepWeights(heap, op) {
  const { data, shape } = op.weight, [outputs, inputs, tall, wide] = shape; // of a transposed one too
  const bias = op.bias ? op.bias.data : new Float32Array(outputs);
  if (op.op === "dense") {
    const columns = heap.columns(1), size = columns * (inputs + 1);
    op.at = heap.keep(size * Math.ceil(outputs / columns));
    for (let k = 0, from = 0; k < outputs; k++) {
      let to = op.at + size * Math.floor(k / columns) + (k % columns);
      heap.floats[to] = bias[k];
      for (const end = to + columns * inputs; to < end; from++) heap.floats[to += columns] = data[from];
    }
  } else {
    const pick = (rows, columns) => {
      const at = heap.keep(outputs * (1 + rows.length * columns.length * inputs));
      const { floats } = heap;
      let to = at;
      heap.byTiles(outputs, (k, R) => {
        for (let r = 0; r < R; r++) floats[to++] = bias[k + r];
        for (const u of rows) for (const v of columns) for (let c = 0; c < inputs; c++) {
          for (let r = 0; r < R; r++) floats[to++] = data[(((k + r) * inputs + c) * tall + u) * wide + v];
        }
      });
      return at;
    };
    const every = (n, from, step) => several(Math.ceil((n - from) / step), (i) => from + i * step);
    if (op.op === "conv") op.at = pick(every(tall, 0, 1), every(wide, 0, 1));
    else {
      const [down, right] = op.stride;
      op.parts = places(down, right, (u, v) => ({ u, v, at: pick(every(tall, u, down), every(wide, v, right)) }));
    }
  }
  op.weight = { shape };
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

/**
 * Numbers below 0 times a slope, for n numbers from `at` on. A number's half and its amount's half make the number
 * or 0. To ask for its sign would take longer: a processor goes ahead with a guess, and these cannot be guessed.
 */
function bend(from, to, slope, at, n) {
  const own = (1 + slope) / 2, amount = (1 - slope) / 2;
  for (let i = at; i < at + n; i++) to[i] = own * from[i] + amount * Math.abs(from[i]);
}

function leaky(op, x, slope) {
  const y = op.reuse ? x : map(x.shape);
  bend(x.data, y.data, slope, 0, x.data.length);
  return y;
}

// What networks do most gets loops of its own: a browser compiles those without a call for each number.
const add = (x, y, sum) => { for (let i = 0; i < sum.length; i++) sum[i] = x[i] + y[i]; };
const multiply = (x, y, product) => { for (let i = 0; i < product.length; i++) product[i] = x[i] * y[i]; };

/** Two maps, number by number; sizes of 1 are repeated, as PyTorch does. `all` does maps of one size. */
function both(x, y, f, all) {
  const rank = Math.max(x.shape.length, y.shape.length);
  const [p, q] = [x, y].map(({ shape }) => [...Array(rank - shape.length).fill(1), ...shape]);
  const shape = p.map((n, i) => Math.max(n, q[i])), out = map(shape);
  if (x.data.length === out.data.length && y.data.length === out.data.length) {
    if (all) all(x.data, y.data, out.data);
    else for (let i = 0; i < out.data.length; i++) out.data[i] = f(x.data[i], y.data[i]);
    return out;
  }
  if (y.data.length === 1 && x.data.length === out.data.length) {
    for (let i = 0, b = y.data[0]; i < out.data.length; i++) out.data[i] = f(x.data[i], b);
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
    const gain = gains ? gains.data[k] : 1, bias = biases ? biases.data[k] : 0, from = x.data, to = y.data;
    for (let i = k * area; i < (k + 1) * area; i++) to[i] = gain * from[i] + bias;
  }
  return y;
}

/** Whether y is (1, C, 1, ...): one number for each channel of x. */
const perChannel = (x, y) => x.shape.length > 2 && y.data.length === x.shape[1] && y.shape[1] === x.shape[1]
  && x.shape.length === y.shape.length;

/** Group normalisation: mean 0 and deviation 1 in each group of channels; then gain and bias. */
function normalised(op, x) {
  const channels = x.shape[1], area = x.data.length / channels, size = x.data.length / op.groups;
  const y = map(x.shape), from = x.data, to = y.data;
  for (let first = 0; first < from.length; first += size) {
    let sum = 0, squares = 0;
    for (let i = first; i < first + size; i++) sum += from[i];
    const mean = sum / size;
    for (let i = first; i < first + size; i++) squares += (from[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / size + op.eps);
    for (let i = first, k = first / area; i < first + size; k++) {
      const gain = scale * op.gain.data[k], bias = op.bias.data[k] - gain * mean;
      for (const end = i + area; i < end; i++) to[i] = gain * from[i] + bias;
    }
  }
  return y;
}

function prelu(op, x) {
  const channels = x.shape[1], area = x.data.length / channels, y = op.reuse ? x : map(x.shape);
  const slopes = op.slope.data;
  for (let k = 0; k < channels; k++) {
    bend(x.data, y.data, slopes[slopes.length > 1 ? k : 0], k * area, area);
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
  const y = map(shape.map((n, i) => (n < 0 ? x.shape[i - shape.length + x.shape.length] : n)));
  let run = 1;
  for (let d = 1; d <= y.shape.length && (x.shape.at(-d) ?? 1) === 1; d++) run *= y.shape.at(-d);
  if (run * x.data.length !== y.data.length) return both(x, y, (a) => a);
  x.data.forEach((value, i) => y.data.fill(value, i * run, (i + 1) * run)); // as for a label's map
  return y;
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
  const [, channels, height, width] = x.shape, w = width * right, y = map([1, channels, height * down, w]);
  const from = x.data, data = y.data;
  for (let row = 0, to = 0; row < channels * height; row++) {
    const start = to;
    for (let j = row * width; j < (row + 1) * width; j++) for (let n = 0; n < right; n++) data[to++] = from[j];
    for (let n = 1; n < down; n++, to += w) data.copyWithin(to, start, start + w);
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
  tanh: (op, [x]) => each(op, x, (v) => 1 - 2 / (Math.exp(2 * v) + 1)),
  sigmoid: (op, [x]) => each(op, x, (v) => 1 / (1 + Math.exp(-v))),
  exp: (op, [x]) => each(op, x, Math.exp),
  at_least: (op, [x]) => each(op, x, (v) => Math.max(v, op.least)),
  above: (op, [x]) => each(op, x, (v) => Number(v > op.bound)),
  add: (op, [x, y]) => (perChannel(x, y) ? affine(op, x, null, y) : both(x, y, (a, b) => a + b, add)),
  subtract: (op, [x, y]) => both(x, y, (a, b) => a - b),
  multiply: (op, [x, y]) => (perChannel(x, y) ? affine(op, x, y, null) : both(x, y, (a, b) => a * b, multiply)),
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
  const data = new Float32Array(size);
  for (let row = 0, i = 0; row < shape[0]; row++) for (const end = i + run; i < end; i++) data[i] = levels[i] * rows[row];
  return data;
}

/**
 * A network from a program and its weights in base64 (or as bytes).
 * `run({name: numbers or map}, {uniform})` -> the output's map; `uniform` gives the noise's numbers in
 * [0, 1), and without it there is none. `kinds` of machine code are tried in turn, before JavaScript.
 */
function open(program, weights, { kinds = ["fused", "simd"] } = {}) {
  const blob = typeof weights === "string" ? bytesOf(weights) : weights;
  const tensors = program.tensors.map((each) => ({ shape: each.shape, data: floatsOf(blob, each) }));
  const ops = program.ops.map((op) => {
    const own = { ...op };
    for (const [name, i] of Object.entries(op.tensors ?? {})) own[name] = { ...tensors[i] };
    return own;
  });
  const heap = new Heap(kinds);
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
      for (const n of op.from) {
        if (ends[n] !== i || n < program.inputs.length || !values[n]) continue;
        const { data } = values[n];
        values[n] = null;
        if (!values.some((value) => value?.data === data)) release(data); // a reshaped map shares it
      }
    });
    return values[program.output];
  }
  return { name: program.name, program, blob, run, kind: heap.kind };
}

return {
  open,
  bytesOf,
  map: (shape, data = new Float32Array(areaOf(shape))) => map(shape, data),
  source: liveEngine.toString(),
};
}
if (typeof window !== "undefined") window.Live.engine = liveEngine();
