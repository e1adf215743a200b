// What a runner in Rust reads, from a frame (docs/protocol.md) or from a line of vectors/*.json, without a crate.
pub type Array = (Vec<i64>, Vec<f64>); // its shape, and its numbers in row-major order

pub fn after<'a>(text: &'a str, name: &str, opening: &str) -> Option<&'a str> { // what stands behind "name":
    let key = format!("\"{name}\":{opening}");
    text.find(&key).map(|at| &text[at + key.len()..])
}
pub fn list(text: &str) -> Vec<&str> { // [1,"2"], or "1,2", or 1, at the beginning of a text
    let text = text.trim_start_matches('[');
    let end = text.find(|c: char| !(c.is_alphanumeric() || ".,+-\"".contains(c))).unwrap_or(text.len());
    let text = if text.starts_with('"') && !text[..end].contains("\",\"") { text[1..].split('"').next().unwrap() } else { &text[..end] };
    text.split(',').map(|t| t.trim_matches('"')).filter(|t| !t.is_empty()).collect()
}
pub fn ints(text: Option<&str>) -> Vec<i64> { text.map_or(vec![], |t| list(t).iter().map_while(|t| t.parse().ok()).collect()) }
fn number(text: &str) -> f64 { // 3, 0x1.8p+0 or nan
    let Some(hex) = text.trim_start_matches('-').strip_prefix("0x") else { return text.parse().unwrap() };
    let (digits, power) = hex.split_once('p').unwrap();
    let exponent = power.parse::<i32>().unwrap() - 4 * digits.split_once('.').map_or(0, |(_, d)| d.len() as i32);
    let whole = u64::from_str_radix(&digits.replace('.', ""), 16).unwrap() as f64;
    scaled(if text.starts_with('-') { -whole } else { whole }, exponent)
}
fn scaled(n: f64, power: i32) -> f64 { n * 2f64.powi(power / 2) * 2f64.powi(power - power / 2) }
pub fn array(text: &str, bytes: Option<&[u8]>, name: &str) -> Option<Array> {
    let told = after(text, name, "{")?;
    let shape = ints(after(told, "shape", ""));
    if let Some(bytes) = bytes {
        let at = ints(after(told, "data_offsets", ""));
        let bytes = &bytes[at[0] as usize..at[1] as usize];
        return Some((shape, bytes.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()));
    }
    let (hex, values) = (told.find("\"hex\":").unwrap_or(told.len()), told.find("\"values\":").unwrap_or(told.len()));
    let power = if hex < values { 0 } else { after(text, name, "").and_then(|t| ints(Some(t)).first().copied()).unwrap_or(0) };
    let flat = list(&told[hex.min(values)..][told[hex.min(values)..].find('[').unwrap()..]);
    Some((shape, flat.iter().map(|t| scaled(number(t), power as i32)).collect()))
}
