//! One body of code, compiled for each instruction set and chosen at run time.
//!
//! The bodies are plain loops without branches, which LLVM turns into vector code of whatever
//! width the surrounding function may use. None of it changes a result: floats are neither fused
//! nor taken in another order unless the body says so. aarch64 has NEON with fused multiply-add everywhere.

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Defines `fn name(args)` that runs `body(args)`, an `#[inline(always)]` function, with the widest
/// vectors of this CPU.
#[macro_export]
macro_rules! widest {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path) => {
        $(#[$doc])*
        $visibility fn $name($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $result)? { $body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $result)? { $body($($arg),*) }
                match $crate::simd::level() {
                    $crate::simd::Level::Avx512 => {
                        #[expect(unsafe_code, reason = "level() has checked that the CPU has these instructions")]
                        return unsafe { avx512($($arg),*) };
                    }
                    $crate::simd::Level::Avx2 => {
                        #[expect(unsafe_code, reason = "level() has checked that the CPU has these instructions")]
                        return unsafe { avx2($($arg),*) };
                    }
                    $crate::simd::Level::Baseline => {}
                }
            }
            $body($($arg),*)
        }
    };
}
pub use widest;

/// Vector instructions of an x86-64 CPU, as far as they are used here.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Neither of the others.
    Baseline,
    /// 256 bits.
    Avx2,
    /// 512 bits, with masks.
    Avx512,
}

/// Set where [`at_most`] was called with something narrower.
#[cfg(target_arch = "x86_64")]
static WITHOUT: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];

/// The widest that this CPU has, and [`at_most`] leaves.
#[cfg(target_arch = "x86_64")]
pub fn level() -> Level {
    let [without_avx2, without_avx512] = &WITHOUT;
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
    if !avx2 || without_avx2.load(Relaxed) {
        Level::Baseline
    } else if !avx512 || without_avx512.load(Relaxed) {
        Level::Avx2
    } else {
        Level::Avx512
    }
}

/// From here on, functions of [`widest!`] do without what is wider, in the whole process. For tests of functions whose
/// results do not depend on it.
#[cfg(target_arch = "x86_64")]
pub fn at_most(level: Level) {
    WITHOUT[0].store(level < Level::Avx2, Relaxed);
    WITHOUT[1].store(level < Level::Avx512, Relaxed);
}
