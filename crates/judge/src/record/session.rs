//! One process of an arm: when and where it ran. The shards of one record may come from several machines.

use serde::{Deserialize, Serialize};

use crate::engine::Engine;

/// One process of an arm, from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// When it was started, seconds since 1970-01-01 UTC.
    pub started_unix_s: u64,
    /// Device as the backend names it: `cpu`, `metal`, `cuda`. Empty where it failed to load.
    pub device: String,
    /// `float32`, `dequantized` (unpacked to floats at load) or `quantized`. Empty where it failed to load.
    pub execution: String,
    /// What computed, as the arm told. `None` where it failed to load, and in records of version 2 or older.
    #[serde(default)]
    pub engine: Option<Engine>,
    /// The machine and its state.
    pub environment: Environment,
    /// Resident memory of the process.
    pub memory: Memory,
}

/// Resident memory of an arm's worker process, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Before the weights were loaded.
    pub before_load: u64,
    /// After loading.
    pub after_load: u64,
    /// Sampled after every block of work.
    pub samples: Vec<u64>,
    /// Highest ever, as the operating system counts it; over all processes, where passes have their own.
    pub peak: u64,
    /// Highest of the backend's own allocator, where it has one.
    pub backend_peak: Option<u64>,
}

/// The machine and its state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Operating system and version.
    pub os: String,
    /// Instruction set, such as `x86_64`.
    pub arch: String,
    /// CPU as it names itself.
    pub cpu: String,
    /// Logical cores this process may use.
    pub cores: u32,
    /// Installed memory in bytes.
    pub memory_bytes: u64,
    /// Whether the machine is virtual, where that can be told.
    pub virtualised: Option<bool>,
    /// Only in records of version 2 or older, whose sessions have no `engine`: framework and matrix library of
    /// each backend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// One-minute load average before the run.
    pub load_before: Option<f64>,
    /// One-minute load average after the run.
    pub load_after: Option<f64>,
    /// Power source or thermal state, where readable.
    pub power: Option<String>,
}

impl Environment {
    /// Whether two sessions ran on one machine, as far as that can be told.
    fn is_same_machine(&self, other: &Self) -> bool {
        let machine = |it: &Self| (it.cores, it.memory_bytes, it.virtualised);
        machine(self) == machine(other)
            && (&self.os, &self.arch, &self.cpu) == (&other.os, &other.arch, &other.cpu)
    }
}

/// What several sessions say of the machine, in one.
pub(super) fn merged<'a>(sessions: impl Iterator<Item = &'a Session> + Clone) -> Environment {
    let environments = sessions.map(|session| &session.environment);
    let mut merged = environments.clone().next().cloned().unwrap_or_default();
    merged.libraries = Vec::new();
    for environment in environments {
        for library in &environment.libraries {
            if !merged.libraries.contains(library) {
                merged.libraries.push(library.clone());
            }
        }
        merged.load_after = environment.load_after.or(merged.load_after);
        if environment.virtualised == Some(true) {
            merged.virtualised = Some(true);
        }
    }
    merged
}

/// How many machines the sessions ran on.
pub(super) fn machines<'a>(sessions: impl Iterator<Item = &'a Session>) -> usize {
    let mut found: Vec<&Environment> = Vec::new();
    for Session { environment, .. } in sessions {
        if !found.iter().any(|known| known.is_same_machine(environment)) {
            found.push(environment);
        }
    }
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(cpu: &str, library: &str, load_after: Option<f64>) -> Session {
        let environment = Environment {
            cpu: cpu.to_owned(),
            libraries: vec![library.to_owned()],
            load_after,
            ..Environment::default()
        };
        Session { environment, ..Session::default() }
    }

    #[test]
    fn sessions_of_one_machine_are_told_as_one() {
        let sessions = [session("a", "x", None), session("a", "y", Some(2.0)), session("a", "x", None)];
        assert_eq!(machines(sessions.iter()), 1);
        let merged = merged(sessions.iter());
        assert_eq!((merged.libraries, merged.load_after), (vec!["x".to_owned(), "y".to_owned()], Some(2.0)));
    }

    #[test]
    fn any_of_its_properties_tells_a_machine_apart() {
        let changes: [fn(&mut Environment); 6] = [
            |it| it.os.push('x'),
            |it| it.arch.push('x'),
            |it| it.cpu.push('x'),
            |it| it.cores += 1,
            |it| it.memory_bytes += 1,
            |it| it.virtualised = Some(false),
        ];
        for change in changes {
            let mut sessions = [session("a", "x", None), session("a", "x", None)];
            change(&mut sessions[1].environment);
            assert_eq!(machines(sessions.iter()), 2, "{:?}", sessions[1].environment);
        }
    }

    #[test]
    fn one_virtual_machine_among_several_is_told() {
        let mut sessions = [session("a", "x", None), session("b", "x", None)];
        sessions[1].environment.virtualised = Some(true);
        assert_eq!((machines(sessions.iter()), merged(sessions.iter()).virtualised), (2, Some(true)));
        assert_eq!(merged([].iter()), Environment::default());
    }
}
