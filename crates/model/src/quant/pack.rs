//! Codes of a few bits, side by side in little-endian bytes.
//!
//! MLX stores 2, 4 and 8 bits as fields of 32-bit words from the lowest bit up, and 3, 5 and 6 bits as
//! runs of bytes. On a little-endian machine both are the same stream: eight codes of `BITS` bits are
//! `BITS` bytes. They are moved together inside one 64-bit register.

/// A mask of the lowest `bits` bits of every field that is `width` bits wide.
const fn fields(bits: u32, width: u32) -> u64 {
    let mut mask = 0;
    let mut shift = 0;
    while shift < 64 {
        mask |= (u64::MAX >> (64 - bits)) << shift;
        shift += width;
    }
    mask
}

/// Joins the two halves of every field: `bits` from the lower one, then `bits` from the upper one.
const fn join(word: u64, bits: u32, half: u32) -> u64 {
    let low = fields(bits, 2 * half);
    word & low | word >> (half - bits) & low << bits
}

/// Undoes [`join`].
const fn split(word: u64, bits: u32, half: u32) -> u64 {
    let low = fields(bits, 2 * half);
    word & low | (word & low << bits) << (half - bits)
}

/// Packs codes, one per byte, into `packed`.
#[inline(always)]
pub(super) fn pack<const BITS: usize>(codes: &[u8], packed: &mut [u8]) {
    let bits = BITS as u32;
    for (codes, packed) in codes.as_chunks().0.iter().zip(packed.as_chunks_mut::<BITS>().0) {
        let pairs = join(u64::from_le_bytes(*codes), bits, 8);
        let quads = join(pairs, 2 * bits, 16);
        let word = join(quads, 4 * bits, 32);
        packed.copy_from_slice(&word.to_le_bytes()[..BITS]);
    }
}

/// Unpacks to one code per byte.
#[inline(always)]
pub(super) fn unpack<const BITS: usize>(packed: &[u8], codes: &mut [u8]) {
    let bits = BITS as u32;
    for (packed, codes) in packed.as_chunks::<BITS>().0.iter().zip(codes.as_chunks_mut().0) {
        let mut bytes = [0; 8];
        bytes[..BITS].copy_from_slice(packed);
        let quads = split(u64::from_le_bytes(bytes), 4 * bits, 32);
        let pairs = split(quads, 2 * bits, 16);
        *codes = split(pairs, bits, 8).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const BITS: usize>() {
        let codes: Vec<u8> = (0..64u32).map(|at| (at * 37 % (1 << BITS)) as u8).collect();
        let mut packed = vec![0; 8 * BITS];
        pack::<BITS>(&codes, &mut packed);
        let bit = |at: usize| packed[at / 8] >> (at % 8) & 1;
        for (at, code) in codes.iter().enumerate() {
            let read: u8 = (0..BITS).map(|place| bit(at * BITS + place) << place).sum();
            assert_eq!(read, *code, "{BITS} bits, code {at}");
        }
        let mut back = vec![0; codes.len()];
        unpack::<BITS>(&packed, &mut back);
        assert_eq!(back, codes);
    }

    #[test]
    fn codes_are_one_stream_of_bits() {
        check::<2>();
        check::<3>();
        check::<4>();
        check::<5>();
        check::<6>();
        check::<8>();
    }
}
