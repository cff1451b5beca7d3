//! Downloads that are killed, and several of the same files at once.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    harness::{Output, Place},
    hub_cli::{hub, told},
};

const CONVERT: &str = "convert --model org/tiny --bits 8";
const ARTEFACTS: &str = "models/mlx_converted";

/// Every file below a folder; links are not followed.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let deeper = |path: PathBuf| if path.is_dir() && !path.is_symlink() { below(&path) } else { vec![path] };
    entries.flat_map(deeper).collect()
}

/// The files of the cache that have a name in a snapshot. Each must be whole: tags are checksums.
#[track_caller]
fn whole_files(place: &Place) -> usize {
    let links: Vec<_> = below(&place.path("hf/hub")).into_iter().filter(|path| path.is_symlink()).collect();
    for link in links.iter().filter(|link| !link.components().any(|part| part.as_os_str() == ".gatecheck")) {
        let blob = link.canonicalize().unwrap();
        let checksum = gatecheck_loopback::etag(link.to_str().unwrap(), &std::fs::read(&blob).unwrap());
        assert_eq!(blob.file_name().unwrap().to_str(), Some(checksum.as_str()), "{}", link.display());
    }
    links.len()
}

#[test]
#[cfg(unix)]
#[ignore = "slow: make faults"]
fn killed_downloads_leave_nothing_half_and_the_next_run_ends_right() {
    let (place, hub) = hub();
    let start = Instant::now();
    assert_eq!(told(hub.ask(&place, CONVERT)).code, 0);
    let duration = start.elapsed();
    let artefact =
        || std::fs::read(place.path(ARTEFACTS).join("org--tiny-mlx-q8/model.safetensors")).unwrap();
    let (files, whole) = (whole_files(&place), artefact());
    let mut part_way = 0;
    for moment in 0..50_u32 {
        for folder in ["hf", ARTEFACTS] {
            let _ = std::fs::remove_dir_all(place.path(folder));
        }
        let mut child = hub.ask(&place, CONVERT).spawn().unwrap();
        std::thread::sleep(duration * (moment * 37 % 50) / 50);
        child.kill().unwrap();
        child.wait().unwrap();
        part_way += usize::from((1..files).contains(&whole_files(&place)));
        // Without the Hub it is told, or is all there.
        assert!([0, 2].contains(&place.gatecheck(CONVERT).code));
        let next = told(hub.ask(&place, CONVERT));
        assert_eq!((next.code, whole_files(&place)), (0, files), "{}", next.stderr);
        assert!(artefact() == whole);
    }
    assert!(part_way >= 5, "only {part_way} of 50 were killed amid the download, which took {duration:?}");
}

#[test]
fn several_at_once_share_one_download() {
    let (place, hub) = hub();
    let convert = |bits: u32| hub.ask(&place, &format!("convert --model org/tiny --bits {bits}")).spawn();
    let children: Vec<_> = [2, 4, 8].map(|bits| convert(bits).unwrap()).into();
    for child in children {
        let output = Output::of(child);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
    assert!(whole_files(&place) > 2);
    let requests = hub.requests.lock().unwrap();
    assert_eq!(requests.iter().filter(|ask| ask.gets("/model.safetensors")).count(), 1);
}
