//! What machine this is and how busy, as far as it matters to a measurement.

use sysinfo::System;

#[cfg(target_os = "macos")]
use super::macos;

/// The machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
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
    /// Power source or thermal state, where readable.
    pub power: Option<String>,
}

impl Machine {
    /// Looks at this machine.
    pub fn read() -> Self {
        let mut system = System::new();
        system.refresh_memory();
        system.refresh_cpu_all();
        Self {
            os: System::long_os_version().unwrap_or_else(|| std::env::consts::OS.to_owned()),
            arch: std::env::consts::ARCH.to_owned(),
            cpu: system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
            cores: cores(),
            memory_bytes: system.total_memory(),
            virtualised: virtualised(),
            power: power(),
        }
    }
}

/// Logical cores this process may use.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// Whether a process of this number runs; a zombie does not.
pub fn is_running(pid: u32) -> bool {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate};
    let (mut system, pid) = (System::new(), Pid::from_u32(pid));
    let kind = ProcessRefreshKind::nothing().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
    system.process(pid).is_some_and(|process| process.status() != ProcessStatus::Zombie)
}

/// One-minute load average.
pub fn load() -> Option<f64> {
    let load = System::load_average().one;
    load.is_finite().then_some(load)
}

#[cfg(target_os = "linux")]
fn virtualised() -> Option<bool> {
    // On x86 the CPU itself says so; other hypervisors show up in the firmware's product name.
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let product =
        std::fs::read_to_string("/sys/class/dmi/id/product_name").unwrap_or_default().to_lowercase();
    let guest = ["virtual", "kvm", "qemu", "vmware", "bochs", "hvm domu"];
    let flagged =
        cpu.lines().any(|line| line.starts_with("flags") && line.split(' ').any(|flag| flag == "hypervisor"));
    Some(flagged || guest.iter().any(|name| product.contains(name)))
}

#[cfg(target_os = "linux")]
fn power() -> Option<String> {
    let supplies = std::fs::read_dir("/sys/class/power_supply").ok()?;
    let battery =
        supplies.flatten().find_map(|supply| std::fs::read_to_string(supply.path().join("status")).ok());
    battery.map(|status| format!("battery {}", status.trim().to_lowercase()))
}

#[cfg(target_os = "macos")]
fn virtualised() -> Option<bool> {
    command("sysctl", &["-n", "kern.hv_vmm_present"]).and_then(|text| macos::is_guest(&text))
}

#[cfg(target_os = "macos")]
fn power() -> Option<String> {
    command("pmset", &["-g", "ps"]).and_then(|text| macos::power_source(&text))
}

#[cfg(target_os = "macos")]
fn command(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn virtualised() -> Option<bool> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn power() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::read();
        assert!(machine.cores >= 1 && machine.memory_bytes > 100 << 20, "{machine:?}");
        assert!(!machine.os.is_empty() && !machine.arch.is_empty());
    }
}
