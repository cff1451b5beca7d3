//! The threads that the baseline computes with.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// A pool of `count` threads. With as many as this process has CPUs, each stays on one of its own: between two
/// products a thread may sleep for some microseconds, and Linux often wakes it on the CPU of the thread that wakes
/// it, where both then take turns for milliseconds beside an idle CPU. With fewer, others may use the machine
/// too, and the system places them.
pub(crate) fn pool(count: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    let builder = ThreadPoolBuilder::new().num_threads(count);
    #[cfg(target_os = "linux")]
    let builder = match linux::cpus() {
        Some(cpus) if cpus.len() == count => builder.start_handler(move |index| linux::stay_on(cpus[index])),
        _ => builder,
    };
    builder.build()
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// The CPUs that this thread may run on; `None` where there are more than a set can hold.
    pub(super) fn cpus() -> Option<Vec<usize>> {
        let set = sched_getaffinity(None).ok()?;
        Some((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
    }

    pub(super) fn stay_on(cpu: usize) {
        let mut set = CpuSet::new();
        set.set(cpu);
        // Where it is not allowed, the system places the thread, as it would have without.
        let _ = sched_setaffinity(None, &set);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{linux::cpus, *};

    #[test]
    fn as_many_threads_as_cpus_have_one_each() {
        let all = cpus().unwrap();
        let each = pool(all.len()).unwrap().broadcast(|_| cpus().unwrap());
        assert_eq!(each, all.iter().map(|&cpu| vec![cpu]).collect::<Vec<_>>());
        assert_eq!(cpus().unwrap(), all);
    }

    #[test]
    fn others_are_placed_by_the_system() {
        let all = cpus().unwrap();
        for count in [all.len() + 1, all.len() - 1].into_iter().filter(|&count| count > 0) {
            assert_eq!(pool(count).unwrap().broadcast(|_| cpus().unwrap()), vec![all.clone(); count]);
        }
    }
}
