//! What the tools of macOS print, read. Compiled for the tests of every system, so that Linux holds it right.

/// Whether `sysctl -n kern.hv_vmm_present` says that this is a virtual machine.
pub(super) fn is_guest(sysctl: &str) -> Option<bool> {
    match sysctl.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The first line of `pmset -g ps`, which names the power source.
pub(super) fn power_source(pmset: &str) -> Option<String> {
    let line = pmset.lines().next()?.trim();
    line.starts_with("Now drawing from '").then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_told_from_hosts() {
        assert_eq!(is_guest("0\n"), Some(false));
        assert_eq!(is_guest("1\n"), Some(true));
        // An unknown name gives nothing on standard output.
        assert_eq!(is_guest(""), None);
    }

    #[test]
    fn the_power_source_is_the_first_line() {
        // The forms that pmset prints, written by hand: a notebook on battery and on mains, and a desktop.
        let battery = "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=4653155)\t85%; discharging; \
                       4:32 remaining present: true\n";
        let mains = "Now drawing from 'AC Power'\n -InternalBattery-0 (id=4653155)\t100%; charged; 0:00 \
                     remaining present: true\n";
        let desktop = "Now drawing from 'AC Power'\n";
        let sources = [battery, mains, desktop].map(|text| power_source(text).unwrap());
        let [on_battery, on_mains] = ["Now drawing from 'Battery Power'", "Now drawing from 'AC Power'"];
        assert_eq!(sources, [on_battery, on_mains, on_mains]);
        assert_eq!(power_source("pmset: unknown argument\n"), None);
        assert_eq!(power_source(""), None);
    }
}
