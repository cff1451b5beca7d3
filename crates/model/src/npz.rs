//! Arrays of a `weights.npz`, as NumPy and MLX write it: a ZIP archive with a `.npy` file for each.
//!
//! The format is that of <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Nothing is trusted.

use std::{
    io::{Cursor, Read},
    ops::Range,
};

use flate2::read::DeflateDecoder;
use safetensors::Dtype;
use zip::{CompressionMethod, ZipArchive};

/// What every `.npy` file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header of an array; NumPy's own have a hundred bytes or so.
const LONGEST_HEADER: usize = 1 << 16;
/// How many times its length a compressed archive may take in memory. Weights hardly get smaller at all.
const INFLATION: u64 = 64;

/// An array.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Bytes,
}

/// Where the elements of an array are.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// In the archive itself.
    At(Range<usize>),
    /// They were compressed there.
    Own(Vec<u8>),
}

/// All arrays of an archive. The error says what is wrong with it.
pub(crate) fn members(archive: &[u8]) -> Result<Vec<Member>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("it is no readable ZIP archive: {error}");
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|error| wrong(&error))?;
    let (mut members, mut inflated) = (Vec::new(), 0);
    for index in 0..zip.len() {
        let file = zip.by_index_raw(index).map_err(|error| wrong(&error))?;
        let raw_name = file.name().map_err(|error| wrong(&error))?.into_owned();
        let Some(name) = raw_name.strip_suffix(".npy") else { continue };
        let wrong = |reason: &str| format!("array `{name}`: {reason}");
        let start = file.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(file.compressed_size()).ok();
        let place = start.zip(length).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let place = place.filter(|place| place.end <= archive.len()).ok_or_else(|| wrong("it is cut off"))?;
        if file.encrypted() {
            return Err(wrong("it is encrypted"));
        }
        let member = match file.compression() {
            CompressionMethod::Stored => {
                let (header, data) = header(&archive[place.clone()]).map_err(|reason| wrong(&reason))?;
                header.member(name, Bytes::At(place.start + data..place.end))
            }
            CompressionMethod::DEFLATE => {
                inflated = file.size().saturating_add(inflated);
                if inflated > INFLATION * archive.len() as u64 {
                    return Err(wrong(&format!(
                        "the archive inflates to more than {INFLATION} times its length"
                    )));
                }
                let mut bytes = Vec::new();
                let mut decoder = DeflateDecoder::new(&archive[place]).take(file.size());
                decoder.read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
                let (header, data) = header(&bytes).map_err(|reason| wrong(&reason))?;
                header.member(name, Bytes::Own(bytes.split_off(data)))
            }
            _ => return Err(wrong("it is neither stored nor deflated")),
        };
        members.push(member.map_err(|reason| wrong(&reason))?);
    }
    if members.is_empty() { Err("there is no array in it".to_owned()) } else { Ok(members) }
}

struct Header {
    dtype: Dtype,
    shape: Vec<usize>,
}

impl Header {
    fn member(self, name: &str, bytes: Bytes) -> Result<Member, String> {
        let found = match &bytes {
            Bytes::At(place) => place.len(),
            Bytes::Own(bytes) => bytes.len(),
        };
        let elements = self.shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let expected = elements.and_then(|elements| elements.checked_mul(self.dtype.bitsize() / 8));
        if expected != Some(found) {
            return Err(format!("{found} bytes are no {:?} of shape {:?}", self.dtype, self.shape));
        }
        Ok(Member { name: name.to_owned(), dtype: self.dtype, shape: self.shape, bytes })
    }
}

/// What a `.npy` file says of its array, and where the elements begin.
fn header(npy: &[u8]) -> Result<(Header, usize), String> {
    let rest = npy.strip_prefix(MAGIC).ok_or("it is no `.npy` file")?;
    let (length, start) = match rest {
        [1, _, low, high, ..] => (usize::from(u16::from_le_bytes([*low, *high])), 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
        _ => return Err("its version is not known".to_owned()),
    };
    let text = npy.get(start..start + length.min(LONGEST_HEADER)).ok_or("its header is cut off")?;
    let text = std::str::from_utf8(text).map_err(|_| "its header is no text")?;
    let value = |key: &str| {
        let (_, rest) =
            text.split_once(&format!("'{key}':")).ok_or_else(|| format!("its header has no `{key}`"))?;
        Ok::<_, String>(rest.trim_start())
    };
    if !value("fortran_order")?.starts_with("False") {
        return Err("its columns come before its rows (`fortran_order`)".to_owned());
    }
    let descr = value("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let (descr, _) = descr.ok_or("its elements are no single numbers")?;
    let dtype = dtype(descr).ok_or_else(|| format!("element type `{descr}` cannot be read"))?;
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (shape, _) = shape.ok_or("its header has no `shape`")?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape = sizes.map(|size| size.parse().map_err(|_| format!("`{size}` is no dimension")));
    Ok((Header { dtype, shape: shape.collect::<Result<_, _>>()? }, start + length))
}

/// The element type of NumPy's word. Numbers are little-endian or of one byte.
fn dtype(descr: &str) -> Option<Dtype> {
    Some(match descr {
        "<f4" => Dtype::F32,
        "<f2" => Dtype::F16,
        // NumPy has no word for bfloat16; MLX writes two bytes of anything.
        "|V2" | "<V2" => Dtype::BF16,
        "<f8" => Dtype::F64,
        "<u4" => Dtype::U32,
        "<i4" => Dtype::I32,
        "<i8" => Dtype::I64,
        "|u1" => Dtype::U8,
        "|i1" => Dtype::I8,
        "|b1" => Dtype::BOOL,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
        let length = (text.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, text.as_bytes(), data].concat()
    }

    #[test]
    fn headers_tell_type_and_shape() {
        let (found, start) = header(&npy("<f2", "False", "2, 3", &[0; 12])).unwrap();
        assert_eq!((found.dtype, found.shape), (Dtype::F16, vec![2, 3]));
        assert_eq!(npy("<f2", "False", "2, 3", &[0; 12]).len() - start, 12);
        assert_eq!(header(&npy("<f4", "False", "7,", &[])).unwrap().0.shape, [7]);
        assert_eq!(header(&npy("<f4", "False", "", &[])).unwrap().0.shape, [0usize; 0]);
        for (file, reason) in [
            (npy("<f4", "True", "2, 3", &[]), "`fortran_order`"),
            (npy(">f4", "False", "2", &[]), "`>f4` cannot be read"),
            (npy("<f4", "False", "-1", &[]), "`-1` is no dimension"),
            (npy("<f4", "False", "2", &[])[..20].to_vec(), "cut off"),
            (b"PK".to_vec(), "no `.npy` file"),
        ] {
            let error = header(&file).err().unwrap_or_default();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn whatever_is_damaged_is_an_error_or_read_within_its_bounds() {
        let whole = include_bytes!("../../../fuzz/small.npz");
        let names = |members: &[Member]| members.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
        let found = members(whole).unwrap();
        assert_eq!(names(&found), ["embeddings.norm.weight", "classifier.weight", "a.scales"]);
        assert!(matches!(found[0].bytes, Bytes::Own(_)) && matches!(found[2].bytes, Bytes::At(_)));
        let within = |bytes: &[u8]| {
            let Ok(found) = members(bytes) else { return false };
            for Member { dtype, shape, bytes: place, .. } in found {
                let length = match place {
                    Bytes::At(place) => bytes[place].len(),
                    Bytes::Own(own) => own.len(),
                };
                assert_eq!(length, shape.iter().product::<usize>() * dtype.bitsize() / 8);
            }
            true
        };
        let mut read = 0;
        for at in 0..whole.len() {
            for mask in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = whole.to_vec();
                damaged[at] ^= mask;
                read += usize::from(within(&damaged));
            }
            assert!(!within(&whole[..at]), "cut at {at}");
        }
        assert!(read < 3 * whole.len(), "most damage is found");
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        for bytes in [&b""[..], b"PK\x05\x06", &[0; 100]] {
            assert!(members(bytes).is_err());
        }
    }
}
