// A convolution over any number of axes, forward and backward, as the loops that it is.
// With mistake "kernel not turned" it has a classic one.
"use strict";

const product = (list) => list.reduce((a, b) => a * b, 1);
const along = (value, axes, usual) => Array.isArray(value) ? value : new Array(axes).fill(value ?? usual);

// How the kernel moves: padding is zeros at both ends of each axis, or a name.
function moves(x, weight, { stride, padding, dilation }) {
  const size = x.shape.slice(2), kernel = weight.shape.slice(2), axes = size.length;
  const step = along(stride, axes, 1), spread = along(dilation, axes, 1);
  const span = kernel.map((k, a) => (k - 1) * spread[a]);
  const named = { valid: span.map(() => 0), same: span, full: span.map((s) => 2 * s) }[padding];
  const both = named ?? along(padding, axes, 0).map((p) => 2 * p);
  const out = size.map((n, a) => Math.floor((n + both[a] - span[a] - 1) / step[a]) + 1);
  return { size, kernel, step, spread, out, before: both.map((b) => Math.floor(b / 2)) };
}

// Calls use(y, x, weight, turned) with the places of each product: turned is that of the kernel the other way round.
function products(x, weight, parameters, use) {
  const { size, kernel, step, spread, out, before } = moves(x, weight, parameters);
  const groups = parameters.groups ?? 1, [N, C] = x.shape, [O, each] = weight.shape;
  const X = product(size), K = product(kernel), Y = product(out);
  for (let p = 0; p < Y; p++)
    for (let k = 0; k < K; k++) {
      let place = 0, weighs = 1, inside = true;
      for (let a = size.length - 1, q = p, r = k; a >= 0; a--) {
        const i = (q % out[a]) * step[a] + (r % kernel[a]) * spread[a] - before[a];
        inside &&= i >= 0 && i < size[a];
        place += i * weighs;
        weighs *= size[a]; q = Math.floor(q / out[a]); r = Math.floor(r / kernel[a]);
      }
      for (let n = 0; inside && n < N; n++)
        for (let o = 0; o < O; o++)
          for (let c = 0; c < each; c++) {
            const from = Math.floor(o / (O / groups)) * each + c, row = (o * each + c) * K, turned = K - 1 - k;
            const ends = [row + k, row + turned];
            use((n * O + o) * Y + p, (n * C + from) * X + place, ...(parameters.flip ? ends.reverse() : ends));
          }
    }
  return { shape: [N, O, ...out], data: new Float64Array(N * O * Y) };
}

function forward({ x, weight, bias }, parameters) {
  const y = products(x, weight, parameters, () => {}), Y = product(y.shape.slice(2)), O = y.shape[1];
  if (bias) y.data.forEach((_, i) => { y.data[i] = bias.data[Math.floor(i / Y) % O]; });
  products(x, weight, parameters, (at, i, k) => { y.data[at] += x.data[i] * weight.data[k]; });
  return { y };
}

function backward({ grad_output: g, x, weight, bias }, parameters, mistake) {
  const zeros = (a) => ({ shape: a.shape, data: new Float64Array(a.data.length) });
  const gx = zeros(x), gw = zeros(weight), wrong = mistake === "kernel not turned";
  products(x, weight, parameters, (at, i, k, turned) => {
    gx.data[i] += g.data[at] * weight.data[wrong ? turned : k];
    gw.data[k] += g.data[at] * x.data[i];
  });
  if (!bias) return { grad_x: gx, grad_weight: gw };
  const gb = zeros(bias), Y = product(g.shape.slice(2));
  g.data.forEach((v, i) => { gb.data[Math.floor(i / Y) % gb.data.length] += v; });
  return { grad_x: gx, grad_weight: gw, grad_bias: gb };
}

module.exports = { forward, backward };
