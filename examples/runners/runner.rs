// Lets conv.rs be judged: ./conv speaks in frames (docs/protocol.md), ./conv conv.json > results.json answers vectors.
// rustc --edition 2021 -O runner.rs -o conv
mod conv;
mod gradoracle;
use gradoracle::{after, array, ints, list, Array};
use std::io::{Read, Write};

const NAMES: [&str; 4] = ["y", "grad_x", "grad_weight", "grad_bias"];

fn answer(text: &str, bytes: Option<&[u8]>) -> Vec<(&'static str, Array)> { // y, and where there is a cotangent gradients
    let [x, w, b, g] = ["x", "weight", "bias", "grad_output"].map(|name| array(text, bytes, name));
    let (x, w) = (x.unwrap(), w.unwrap());
    let axes = x.0.len() - 2;
    let five = |s: &[i64]| { let mut to = [1; 5]; s.iter().enumerate().for_each(|(i, &n)| to[if i < 2 { i } else { i + 3 - axes }] = n); to };
    let each = |name: &str, usual: i64| { let got = ints(after(text, name, "")); let mut to = [usual; 3];
        for a in 3 - axes..3 { to[a] = *got.get(if got.len() == 1 { 0 } else { a + axes - 3 }).unwrap_or(&usual); } to };
    let (named, flip) = (after(text, "padding", "").map_or(vec![], list), after(text, "flip", "").map_or(vec![], list));
    let c = conv::Conv::new(&five(&x.0), &five(&w.0), ints(after(text, "groups", ""))[0] as usize, flip[0] == "true", each("stride", 1), each("dilation", 1), each("padding", 0), named[0]);
    let shape = [&[c.n as i64, c.o as i64], &c.out[3 - axes..]].concat();
    let mut found = vec![(NAMES[0], (shape, c.forward(&x.1, &w.1, b.as_ref().map(|b| &b.1[..]))))];
    if let Some(g) = g {
        let gradients = c.backward(&g.1, &x.1, &w.1);
        let shapes = [Some(x.0), Some(w.0), b.map(|b| b.0)];
        for ((name, a), s) in NAMES[1..].iter().zip(gradients).zip(shapes) { if let Some(s) = s { found.push((name, (s, a))); } }
    }
    found
}
fn main() {
    if let Some(path) = std::env::args().nth(1) {
        let (text, mut lines) = (std::fs::read_to_string(path).unwrap(), vec![]);
        for line in text.lines().filter(|l| l.starts_with("{\"id\":") && l.contains("\"float64\"")) {
            let shown = |a: &[f64]| a.iter().map(|v| if v.is_finite() { format!("{v:e}") } else { format!("\"{v}\"") }).collect::<Vec<_>>().join(",");
            let all: Vec<_> = answer(line, None).iter().map(|(name, a)| format!(",\"{name}\":[{}]", shown(&a.1))).collect();
            lines.push(format!("{{\"id\":{}{}}}", ints(after(line, "id", ""))[0], all.concat()));
        }
        return println!("{{\"op\":\"conv\",\"dtype\":\"float64\",\"implementation\":\"conv.rs\",\"results\":[\n{}\n]}}", lines.join(",\n"));
    }
    let (mut input, mut output, mut length) = (std::io::stdin().lock(), std::io::stdout().lock(), [0; 8]);
    while input.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; u64::from_le_bytes(length) as usize];
        input.read_exact(&mut frame).unwrap();
        let end = 8 + u64::from_le_bytes(frame[..8].try_into().unwrap()) as usize;
        let header = String::from_utf8(frame[8..end].to_vec()).unwrap();
        let call = after(&header, "call", "\"").unwrap();
        if call.starts_with("end") { return; }
        let fits = after(&header, "dtype", "\"").map_or(true, |t| t.starts_with("F64"));
        let mut reply = if fits { "{\"__metadata__\":{\"name\":\"conv.rs\"}" } else { "{\"__metadata__\":{\"unsupported\":\"float64 only\"}" }.to_string();
        let mut bytes: Vec<u8> = vec![];
        for (name, (shape, a)) in if call.starts_with("start") { vec![] } else { answer(&header, Some(&frame[end..])) } {
            let from = bytes.len();
            a.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
            reply += &format!(",\"{name}\":{{\"dtype\":\"F64\",\"shape\":{shape:?},\"data_offsets\":[{from},{}]}}", bytes.len());
        }
        reply += "}";
        for part in [&((8 + reply.len() + bytes.len()) as u64).to_le_bytes()[..], &(reply.len() as u64).to_le_bytes(), reply.as_bytes(), &bytes] { output.write_all(part).unwrap(); }
        output.flush().unwrap();
    }
}
