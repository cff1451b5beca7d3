//! Files damaged at random: whatever they hold, reading ends in rows or an error, and soon.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use polars::prelude::{Column, DataFrame, NamedFrom, ParquetWriter, Series};

use super::{DatasetError, DatasetSpec, load};

/// A generator of its own: the damage is the same in every run (xorshift64, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[place] ^= 1 << self.below(8),
                1 => bytes[place] = [0, 0x7f, 0x80, 0xff, b'"', b'[', b'\n', b'9'][self.below(8)],
                2 => drop(bytes.drain(place..(place + 1 + self.below(8)).min(bytes.len()))),
                3 => {
                    let from = self.below(bytes.len());
                    let piece = bytes[from..(from + 1 + self.below(40)).min(bytes.len())].to_vec();
                    drop(bytes.splice(place..place, piece));
                }
                4 => bytes[place] = self.below(256) as u8,
                _ => bytes.truncate(if self.below(4) == 0 { place } else { bytes.len() }),
            }
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }
}

/// Reads a file to its end; the error's text has the name of the file, or of the dataset that has no labels.
fn read(path: &Path) -> Result<usize, String> {
    let spec = DatasetSpec { name: "d".into(), ..DatasetSpec::default() };
    let start = Instant::now();
    let outcome = load(&spec, &[path.to_owned()]).and_then(|dataset| {
        let mut rows = 0;
        dataset.each(100, |some| {
            rows += some.len();
            Ok::<_, DatasetError>(())
        })?;
        Ok(rows)
    });
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let outcome = outcome.map_err(|error| error.to_string());
    if let Err(text) = &outcome {
        assert!(text.contains("/d.") || text.contains("`d`"), "{text}");
    }
    outcome
}

/// How many of the damaged files were read all the same, and how many were refused.
fn survivors(name: &str, files: impl Iterator<Item = Vec<u8>>) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut counts = [0; 2];
    for bytes in files {
        std::fs::write(&path, &bytes).unwrap();
        counts[usize::from(read(&path).is_err())] += 1;
    }
    println!("{name}: {} read, {} refused", counts[0], counts[1]);
    counts
}

fn damaged(seed: u64, count: usize, bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random(seed);
    (0..count).map(move |_| random.damage(bytes))
}

fn parquet() -> Vec<u8> {
    let numbers: Vec<i64> = (0..40).map(|row| row % 3).collect();
    let texts: Vec<String> = (0..40).map(|row| format!("text {row}")).collect();
    let columns = vec![
        Column::from(Series::new("text".into(), texts)),
        Column::from(Series::new("label".into(), numbers)),
    ];
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut DataFrame::new(40, columns).unwrap()).unwrap();
    bytes
}

/// Both come up, or the damage is too small or too large to tell anything.
fn is_mixed([read, refused]: [usize; 2]) {
    assert!(read > 20 && refused > 20, "{read} read, {refused} refused");
}

#[test]
fn damaged_json_lines() {
    let row =
        |row: usize| format!("{{\"text\": \"t\\u00e9 {row}\", \"label\": {row}, \"x\": [1.5e3, {{}}]}}\n");
    let rows: String = (0..20).map(row).collect();
    is_mixed(survivors("d.jsonl", damaged(1, 3000, rows.as_bytes())));
}

#[test]
fn damaged_csv() {
    let row = |row: usize| format!("\"a \"\"quoted\"\", é\n{row}\",{row}\r\nplain {row},1\n");
    let rows: String = std::iter::once("text,label\n".to_owned()).chain((0..20).map(row)).collect();
    is_mixed(survivors("d.csv", damaged(2, 3000, rows.as_bytes())));
    is_mixed(survivors("d.tsv", damaged(3, 1000, b"text\tlabel\na \"b\t1\nc\t0\n")));
}

#[test]
fn damaged_parquet() {
    let files = [parquet(), include_bytes!("../../fixtures/category.parquet").to_vec()];
    for (seed, bytes) in files.iter().enumerate() {
        is_mixed(survivors("d.parquet", damaged(4 + seed as u64, 400, bytes)));
    }
}

/// A number of which anything may be announced, at each place of the file in turn.
#[test]
fn parquet_that_announces_too_much() {
    let bytes = parquet();
    let size = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    let footer = bytes.len() - 8 - size;
    let odd: [&[u8]; 5] = [
        // -1, -2^31, 2^31 - 1 and 2^60 as signed numbers, and 2^31 - 1 as the length of a list or text.
        &[0x01],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xfe, 0xff, 0xff, 0xff, 0x0f],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
    ];
    let places = (4..bytes.len() - 8).filter(|place| *place > footer || *place < 80);
    let files = places.flat_map(|place| odd.map(|number| (place, number))).map(|(place, number)| {
        let mut bytes = bytes.clone();
        drop(bytes.splice(place..=place, number.iter().copied()));
        if place >= footer {
            let (end, size) = (bytes.len() - 8, (size + number.len() - 1) as u32);
            bytes[end..end + 4].copy_from_slice(&size.to_le_bytes());
        }
        bytes
    });
    let [_, refused] = survivors("d.parquet", files);
    assert!(refused > 500);
}

/// Found by the fuzzer: polars took the number for one beyond all memory and ended the program.
#[test]
fn a_page_of_fewer_rows_than_none() {
    let bytes = include_bytes!("../../fixtures/negative-page.parquet").to_vec();
    assert_eq!(survivors("d.parquet", [bytes].into_iter()), [0, 1]);
}
