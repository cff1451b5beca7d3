//! Thrift's compact protocol, as far as Parquet's footer and page headers need it.
//!
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

use Shape::{Bool, Byte, Bytes, Children, Column, Count, List, Number, Struct};

/// Levels that columns, and values nobody knows, may be nested.
pub(super) const DEEPEST: usize = 64;

/// Places for [`Shape::Count`].
pub(super) const COUNTS: usize = 5;

/// What a value is made of.
pub(super) enum Shape {
    Bool,
    Byte,
    /// A whole number of any width.
    Number,
    Bytes,
    List(&'static Shape),
    /// The fields that polars reads, by their ids; others are skipped.
    Struct(Fields),
    /// An element of the schema.
    Column(Fields),
    /// How many of the elements that follow are part of this one.
    Children,
    /// A number that is not below zero; the last of each place is kept.
    Count(usize),
}

pub(super) type Fields = &'static [(i16, Shape)];

/// A walk over the values of a struct; `None` where one is not what it should be.
pub(super) struct Walk<'a> {
    /// What comes after the values so far.
    pub(super) rest: &'a [u8],
    /// Of each element of the schema.
    pub(super) children: Vec<i32>,
    /// See [`Shape::Count`].
    pub(super) counts: [u32; COUNTS],
}

impl<'a> Walk<'a> {
    pub(super) fn over(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, children: Vec::new(), counts: [0; COUNTS] }
    }

    /// The fields of a struct; those that are known must have their shape.
    pub(super) fn whole(&mut self, known: Fields) -> Option<()> {
        self.fields(known, 0)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn fields(&mut self, known: Fields, depth: usize) -> Option<()> {
        let mut id = 0_i16;
        loop {
            let header = self.byte()?;
            let (step, kind) = (i16::from(header >> 4), header & 0xf);
            if kind == 0 {
                return Some(());
            }
            id = if step == 0 { self.signed()? as i16 } else { id.checked_add(step)? };
            let shape = known.iter().find(|(known, _)| *known == id).map(|(_, shape)| shape);
            self.value(shape, kind, depth + 1)?;
        }
    }

    /// A value of a kind, which must be of this shape.
    fn value(&mut self, shape: Option<&'static Shape>, kind: u8, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match (kind, shape) {
            // The kind of a flag is its value.
            (1 | 2, None | Some(Bool)) => Some(()),
            (3, None | Some(Byte)) => self.skip(1),
            (4..=6, None | Some(Number)) => self.unsigned().map(|_| ()),
            (4..=6, Some(Children)) => {
                *self.children.last_mut()? = self.signed()? as i32;
                Some(())
            }
            (4..=6, Some(Count(place))) => {
                // 32 bits in the format; what polars makes of more is not known.
                self.counts[*place] = self.signed()?.try_into().ok()?;
                Some(())
            }
            (7, None) => self.skip(8),
            (8, None | Some(Bytes)) => {
                let length = self.unsigned()?;
                self.skip(length.try_into().ok()?)
            }
            (9, None) => self.list(None, depth),
            (9, Some(List(each))) => self.list(Some(each), depth),
            (12, None) => self.fields(&[], depth),
            (12, Some(Struct(known))) => self.fields(known, depth),
            (12, Some(Column(known))) => {
                self.children.push(0);
                self.fields(known, depth)
            }
            _ => None,
        }
    }

    fn list(&mut self, each: Option<&'static Shape>, depth: usize) -> Option<()> {
        let header = self.byte()?;
        let kind = header & 0xf;
        let count = if header >> 4 == 15 { self.unsigned()? } else { u64::from(header >> 4) };
        // Each value takes a byte at least. Flags, which would take one here, are in no list of a footer.
        if count > self.rest.len() as u64 || count > 0 && matches!(kind, 1 | 2) {
            return None;
        }
        (0..count).try_for_each(|_| self.value(each, kind, depth + 1))
    }
}
