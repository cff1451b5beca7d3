//! Transfers that break, and bytes that are wrong.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{fake::etag, *};

/// Half a file, where the answer had announced a whole one.
fn break_off(ask: &Ask, stream: &mut TcpStream) -> bool {
    let length = [("Content-Length", "23")];
    reply(ask, stream, 200, &length, b"weights wei");
    true
}

#[test]
fn a_broken_transfer_is_resumed() {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], |ask, stream| {
        ask.gets("model.safetensors") && ask.before == 0 && break_off(ask, stream)
    });
    let folder = snapshot(&fake.hub()).unwrap().folder;
    assert_eq!(fs::read(&folder.join("model.safetensors")).unwrap(), b"weights weights weights");
    let asks = fake.requests.lock().unwrap();
    let last = asks.iter().rfind(|ask| ask.gets("model.safetensors")).unwrap();
    assert_eq!(last.headers["range"], "bytes=11-");
}

#[test]
fn a_transfer_that_stays_broken_leaves_nothing_that_looks_complete() {
    let broken = Arc::new(AtomicBool::new(true));
    let still = broken.clone();
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
        ask.gets(".safetensors") && still.load(Ordering::SeqCst) && break_off(ask, stream)
    });
    let error = snapshot(&fake.impatient()).unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    let snapshots = fake.repo().join("snapshots").join(SHA);
    assert!(files_below(&snapshots).iter().all(|path| !path.ends_with("model.safetensors")));
    assert!(!weights(&fake).exists());
    broken.store(false, Ordering::SeqCst);
    assert_eq!(names(&snapshot(&fake.hub()).unwrap().folder).len(), 4);
}

/// The weights' place among the blobs.
fn weights(fake: &FakeHub) -> PathBuf {
    fake.repo().join("blobs").join(etag("model.safetensors", b"weights weights weights"))
}

/// A part of the weights that an earlier process left.
fn leave_part(fake: &FakeHub, content: &[u8]) {
    let name = format!(".gatecheck/{}.part", etag("model.safetensors", b"weights weights weights"));
    fs::write_atomic(&fake.repo().join(name), content).unwrap();
}

#[test]
fn what_another_left_is_checked_before_it_is_linked() {
    // An earlier version, or Python, was killed after a blob had got its name, or before.
    for (name_of_blob, content, gets) in [
        ("", &b"weights weights weights"[..], 0),
        ("", b"wrong of the same size.", 1),
        ("", b"short", 1),
        (".incomplete", b"wrong of the same size.", 1),
        (".part", b"wrong of the same size.", 1),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", model())]);
        let blob = PathBuf::from(format!("{}{name_of_blob}", weights(&fake).display()));
        fs::write_atomic(&blob, content).unwrap();
        let folder = snapshot(&fake.hub()).unwrap().folder;
        assert_eq!(fs::read(&folder.join("model.safetensors")).unwrap(), b"weights weights weights");
        let asks = fake.requests.lock().unwrap();
        assert_eq!(asks.iter().filter(|ask| ask.gets("model.safetensors")).count(), gets, "{name_of_blob}");
    }
}

#[test]
fn a_part_is_resumed_and_a_wrong_one_is_not_kept() {
    for (part, ranges) in [
        (&b"weights"[..], vec![Some("bytes=7-")]),
        (b"weights weights weights", vec![]),
        (b"garbage", vec![Some("bytes=7-"), None]),
        (b"garbage of the same siz", vec![None]),
        (b"longer than the file that it is of", vec![None]),
    ] {
        let fake = FakeHub::new(&[("models/owner/model@main", model())]);
        leave_part(&fake, part);
        let folder = snapshot(&fake.hub()).unwrap().folder;
        assert_eq!(fs::read(&folder.join("model.safetensors")).unwrap(), b"weights weights weights");
        let asks = fake.requests.lock().unwrap();
        let gets = asks.iter().filter(|ask| ask.gets("model.safetensors"));
        let found: Vec<_> = gets.map(|ask| ask.headers.get("range").map(String::as_str)).collect();
        assert_eq!(found, ranges);
    }
}

#[test]
fn a_server_that_does_not_resume_starts_again() {
    for (status, range) in [(200, ""), (206, "bytes 3-22/23"), (206, "bytes */23"), (416, "bytes */23")] {
        let fake = FakeHub::twisted(&[("models/owner/model@main", model())], move |ask, stream| {
            let asked_for_rest = ask.gets("model.safetensors") && ask.headers.contains_key("range");
            if asked_for_rest {
                reply(ask, stream, status, &[("Content-Range", range)], b"weights weights weights");
            }
            asked_for_rest
        });
        leave_part(&fake, b"weights");
        let folder = snapshot(&fake.impatient()).unwrap().folder;
        assert_eq!(
            fs::read(&folder.join("model.safetensors")).unwrap(),
            b"weights weights weights",
            "{status}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_the_next_run_ends_right() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    let name = format!(".gatecheck/{}.part", etag("model.safetensors", b"weights weights weights"));
    let part = fake.repo().join(name);
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = snapshot(&fake.hub()).unwrap_err();
    assert_eq!(error.to_string(), format!("failed to write `{}`", part.display()));
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Disk, None));
    assert!(matches!(snapshot(&fake.offline()), Err(HubError::Offline { .. })));
    std::fs::remove_file(part).unwrap();
    assert!(snapshot(&fake.hub()).is_ok());
}

#[test]
fn one_at_a_time_downloads_a_file() {
    let fake = FakeHub::twisted(&[("models/owner/model@main", model())], |ask, _| {
        if ask.gets("model.safetensors") {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        false
    });
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| snapshot(&fake.hub()))).collect();
        for one in all {
            assert_eq!(names(&one.join().unwrap().unwrap().folder).len(), 4);
        }
    });
    let asks = fake.requests.lock().unwrap();
    assert_eq!(asks.iter().filter(|ask| ask.gets("model.safetensors")).count(), 1);
}

#[test]
fn one_that_does_not_get_on_is_not_waited_for_for_ever() {
    let fake = FakeHub::new(&[("models/owner/model@main", model())]);
    leave_part(&fake, b"weights");
    let lock = fake
        .repo()
        .join(".gatecheck")
        .join(format!("{}.lock", etag("model.safetensors", b"weights weights weights")));
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let error = snapshot(&fake.impatient()).unwrap_err();
    let expected = "`model.safetensors` of model `owner/model` is being downloaded by another process";
    assert_eq!((error.to_string().as_str(), error.kind()), (expected, ErrorKind::Network));
    drop(lock);
    assert!(snapshot(&fake.impatient()).is_ok());
}
