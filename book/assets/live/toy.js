// A GAN in the plane that trains where this script runs: networks, losses, Adam and the game.
//
// It is gancourse.chapters.gan, form "toy", without PyTorch. Backpropagation is written out by hand,
// and one product of matrices does all the work. A matrix is an array, row after row; 64-bit numbers
// are as fast as 32-bit ones here, since JavaScript computes with nothing else.
(function () {
"use strict";

// ---------------------------------------------------------------- matrices

/** out (n, m) += a (n, k) times b (k, m). By fours: each number fetched is then used four times. */
function addProduct(out, a, b, n, k, m) {
  const rows = n - n % 4, inner = k - k % 4;
  for (let r = 0; r < rows; r += 4) {
    const o0 = r * m, o1 = o0 + m, o2 = o1 + m, o3 = o2 + m;
    for (let i = 0; i < inner; i += 4) {
      const p0 = r * k + i, p1 = p0 + k, p2 = p1 + k, p3 = p2 + k;
      const a00 = a[p0], a01 = a[p0 + 1], a02 = a[p0 + 2], a03 = a[p0 + 3];
      const a10 = a[p1], a11 = a[p1 + 1], a12 = a[p1 + 2], a13 = a[p1 + 3];
      const a20 = a[p2], a21 = a[p2 + 1], a22 = a[p2 + 2], a23 = a[p2 + 3];
      const a30 = a[p3], a31 = a[p3 + 1], a32 = a[p3 + 2], a33 = a[p3 + 3];
      const q0 = i * m, q1 = q0 + m, q2 = q1 + m, q3 = q2 + m;
      for (let j = 0; j < m; j++) {
        const b0 = b[q0 + j], b1 = b[q1 + j], b2 = b[q2 + j], b3 = b[q3 + j];
        out[o0 + j] += a00 * b0 + a01 * b1 + a02 * b2 + a03 * b3;
        out[o1 + j] += a10 * b0 + a11 * b1 + a12 * b2 + a13 * b3;
        out[o2 + j] += a20 * b0 + a21 * b1 + a22 * b2 + a23 * b3;
        out[o3 + j] += a30 * b0 + a31 * b1 + a32 * b2 + a33 * b3;
      }
    }
  }
  for (let r = 0; r < n; r++) { // what the fours leave over, and how it looks without them
    for (let i = r < rows ? inner : 0; i < k; i++) {
      for (let j = 0; j < m; j++) out[r * m + j] += a[r * k + i] * b[i * m + j];
    }
  }
}

/** out (columns, rows) = a (rows, columns), turned over. */
function transpose(out, a, rows, columns) {
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = a[r * columns + c];
  return out;
}

/** The same array again where it is large enough, so that a step leaves no garbage behind. */
const room = (array, length) => (array && array.length >= length ? array : new Float64Array(length));

// ---------------------------------------------------------------- networks

const LEAK = 0.2; // LeakyReLU's slope below 0

/** Linear layers with LeakyReLU between them. `sizes`: 2, 64, 64, 1 maps (N, 2) to (N, 1). */
class Network {
  constructor(sizes, random) {
    this.steps = 0;
    this.layers = sizes.slice(1).map((outputs, l) => {
      const inputs = sizes[l], bound = 1 / Math.sqrt(inputs); // how PyTorch's nn.Linear starts
      const drawn = (n) => Float64Array.from({ length: n }, () => bound * (2 * random.uniform() - 1));
      return { inputs, outputs, weight: parameter(drawn(inputs * outputs)), bias: parameter(drawn(outputs)) };
    });
  }

  /** x (N, inputs) -> (N, outputs). Keeps what `backward` needs, until the next call. */
  forward(x, rows) {
    this.rows = rows;
    for (const [l, layer] of this.layers.entries()) {
      const { inputs, outputs, weight, bias } = layer, size = rows * outputs;
      const y = layer.y = room(layer.y, size);
      for (let r = 0; r < size; r += outputs) for (let j = 0; j < outputs; j++) y[r + j] = bias.value[j];
      addProduct(y, x, weight.value, rows, inputs, outputs);
      if (l < this.layers.length - 1) for (let j = 0; j < size; j++) if (y[j] < 0) y[j] *= LEAK;
      layer.x = x;
      x = y;
    }
    return x;
  }

  /** From the loss's slope by each output to its slope by each input, last layer first: the chain rule.
   * With `learn` it adds the slopes by weights and biases to their gradients. `slope` is kept. */
  backward(slope, { learn = true } = {}) {
    const { rows } = this;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l], { inputs, outputs, weight, bias, x, y } = layer, size = rows * outputs;
      if (l < this.layers.length - 1) for (let j = 0; j < size; j++) if (y[j] < 0) slope[j] *= LEAK;
      layer.slope = slope; // by the layer's sums, before LeakyReLU
      if (learn) { // y = x W + b, so dW = x' dy and db = the sum of dy
        const turned = layer.turned = transpose(room(layer.turned, rows * inputs), x, rows, inputs);
        addProduct(weight.gradient, turned, slope, inputs, rows, outputs);
        for (let r = 0; r < size; r += outputs) for (let j = 0; j < outputs; j++) bias.gradient[j] += slope[r + j];
      }
      const down = layer.down = room(layer.down, rows * inputs).fill(0, 0, rows * inputs); // dx = dy W'
      const across = layer.across = transpose(room(layer.across, inputs * outputs), weight.value, inputs, outputs);
      addProduct(down, slope, across, rows, outputs, inputs);
      slope = down;
    }
    return slope;
  }

  /** The gradient of a penalty on the slopes that `backward(ones)` returned, added to the weights'.
   * `by` (N, inputs) is the penalty's own slope by them. With the LeakyReLUs as they stand the network
   * is a product of matrices, so `by` runs forward through it, and meets at each layer what ran back. */
  backwardTwice(by) {
    const { rows } = this;
    for (const [l, layer] of this.layers.entries()) {
      const { inputs, outputs, weight, y, slope } = layer, size = rows * outputs;
      const turned = layer.turned = transpose(room(layer.turned, rows * inputs), by, rows, inputs);
      addProduct(weight.gradient, turned, slope, inputs, rows, outputs);
      const next = layer.up = room(layer.up, size).fill(0, 0, size);
      addProduct(next, by, weight.value, rows, inputs, outputs);
      if (l < this.layers.length - 1) for (let j = 0; j < size; j++) if (y[j] < 0) next[j] *= LEAK;
      by = next;
    }
  }

  /** One step of Adam (Kingma & Ba 2015, algorithm 1); then the gradients are 0 again. */
  step(rate, beta1, beta2 = 0.999) {
    this.steps += 1;
    const start1 = 1 - beta1 ** this.steps, start2 = 1 - beta2 ** this.steps; // the means began at 0
    for (const { value, gradient, mean, square } of this.parameters()) {
      for (let j = 0; j < value.length; j++) {
        mean[j] = beta1 * mean[j] + (1 - beta1) * gradient[j];
        square[j] = beta2 * square[j] + (1 - beta2) * gradient[j] ** 2;
        value[j] -= rate * (mean[j] / start1) / (Math.sqrt(square[j] / start2) + 1e-8);
      }
      gradient.fill(0);
    }
  }

  parameters() {
    return this.layers.flatMap(({ weight, bias }) => [weight, bias]);
  }
}

function parameter(value) {
  const zeros = () => new Float64Array(value.length);
  return { value, gradient: zeros(), mean: zeros(), square: zeros() };
}

// ---------------------------------------------------------------- losses

const sigmoid = (u) => 1 / (1 + Math.exp(-u));
const softplus = (u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));

const asReal = (u) => [softplus(-u), sigmoid(u) - 1]; // -log D
const asFake = (u) => [softplus(u), sigmoid(u)]; // -log(1 - D)
const higher = (u) => [-u, -1];

// gancourse/losses.py: of a logit u, each player's loss and its slope. `pairs` compares u of a real
// point with u of a fake one, and takes their difference.
const LOSSES = {
  "non-saturating": { real: asReal, fake: asFake, generator: asReal },
  minimax: { real: asReal, fake: asFake, generator: (u) => [-softplus(u), -sigmoid(u)] }, // log(1 - D)
  "least-squares": {
    real: (u) => [(u - 1) ** 2 / 2, u - 1],
    fake: (u) => [u ** 2 / 2, u],
    generator: (u) => [(u - 1) ** 2 / 2, u - 1],
  },
  hinge: {
    real: (u) => [Math.max(0, 1 - u), u < 1 ? -1 : 0],
    fake: (u) => [Math.max(0, 1 + u), u > -1 ? 1 : 0],
    generator: higher,
  },
  wasserstein: { real: higher, fake: (u) => [u, 1], generator: higher, lipschitz: true },
  relativistic: { discriminator: asReal, generator: asFake, pairs: true }, // of D(x) - D(G(z))
};

/** D's loss on N real and N fake logits; its slope by each of the 2 N goes into `slope`. */
function discriminatorLoss(rules, logits, n, slope) {
  let total = 0;
  for (let i = 0; i < n; i++) {
    if (rules.pairs) {
      const [loss, by] = rules.discriminator(logits[i] - logits[n + i]);
      total += loss / n;
      slope[i] = by / n;
      slope[n + i] = -by / n;
    } else {
      const [real, byReal] = rules.real(logits[i]), [fake, byFake] = rules.fake(logits[n + i]);
      total += (real + fake) / n;
      slope[i] = byReal / n;
      slope[n + i] = byFake / n;
    }
  }
  return total;
}

/** G's loss on N fake logits, which in pairs follow N real ones. Its slope by each fake one goes into `slope`. */
function generatorLoss(rules, logits, n, slope) {
  let total = 0;
  for (let i = 0; i < n; i++) {
    const [loss, by] = rules.generator(rules.pairs ? logits[i] - logits[n + i] : logits[i]);
    total += loss / n;
    slope[i] = (rules.pairs ? -by : by) / n;
  }
  return total;
}

// ---------------------------------------------------------------- the game

/** `modes` centres evenly round a circle of radius 2, as [[x, y], ...]. */
function ring(modes) {
  const angle = (k) => 2 * Math.PI * k / modes;
  return Array.from({ length: modes }, (_, k) => [2 * Math.cos(angle(k)), 2 * Math.sin(angle(k))]);
}

// gancourse.chapters.gan, form "toy", but for its batches of 256: half as many points are twice as fast.
const SETTINGS = { loss: "non-saturating", rate: 3e-3, rateD: 3e-3, beta1: 0.5, dSteps: 1, penalty: 0 };
const STD = 0.1, BATCH = 128, WIDTH = 64, LATENT = 2;

/** Generator against discriminator on clusters in the plane. `settings` may be changed between steps. */
class Game {
  constructor(seed, centres = ring(8), settings = {}) {
    this.settings = { ...SETTINGS, ...settings };
    this.centres = centres;
    this.random = Live.random(seed);
    this.generator = new Network([LATENT, WIDTH, WIDTH, 2], this.random);
    this.discriminator = new Network([2, WIDTH, WIDTH, 1], this.random);
    this.steps = 0;
    this.losses = { discriminator: NaN, generator: NaN };
    this.both = new Float64Array(4 * BATCH); // real points, then fake ones
    this.latents = new Float64Array(LATENT * BATCH);
    this.slope = new Float64Array(2 * BATCH);
    // What the picture shows comes from dice of its own, so that looking changes nothing.
    this.shown = Float64Array.from(Live.random(seed + 1).normals(2 * SHOWN));
  }

  /** Fresh real points for the batch, and fake ones from fresh latents. */
  draw() {
    const { random, both, latents, centres } = this;
    for (let i = 0; i < BATCH; i++) {
      const [x, y] = centres[Math.floor(centres.length * random.uniform())];
      both[2 * i] = x + STD * random.normal();
      both[2 * i + 1] = y + STD * random.normal();
    }
    for (let i = 0; i < latents.length; i++) latents[i] = random.normal();
    const fake = this.generator.forward(latents, BATCH);
    for (let i = 0; i < 2 * BATCH; i++) both[2 * BATCH + i] = fake[i];
  }

  /** D's turn: real points up, G's points down. G does not move. */
  discriminatorStep() {
    const { discriminator, settings, both, slope } = this, rules = LOSSES[settings.loss];
    this.draw();
    const logits = discriminator.forward(both, 2 * BATCH);
    this.losses.discriminator = discriminatorLoss(rules, logits, BATCH, slope);
    discriminator.backward(slope);
    if (settings.penalty) this.penalise(rules);
    discriminator.step(settings.rateD, settings.beta1);
  }

  /** The penalty on D's slope: 1 between real and fake points (WGAN-GP), or 0 on both (R1 + R2). */
  penalise(rules) {
    const { discriminator, settings, both, random } = this;
    let points = both, rows = 2 * BATCH;
    if (rules.lipschitz) {
      rows = BATCH;
      points = this.between = room(this.between, 2 * BATCH);
      for (let i = 0; i < BATCH; i++) {
        const t = random.uniform();
        for (const c of [2 * i, 2 * i + 1]) points[c] = t * both[c] + (1 - t) * both[2 * BATCH + c];
      }
    }
    slopePenalty(discriminator, points, rows, rules.lipschitz ? 1 : 0, settings.penalty);
  }

  /** G's turn: its points go where D's slope sends them. D does not move. */
  generatorStep() {
    const { generator, discriminator, settings, slope } = this;
    this.draw();
    const [loss, byPoint] = this.generatorSlope(this.both, BATCH, slope);
    this.losses.generator = loss;
    generator.backward(byPoint);
    generator.step(settings.rate, settings.beta1);
  }

  /** D's turns, then G's. */
  step() {
    for (let k = 0; k < this.settings.dSteps; k++) this.discriminatorStep();
    this.generatorStep();
    this.steps += 1;
  }

  /** G's points (SHOWN, 2), always from the same latents. */
  points() {
    return this.generator.forward(this.shown, SHOWN).slice(0, 2 * SHOWN);
  }

  /** G's loss on the fake half of `both`, and its slope by each fake point, which D hands back. */
  generatorSlope(both, n, slope) {
    const { discriminator } = this, rules = LOSSES[this.settings.loss];
    const fake = both.subarray(2 * n, 4 * n);
    if (!rules.pairs) {
      const loss = generatorLoss(rules, discriminator.forward(fake, n), n, slope);
      return [loss, discriminator.backward(slope, { learn: false })];
    }
    const loss = generatorLoss(rules, discriminator.forward(both, 2 * n), n, slope);
    discriminator.forward(fake, n);
    return [loss, discriminator.backward(slope, { learn: false })];
  }

  /** Where G's loss sends each of these points: minus its slope by the point. */
  arrows(points) {
    const n = points.length / 2, { centres } = this;
    const both = Float64Array.from({ length: 4 * n }, (_, i) =>
      i < 2 * n ? centres[(i >> 1) % centres.length][i % 2] : points[i - 2 * n]);
    return this.generatorSlope(both, n, new Float64Array(n))[1].slice(0, 2 * n).map((v) => -v * n);
  }

  /** D's logits at `points` (N, 2). */
  judge(points) {
    return this.discriminator.forward(points, points.length / 2).slice(0, points.length / 2);
  }
}

const SHOWN = 500;

/** Adds to D's gradients that of `weight` times: the mean of (|slope| - 1)^2, or, around 0, of |slope|^2,
 * which on N real and N fake points is R1 + R2. */
function slopePenalty(discriminator, points, rows, target, weight) {
  discriminator.forward(points, rows);
  const slopes = discriminator.backward(new Float64Array(rows).fill(1), { learn: false });
  for (let i = 0; i < rows; i++) {
    const length = Math.hypot(slopes[2 * i], slopes[2 * i + 1]);
    const by = weight * 2 * (length - target) / (length || 1) / rows;
    for (const c of [2 * i, 2 * i + 1]) slopes[c] *= by;
  }
  discriminator.backwardTwice(slopes);
}

/** gancourse.metrics.modes: which centres have a point within 3 deviations, and how the points divide. */
function coverage(points, centres) {
  const counts = centres.map(() => 0); // good points of each mode
  const n = points.length / 2;
  for (let i = 0; i < n; i++) {
    const away = centres.map(([x, y]) => Math.hypot(points[2 * i] - x, points[2 * i + 1] - y));
    const nearest = Math.min(...away);
    if (nearest <= 3 * STD) counts[away.indexOf(nearest)] += 1;
  }
  const good = counts.reduce((sum, count) => sum + count, 0);
  return { counts, modes: counts.filter((count) => count > 0).length, of: centres.length, quality: good / n };
}

// What the text of chapter 1 tells, as settings. tests/live/test_ring.py asks over seeds whether each
// does what it is named after.
const PRESETS = {
  "it works": {},
  "it collapses": { beta1: 0.9 }, // the momentum that PyTorch's Adam has unasked
  "it chases": { rate: 5e-3, rateD: 5e-4 }, // G is ten times as quick as D, and gone before D has come
  "D wins": { loss: "minimax", dSteps: 10, rateD: 0.01, rate: 1e-4 }, // and its slope is gone
};

Live.toy = {
  Network, Game, LOSSES, PRESETS, SETTINGS, STD,
  addProduct, coverage, discriminatorLoss, generatorLoss, ring, sigmoid, slopePenalty,
};
})();
