//! The innermost loop of every product: a few rows of the left factor times one panel of columns.
//!
//! The whole result of a tile stays in registers while the inner dimension passes by once, so that the
//! loop does one load and one fused multiply-add per vector of results. One body is compiled for each
//! instruction set; the sizes of a tile are those that fill its registers.

#[cfg(target_arch = "x86_64")]
use gatecheck_base::simd::{self, Level};

/// Where a tile lies. Strides are in elements, from one row to the next.
///
/// Reads `rows × inner` elements of `left`, `inner × width` of `right` (`width` is [`Kernel::width`])
/// and, unless it is null, `width` of `start`; writes `rows × width` of `output`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile {
    /// From 1 to [`Kernel::rows`].
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) left: *const f32,
    pub(crate) left_stride: usize,
    pub(crate) right: *const f32,
    pub(crate) right_stride: usize,
    /// What every row of the result starts from: a bias, or null for zeros.
    pub(crate) start: *const f32,
    pub(crate) output: *mut f32,
    pub(crate) output_stride: usize,
}

/// The kernel of one instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    /// Its instruction set.
    pub(crate) name: &'static str,
    /// Most rows of a tile.
    pub(crate) rows: usize,
    /// Columns of a tile.
    pub(crate) width: usize,
    /// Whether it is worth more than the machine's matrix library for large products.
    pub(crate) fast: bool,
    run: unsafe fn(Tile),
}

impl Kernel {
    /// Computes one tile.
    ///
    /// # Safety
    ///
    /// Everything that [`Tile`] says is read or written must be there and be nobody else's.
    #[expect(unsafe_code, reason = "works on pointers, so that tasks can write columns of one matrix")]
    pub(crate) unsafe fn run(&self, tile: Tile) {
        debug_assert!((1..=self.rows).contains(&tile.rows));
        // SAFETY: `Kernel::of_this_cpu` has checked the instructions; the caller vouches for the rest.
        unsafe { (self.run)(tile) }
    }

    /// The best kernel for the CPU that this runs on.
    pub(crate) fn of_this_cpu() -> Self {
        #[cfg(target_arch = "x86_64")]
        match simd::level() {
            Level::Avx512 => Self::avx512(),
            Level::Avx2 => Self::avx2(),
            Level::Baseline => Self::portable(),
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::portable()
    }

    /// Whatever the compiler makes of plain loops for any CPU of the architecture.
    fn portable() -> Self {
        let name = if cfg!(target_arch = "aarch64") { "NEON" } else { "portable" };
        Self { name, rows: portable::ROWS, width: portable::WIDTH, fast: false, run: portable::run }
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2() -> Self {
        Self { name: "AVX2", rows: avx2::ROWS, width: avx2::WIDTH, fast: true, run: avx2::run }
    }

    #[cfg(target_arch = "x86_64")]
    fn avx512() -> Self {
        Self { name: "AVX-512", rows: avx512::ROWS, width: avx512::WIDTH, fast: true, run: avx512::run }
    }

    /// Those that run on this CPU.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut kernels = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            if simd::level() != Level::Baseline {
                kernels.push(Self::avx2());
            }
            if simd::level() == Level::Avx512 {
                kernels.push(Self::avx512());
            }
        }
        kernels
    }

    /// This one with another body.
    #[cfg(test)]
    pub(crate) fn running(self, run: unsafe fn(Tile)) -> Self {
        Self { run, ..self }
    }
}

/// Writes `ROWS`, `WIDTH` and `run` of a kernel, from the operations on one vector.
macro_rules! kernel {
    (
        rows $rows:literal: $($row:literal)*; vectors $vectors:literal; lanes $lanes:literal; type $vector:ty;
        zero $zero:expr; load $load:expr; store $store:expr; splat $splat:expr; fused $fused:expr;
        $(#[$feature:meta])*
    ) => {
        use super::Tile;

        pub(crate) const ROWS: usize = $rows;
        pub(crate) const WIDTH: usize = $vectors * $lanes;

        $(#[$feature])*
        #[expect(unsafe_code, reason = "the caller vouches for what the tile names")]
        pub(crate) unsafe fn run(tile: Tile) {
            // A constant number of rows lets the compiler keep the whole tile in registers.
            unsafe {
                match tile.rows {
                    $($row => fixed::<$row>(tile),)*
                    _ => unreachable!("a tile has 1 to {ROWS} rows"),
                }
            }
        }

        $(#[$feature])*
        #[inline]
        #[expect(unsafe_code, reason = "the caller vouches for what the tile names")]
        unsafe fn fixed<const N: usize>(tile: Tile) {
            let Tile { inner, left, left_stride, right, right_stride, start, output, output_stride, .. } = tile;
            unsafe {
                let mut sums: [[$vector; $vectors]; N] = [[$zero; $vectors]; N];
                if !start.is_null() {
                    for row in &mut sums {
                        for (index, sum) in row.iter_mut().enumerate() {
                            *sum = $load(start.add(index * $lanes));
                        }
                    }
                }
                for k in 0..inner {
                    let mut columns = [$zero; $vectors];
                    for (index, column) in columns.iter_mut().enumerate() {
                        *column = $load(right.add(k * right_stride + index * $lanes));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let factor = $splat(*left.add(row * left_stride + k));
                        for (sum, column) in sums.iter_mut().zip(columns) {
                            *sum = $fused(factor, column, *sum);
                        }
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    for (index, sum) in sums.iter().enumerate() {
                        $store(output.add(row * output_stride + index * $lanes), *sum);
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    // 28 sums, 2 columns and a factor of 32 registers.
    kernel! {
        rows 14: 1 2 3 4 5 6 7 8 9 10 11 12 13 14; vectors 2; lanes 16; type __m512;
        zero _mm512_setzero_ps(); load _mm512_loadu_ps; store _mm512_storeu_ps; splat _mm512_set1_ps;
        fused _mm512_fmadd_ps;
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    // 12 sums, 2 columns and a factor of 16 registers.
    kernel! {
        rows 6: 1 2 3 4 5 6; vectors 2; lanes 8; type __m256;
        zero _mm256_setzero_ps(); load _mm256_loadu_ps; store _mm256_storeu_ps; splat _mm256_set1_ps;
        fused _mm256_fmadd_ps;
        #[target_feature(enable = "avx2,fma")]
    }
}

mod portable {
    type Vector = [f32; 4];

    #[inline(always)]
    #[expect(unsafe_code, reason = "as the instruction it stands for")]
    unsafe fn load(from: *const f32) -> Vector {
        unsafe { from.cast::<Vector>().read_unaligned() }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "as the instruction it stands for")]
    unsafe fn store(to: *mut f32, vector: Vector) {
        unsafe { to.cast::<Vector>().write_unaligned(vector) }
    }

    #[inline(always)]
    fn fused(x: Vector, y: Vector, z: Vector) -> Vector {
        let one = |index: usize| {
            if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                x[index].mul_add(y[index], z[index])
            } else {
                x[index] * y[index] + z[index]
            }
        };
        [one(0), one(1), one(2), one(3)]
    }

    // 16 sums, 4 columns and a factor of NEON's 32 registers.
    kernel! {
        rows 4: 1 2 3 4; vectors 4; lanes 4; type Vector;
        zero [0.0; 4]; load load; store store; splat (|value: f32| [value; 4]); fused fused;
    }
}
