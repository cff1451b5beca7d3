//! The footer of a Parquet file, looked at before polars reads it.
//!
//! polars reserves as much memory as a list announces, and calls itself as deep as columns are nested. Neither ends
//! in an error that could be caught, so a footer must hold what it announces. Its fields are
//! those of <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::io::{self, Read, Seek, SeekFrom};

use super::thrift::{
    DEEPEST, Fields,
    Shape::{Bool, Byte, Bytes, Children, Column, List, Number, Struct},
    Walk,
};

const FILE: Fields = &[
    (1, Number),
    (2, List(&Column(COLUMN))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(&[(1, Bytes), (2, Bytes)]))),
    (6, Bytes),
    (7, List(&Struct(&[(1, Struct(&[])), (2, Struct(&[]))]))),
];

const COLUMN: Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Children),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: Fields = &[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, Struct(&[])),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
];

const TIME: Fields = &[(1, Bool), (2, Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]))];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Bool), (3, Bool)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const CHUNK: Fields =
    &[(1, Bytes), (2, Number), (3, Struct(CHUNK_DATA)), (4, Number), (5, Number), (6, Number), (7, Number)];

const CHUNK_DATA: Fields = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Bytes)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (14, Number),
    (15, Number),
];

const STATISTICS: Fields =
    &[(1, Bytes), (2, Bytes), (3, Number), (4, Number), (5, Bytes), (6, Bytes), (7, Bool), (8, Bool)];

/// Makes sure that the footer of a file is whole and holds what it announces; says what is wrong with it.
pub(super) fn check(file: &mut (impl Read + Seek)) -> io::Result<Result<(), &'static str>> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(end) = length.checked_sub(8) else { return Ok(Err("it is too short")) };
    let mut tail = [0; 8];
    file.seek(SeekFrom::Start(end))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *b"PAR1" {
        return Ok(Err("it does not end as Parquet does"));
    }
    let size = u32::from_le_bytes([a, b, c, d]);
    let Some(start) = end.checked_sub(size.into()) else { return Ok(Err("its footer is cut off")) };
    file.seek(SeekFrom::Start(start))?;
    let mut footer = vec![0; size as usize];
    file.read_exact(&mut footer)?;
    Ok(is_sound(&footer).then_some(()).ok_or("its footer is damaged"))
}

fn is_sound(footer: &[u8]) -> bool {
    let mut walk = Walk::over(footer);
    walk.whole(FILE).is_some() && is_shallow(&walk.children)
}

/// Whether the tree is no deeper than it may be whose nodes have these many children, in the order of the file.
fn is_shallow(children: &[i32]) -> bool {
    let mut open: Vec<i32> = Vec::new();
    children.iter().all(|count| {
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        if *count > 0 {
            open.push(*count);
        } else {
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        open.len() <= DEEPEST
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with this schema: the children of each element.
    fn schema(children: &[u8]) -> Vec<u8> {
        let mut footer = vec![0x29, 0xfc];
        let count = children.len() as u8;
        footer.extend([count | 0x80, count >> 7]);
        for children in children {
            footer.extend([0x55, children * 2, 0]);
        }
        footer.push(0);
        footer
    }

    #[test]
    fn a_schema_is_no_deeper_than_can_be_read() {
        for (levels, is_fine) in [(1, true), (64, true), (65, false), (120, false)] {
            let mut children = vec![1; levels];
            children.push(0);
            assert_eq!(is_sound(&schema(&children)), is_fine, "{levels}");
        }
        let mut wide = vec![50];
        wide.extend([1, 0].repeat(50));
        assert!(is_sound(&schema(&wide)), "wide is not deep");
    }

    #[test]
    fn lists_hold_what_they_announce() {
        assert!(is_sound(&[0x29, 0x0c, 0]));
        let huge = [0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        assert!(!is_sound(&huge), "2^31 elements");
        assert!(!is_sound(&[0x28, 0x00, 0]), "a text where the schema should be");
        assert!(!is_sound(&[0x29, 0x0c]), "no end");
        assert!(!is_sound(&[0x1c].repeat(1 << 20)), "deep, of fields that nobody knows");
        let mut nested = [0xa9].to_vec();
        nested.extend([0x19].repeat(1 << 20));
        assert!(!is_sound(&nested), "lists of lists");
    }
}
