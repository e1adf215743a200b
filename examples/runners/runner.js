// Lets conv.js be judged: node runner.js speaks in frames (docs/protocol.md), node runner.js conv.json > results.json
// answers vectors. One more word is a mistake to make: "kernel not turned".
"use strict";
const fs = require("fs");
const { forward, backward } = require("./conv.js");
const mistake = process.argv.slice(2).find((word) => !word.endsWith(".json"));
const file = process.argv.slice(2).find((word) => word.endsWith(".json"));

function hex(text) { // 0x1.8p+0
  const [, sign, whole, digits = "", power] = /^(-?)0x(\d)\.?([0-9a-f]*)p([+-]\d+)$/.exec(text) ?? [];
  if (power === undefined) return { nan: NaN, inf: Infinity, "-inf": -Infinity }[text];
  const number = parseInt(whole + digits, 16), exponent = Number(power) - 4 * digits.length, half = Math.trunc(exponent / 2);
  return (sign ? -1 : 1) * number * 2 ** half * 2 ** (exponent - half);
}
const scaled = (n, power) => n * 2 ** Math.trunc(power / 2) * 2 ** (power - Math.trunc(power / 2));
const shown = (n) => Number.isFinite(n) ? n : String(n).replace("Infinity", "inf");

function vectors(given) {
  const results = given.tests.filter((test) => test.dtypes.includes("float64")).map((test) => {
    const array = (a, name) => a && { shape: a.shape, data: Float64Array.from(a.hex?.map(hex) ?? a.values.map((n) => scaled(n, test.scale[name] ?? 0))) };
    const arrays = Object.fromEntries(Object.entries({ ...test.inputs, grad_output: test.grad_output }).map(([name, a]) => [name, array(a, name)]));
    const found = { ...forward(arrays, test.parameters), ...backward(arrays, test.parameters, mistake) };
    return { id: test.id, ...Object.fromEntries(Object.entries(found).map(([name, a]) => [name, Array.from(a.data, shown)])) };
  });
  console.log(JSON.stringify({ op: given.algorithm, dtype: "float64", implementation: "conv.js", results }));
}

function bytes(many) {
  const all = Buffer.alloc(many);
  for (let got = 0; got < many;) {
    let more = 0;
    try { more = fs.readSync(0, all, got, many - got); if (!more) process.exit(0); } catch (e) { if (e.code !== "EAGAIN") throw e; }
    got += more;
  }
  return all;
}
function say(metadata, arrays = {}) {
  const header = { __metadata__: metadata }, parts = Object.values(arrays).map((a) => Buffer.from(a.data.buffer));
  let end = 0;
  for (const [name, a] of Object.entries(arrays)) header[name] = { dtype: "F64", shape: a.shape, data_offsets: [end, end += 8 * a.data.length] };
  const text = Buffer.from(JSON.stringify(header)), lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(8 + text.length + end), 0), lengths.writeBigUInt64LE(BigInt(text.length), 8);
  for (let all = Buffer.concat([lengths, text, ...parts]); all.length;) all = all.subarray(fs.writeSync(1, all));
}
const value = (text) => /^-?\d/.test(text) ? (text.includes(",") ? text.split(",").map(Number) : Number(text)) : { true: true, false: false }[text] ?? text;

if (file) vectors(JSON.parse(fs.readFileSync(file, "utf8")));
while (!file) {
  const frame = bytes(Number(bytes(8).readBigUInt64LE())), length = Number(frame.readBigUInt64LE());
  const { __metadata__: { call, dtype, ...told }, ...header } = JSON.parse(frame.subarray(8, 8 + length));
  if (call === "end") break;
  if (call === "start") { say(dtype === "F64" ? { name: "conv.js" } : { unsupported: "float64 only" }); continue; }
  const parameters = Object.fromEntries(Object.entries(told).map(([name, text]) => [name, value(text)]));
  const arrays = Object.fromEntries(Object.entries(header).map(([name, a]) => [name, { shape: a.shape, data: new Float64Array(new Uint8Array(frame.subarray(8 + length + a.data_offsets[0], 8 + length + a.data_offsets[1])).buffer) }]));
  say({}, call === "forward" ? forward(arrays, parameters) : backward(arrays, parameters, mistake));
}
