//! Resident memory of this process, as the operating system counts it.

/// Resident memory now and at its highest, in bytes; zeros where it cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resident {
    /// Now.
    pub current: u64,
    /// Highest since the process started.
    pub peak: u64,
}

/// Reads `VmRSS` and `VmHWM` of `/proc/self/status`.
#[cfg(target_os = "linux")]
pub fn resident() -> Resident {
    std::fs::read_to_string("/proc/self/status").map(|status| parse(&status)).unwrap_or_default()
}

/// Reads the physical footprint, which on macOS includes memory shared with the GPU.
#[cfg(target_os = "macos")]
pub fn resident() -> Resident {
    let mut info = std::mem::MaybeUninit::<libc::rusage_info_v4>::zeroed();
    #[expect(unsafe_code, reason = "proc_pid_rusage fills the structure whose version it is told")]
    let usage = unsafe {
        let pointer = info.as_mut_ptr().cast::<libc::rusage_info_t>();
        let status = libc::proc_pid_rusage(std::process::id() as i32, libc::RUSAGE_INFO_V4, pointer);
        (status == 0).then(|| info.assume_init())
    };
    usage.map_or_else(Resident::default, |usage| Resident {
        current: usage.ri_phys_footprint,
        peak: usage.ri_lifetime_max_phys_footprint,
    })
}

/// Elsewhere there is no number to give.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn resident() -> Resident {
    Resident::default()
}

#[cfg(any(target_os = "linux", test))]
fn parse(status: &str) -> Resident {
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    Resident { current: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_kilobytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(parse(status), Resident { current: 1 << 20, peak: 2 << 20 });
        assert_eq!(parse(""), Resident::default());
    }

    #[test]
    fn sees_what_this_process_holds() {
        let before = resident();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = resident();
        assert!(after.current >= before.current + (60 << 20), "{before:?} {after:?}");
        assert!(after.peak >= after.current);
        drop(std::hint::black_box(block));
    }
}
