//! Damage nobody thought of, made from a seed.

use serde_json::{Value, json};

/// SplitMix64: the same damage in every run.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }

    /// Bytes cut off, turned, doubled or put in.
    pub(crate) fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut bytes, at) = (bytes.to_vec(), self.below(bytes.len()));
        match self.below(4) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes.extend_from_within(at..),
            _ => {
                let odd = [&b"\0"[..], b"-", b"9999999999", b"[[[[", b"\xff\xfe", b"\"", b"1e999", b"{}"];
                bytes.splice(at..at, odd[self.below(odd.len())].iter().copied());
            }
        }
        bytes
    }

    /// A value that somebody may have written where another belongs.
    pub(crate) fn value(&mut self) -> Value {
        let values = [
            json!(null),
            json!(0),
            json!(1),
            json!(-1),
            json!(3),
            json!(1000),
            json!(1 << 20),
            json!(1u64 << 31),
            json!(1u64 << 40),
            json!(u64::MAX),
            json!(0.5),
            json!(1e300),
            json!(true),
            json!(""),
            json!("gelu"),
            json!("\u{1b}[31m\n"),
            json!([]),
            json!([0, 1, 2, 3]),
            json!({}),
            json!({"0": "a"}),
            (0..60).fold(json!(1), |inner, _| json!([inner])),
        ];
        values[self.below(values.len())].clone()
    }

    /// Replaces one of the values in `json`, however deep, or takes it away.
    pub(crate) fn spoil_value(&mut self, json: &mut Value) {
        let count = nodes(json);
        let at = self.below(count);
        let value = (self.below(4) > 0).then(|| self.value());
        replace(json, at, value);
    }
}

/// A value and all those in it.
fn nodes(json: &Value) -> usize {
    1 + match json {
        Value::Array(items) => items.iter().map(nodes).sum::<usize>(),
        Value::Object(entries) => entries.values().map(nodes).sum(),
        _ => 0,
    }
}

/// Puts `value`, or nothing, in the place of what is `at` values behind `json` itself.
fn replace(json: &mut Value, mut at: usize, value: Option<Value>) {
    if at == 0 {
        *json = value.unwrap_or(Value::Null);
        return;
    }
    at -= 1;
    let inside = |child: &Value, at: &mut usize| {
        let count = nodes(child);
        let inside = *at < count;
        *at -= if inside { 0 } else { count };
        inside
    };
    match json {
        Value::Array(items) => {
            let index = items.iter().position(|item| inside(item, &mut at)).unwrap();
            match value {
                None if at == 0 => drop(items.remove(index)),
                value => replace(&mut items[index], at, value),
            }
        }
        Value::Object(entries) => {
            let key = entries.iter().find(|(_, child)| inside(child, &mut at)).unwrap().0.clone();
            match value {
                None if at == 0 => drop(entries.shift_remove(&key)),
                value => replace(&mut entries[&key], at, value),
            }
        }
        _ => unreachable!("a leaf is one value"),
    }
}
