//! No worker outlives its parent, not even one that hangs and hears nothing any more.
//!
//! On Linux the kernel sees to it; elsewhere a thread of the worker waits for the far end of the pipe to close,
//! which it does when the parent ends, however that came about.

#[cfg(unix)]
use std::process::Command;

/// Makes the kernel kill the child when the thread that starts it ends; the parent measures in one thread, from
/// before its first worker until after its last.
#[cfg(unix)]
pub(super) fn dies_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let parent = std::process::id();
        let arrange = move || {
            #[expect(
                unsafe_code,
                reason = "prctl with numbers alone changes this process and nothing in memory"
            )]
            let refused = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0;
            // A parent that ended before the call will not end again.
            if refused || std::os::unix::process::parent_id() != parent {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        };
        #[expect(
            unsafe_code,
            reason = "between fork and exec only two system calls are made, nothing is allocated"
        )]
        unsafe {
            command.pre_exec(arrange);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Ends this process when the far end of its standard input is closed, where the kernel does not do it.
pub fn watch() {
    #[cfg(unix)]
    if cfg!(not(target_os = "linux")) {
        use std::os::fd::AsRawFd;
        std::thread::spawn(|| {
            if closes(std::io::stdin().as_raw_fd()) {
                #[expect(
                    clippy::exit,
                    reason = "whatever the other threads are at, nobody waits for it any more"
                )]
                std::process::exit(1);
            }
        });
    }
}

/// Waits until nobody can write into a pipe any more. False where that cannot be waited for.
#[cfg(unix)]
fn closes(pipe: std::os::fd::RawFd) -> bool {
    loop {
        // No event is asked for: that the far end closed is always told.
        let mut poll = libc::pollfd { fd: pipe, events: 0, revents: 0 };
        #[expect(unsafe_code, reason = "one structure, which lives until the call returns")]
        let found = unsafe { libc::poll(&raw mut poll, 1, -1) };
        if found > 0 {
            return poll.revents & libc::POLLHUP != 0;
        }
        if found == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return false;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{io::Write, os::fd::AsRawFd, time::Duration};

    use super::*;

    #[test]
    fn a_pipe_closes_with_its_writer_and_not_before() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let waiting = std::thread::spawn(move || closes(reader.as_raw_fd()));
        writer.write_all(b"work").unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(writer);
        assert!(waiting.join().unwrap());
    }
}
