//! Measuring alone on the machine: whoever comes second waits, and says for whom.

use std::{
    env,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{SystemTime, UNIX_EPOCH},
};

use gatecheck_backend::measure::alone::{Alone, Holder, take};
use gatecheck_base::text;

use super::{
    event::{Event, Observer},
    measure::Workers,
};

/// Longest command line that is told of another process, in letters.
const LONGEST: usize = 300;

/// What came of asking for the machine.
#[derive(Debug)]
pub struct Turn {
    /// The machine is this process's as long as this lives.
    _alone: Option<Alone>,
    /// Whether another process was waited for.
    pub waited: bool,
}

/// Waits until no other gatecheck of this user measures on this machine, or the user stops. Where no lock can be had,
/// as without a folder to write into, that is said, and nothing is waited for.
pub fn turn(workers: &Workers, observer: &mut dyn Observer) -> Turn {
    let stop = workers.stop();
    let mut waited = false;
    let mut on_wait = |holder: Option<&Holder>| {
        if !waited {
            let whom = holder.map_or_else(|| "another gatecheck".to_owned(), whom);
            observer.on_event(&Event::Said { line: &format!("waiting for {whom}, which is measuring") });
        }
        waited = true;
        !stop.load(Ordering::Relaxed)
    };
    let me = me();
    let taken = folders().iter().map(|folder| take(folder, &me, &mut on_wait)).find_map(Result::ok);
    if taken.is_none() {
        let line = "there is no folder for a lock: another gatecheck may measure at the same time";
        observer.on_event(&Event::Said { line });
    }
    Turn { _alone: taken.flatten(), waited }
}

/// The user's cache, or else the system's folder for what is temporary.
fn folders() -> [PathBuf; 2] {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let own = variable("GATECHECK_CACHE").or_else(|| Some(caches()?.join("gatecheck")));
    let temporary = env::temp_dir().join("gatecheck");
    [own.unwrap_or_else(|| temporary.clone()), temporary]
}

/// This process, in the words in which another is told of it.
pub fn me() -> Holder {
    let words: Vec<_> = env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = words.first().and_then(|word| Path::new(word).file_name());
    let program = program.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<_> = [program].into_iter().chain(words.into_iter().skip(1)).collect();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let command = words.join(" ").chars().take(LONGEST).collect();
    Holder { pid: std::process::id(), command, since_unix_s: since }
}

fn whom(holder: &Holder) -> String {
    let Holder { pid, command, since_unix_s } = holder;
    format!("process {pid} (`{command}`, since {})", text::time_of_day(*since_unix_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_is_named_with_its_command_and_time() {
        let holder = Holder { pid: 12, command: "gatecheck run".to_owned(), since_unix_s: 86_400 + 3_723 };
        assert_eq!(whom(&holder), "process 12 (`gatecheck run`, since 01:02:03 UTC)");
        assert_eq!(me().pid, std::process::id());
    }
}
