//! The headers of a Parquet file's pages, looked at before polars reads them.
//!
//! polars reserves room for as many values as a page announces, and takes a number below zero for one beyond all memory:
//! that is the end of the program. The fields are those of
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

use super::thrift::{
    COUNTS, Fields,
    Shape::{Count, Struct},
    Walk,
};

// What is counted.
const STORED: usize = 0;
const SIZE: usize = 1;
const VALUES: usize = 2;
const ENTRIES: usize = 3;
const OTHER: usize = 4;

const PAGE: Fields = &[
    (2, Count(SIZE)),
    (3, Count(STORED)),
    (5, Struct(&[(1, Count(VALUES))])),
    (7, Struct(&[(1, Count(ENTRIES))])),
    (
        8,
        Struct(&[
            (1, Count(VALUES)),
            (2, Count(OTHER)),
            (3, Count(OTHER)),
            (5, Count(OTHER)),
            (6, Count(OTHER)),
        ]),
    ),
];

/// Bytes that most headers fit into, statistics included.
const USUAL: u64 = 1 << 12;

/// Whether the pages at `place`, which make up a column of `values` values, announce no more than that.
pub(super) fn are_sound(file: &mut (impl Read + Seek), place: Range<u64>, values: u64) -> io::Result<bool> {
    let (mut at, mut seen) = (place.start, 0);
    while at < place.end && seen < values {
        let left = place.end - at;
        let header = match header(file, at, USUAL.min(left))? {
            None if left > USUAL => header(file, at, left)?,
            header => header,
        };
        let Some((length, counts)) = header else { return Ok(false) };
        // An entry of a dictionary takes a byte at least, and may be there for no value.
        if u64::from(counts[VALUES]) > values || counts[ENTRIES] > counts[SIZE] {
            return Ok(false);
        }
        seen += u64::from(counts[VALUES]);
        at += length + u64::from(counts[STORED]);
    }
    Ok(true)
}

/// Length and counts of the header that begins `at` and is no longer than `limit`.
fn header(file: &mut (impl Read + Seek), at: u64, limit: u64) -> io::Result<Option<(u64, [u32; COUNTS])>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    let mut walk = Walk::over(&bytes);
    Ok(walk.whole(PAGE).map(|()| ((bytes.len() - walk.rest.len()) as u64, walk.counts)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A page of this kind (5: data, 7: a dictionary), with its header's count and sizes.
    fn page(kind: u8, count: i32, size: i32, stored: i32) -> Vec<u8> {
        let number = |value: i32| {
            let mut zigzag = ((value << 1) ^ (value >> 31)) as u32;
            let mut bytes = Vec::new();
            while zigzag > 0x7f {
                bytes.push(zigzag as u8 | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
            bytes
        };
        let mut bytes = vec![0x15, 0, 0x15];
        bytes.extend(number(size));
        bytes.push(0x15);
        bytes.extend(number(stored));
        bytes.extend([(kind - 3) << 4 | 0xc, 0x15]);
        bytes.extend(number(count));
        bytes.extend([0, 0]);
        bytes.extend(vec![0xff; stored.max(0) as usize]);
        bytes
    }

    fn sound(pages: &[Vec<u8>], values: u64) -> bool {
        let before = b"PAR1";
        let bytes = [before, pages.concat().as_slice()].concat();
        let place = before.len() as u64..bytes.len() as u64;
        are_sound(&mut Cursor::new(bytes), place, values).unwrap()
    }

    #[test]
    fn pages_hold_no_more_than_their_column() {
        assert!(sound(&[page(7, 90, 400, 300), page(5, 20, 80, 50), page(5, 20, 80, 50)], 40));
        assert!(sound(&[page(5, 40, 5000, 5000)], 40), "a long page");
        for (pages, why) in [
            (vec![page(5, 41, 80, 50)], "more than the column"),
            (vec![page(5, 20, 80, 50), page(5, -1, 80, 50)], "fewer than none"),
            (
                vec![page(7, i32::MAX, 400, 300), page(5, 40, 80, 50)],
                "a dictionary of more entries than bytes",
            ),
            (vec![page(5, 40, -80, 50)], "a size below zero"),
            (vec![page(5, 20, 80, -5)], "a length below zero"),
            (vec![page(5, 20, 80, 50), vec![0xff; 30]], "no header"),
        ] {
            assert!(!sound(&pages, 40), "{why}");
        }
    }

    #[test]
    fn what_comes_after_the_last_value_is_not_looked_at() {
        assert!(sound(&[page(5, 40, 80, 50), vec![0xff; 30]], 40));
    }

    #[test]
    fn headers_may_be_longer_than_most() {
        let mut long = page(5, 40, 80, 50);
        let end = long.len() - 51;
        // Field 9, which nobody knows: a text.
        let text = [&[0x48, 0x88, 0x27][..], &[b'x'; 5000]].concat();
        long.splice(end..end, text);
        assert!(sound(&[long], 40));
    }
}
