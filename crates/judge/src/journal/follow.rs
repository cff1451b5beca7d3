//! A journal as it grows, for whoever watches: how far the run has come. Takes no lock, and reads each line once.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use gatecheck_base::fs::FileError;

use super::{Block, Event, JOURNAL, Line, MemoryReading, Phase};
use crate::record::RunRecord;

/// How far a run has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What was known before measuring.
    pub begun: Box<RunRecord>,
    /// As in [`super::Header`].
    pub run: serde_json::Value,
    /// The part of the run at work, such as `latency`.
    pub phase: String,
    /// When it began, and when the last line was written: nanoseconds since 1970-01-01 UTC.
    pub phase_unix_ns: u64,
    /// See there.
    pub last_unix_ns: u64,
    /// Single queries answered, of all arms.
    pub queries: u64,
    /// Examples answered in batches, of all arms.
    pub examples: u64,
    /// Of the one or the other, those since the phase began.
    pub since_phase: u64,
    /// Resident memory of each arm, as last read.
    pub memory: BTreeMap<u32, MemoryReading>,
    /// What is worth a line: failures and doubts, the last one last.
    pub lines: Vec<String>,
    /// Whether everything is measured.
    pub is_finished: bool,
    /// Whether the user stopped it.
    pub is_interrupted: bool,
    /// Calls of each block, so that one that comes again is not counted twice.
    blocks: BTreeMap<(u32, Phase, u32), u64>,
}

/// Follows the journal of a folder.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    offset: u64,
    progress: Option<Progress>,
}

impl Follower {
    /// Follows the journal in `folder`, which need not be there yet.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(JOURNAL), offset: 0, progress: None }
    }

    /// Reads what is new. Nothing where there is no journal, or no whole first line. What is damaged is left out:
    /// whoever judges the run will say so.
    pub fn poll(&mut self) -> Result<Option<&Progress>, FileError> {
        let failed = |error| FileError::new("read", &self.path, error);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (self.offset, self.progress) = (0, None);
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        // Begun anew in the same folder.
        if file.metadata().map_err(failed)?.len() < self.offset {
            (self.offset, self.progress) = (0, None);
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let (mut reader, mut text) = (BufReader::new(file), Vec::new());
        loop {
            text.clear();
            reader.read_until(b'\n', &mut text).map_err(failed)?;
            if text.last() != Some(&b'\n') {
                return Ok(self.progress.as_ref());
            }
            self.offset += text.len() as u64;
            let Ok(line) = serde_json::from_slice::<Line>(text.trim_ascii_end()) else { continue };
            match (&mut self.progress, line) {
                (progress, Line { unix_ns, event: Event::Begun(header) }) => {
                    *progress = Some(Progress::new(header.record, header.run, unix_ns));
                }
                (Some(progress), line) => progress.take(line),
                (None, _) => {}
            }
        }
    }
}

impl Progress {
    fn new(begun: RunRecord, run: serde_json::Value, unix_ns: u64) -> Self {
        Self {
            begun: Box::new(begun),
            run,
            phase: "begun".to_owned(),
            phase_unix_ns: unix_ns,
            last_unix_ns: unix_ns,
            queries: 0,
            examples: 0,
            since_phase: 0,
            memory: BTreeMap::new(),
            lines: Vec::new(),
            is_finished: false,
            is_interrupted: false,
            blocks: BTreeMap::new(),
        }
    }

    fn take(&mut self, Line { unix_ns, event }: Line) {
        self.last_unix_ns = unix_ns;
        match event {
            Event::Begun(_) => {}
            Event::Resumed => (self.is_interrupted, self.since_phase) = (false, 0),
            Event::Phase(phase) => {
                (self.phase, self.phase_unix_ns, self.since_phase) = (phase, unix_ns, 0);
            }
            Event::Session { arm, session } => {
                let current = session.memory.after_load;
                let reading = MemoryReading {
                    current,
                    peak: session.memory.peak,
                    backend_peak: session.memory.backend_peak,
                };
                self.memory.insert(arm, reading);
            }
            Event::Block(block) => self.add(&block),
            Event::Failed { arm, failure } => {
                let name = self.begun.arms.get(arm as usize).map_or("?", |arm| arm.name.as_str());
                self.lines.push(format!("arm `{name}` failed in {}: {}", failure.phase, failure.message));
            }
            Event::Warning(text) => self.lines.push(text),
            Event::Interrupted => self.is_interrupted = true,
            Event::Finished { .. } => self.is_finished = true,
        }
    }

    fn add(&mut self, block: &Block) {
        let count = match block.phase {
            Phase::Latency => block.item.len() as u64,
            Phase::Throughput => block.examples.iter().map(|examples| u64::from(*examples)).sum(),
        };
        let before = self.blocks.insert((block.arm, block.phase, block.block), count).unwrap_or(0);
        let total = match block.phase {
            Phase::Latency => &mut self.queries,
            Phase::Throughput => &mut self.examples,
        };
        *total = total.saturating_sub(before) + count;
        self.since_phase += count;
        if let Some(reading) = block.memory {
            self.memory.insert(block.arm, reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        journal::{Header, Journal, SCHEMA_VERSION},
    };

    fn block(number: u32, calls: usize) -> Event {
        let mut block = Block::new(1, Phase::Latency, number, 0);
        (block.item, block.examples) = (vec![0; calls], vec![1; calls]);
        block.memory = Some(MemoryReading { current: 7, peak: 8, backend_peak: None });
        Event::Block(block)
    }

    #[test]
    fn each_line_is_counted_once_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(folder.path());
        assert!(follower.poll().unwrap().is_none());
        let record = fixture::record();
        let header = Header { schema_version: SCHEMA_VERSION, record, run: serde_json::json!({ "a": 1 }) };
        let mut journal = Journal::begin(folder.path(), header).unwrap();
        assert_eq!(follower.poll().unwrap().unwrap().phase, "begun");
        journal.write(Event::Phase("latency".to_owned())).unwrap();
        journal.write(block(0, 30)).unwrap();
        assert_eq!(follower.poll().unwrap().unwrap().queries, 30);
        // Measured again after a kill.
        journal.write(Event::Resumed).unwrap();
        journal.write(block(0, 20)).unwrap();
        journal.write(block(1, 5)).unwrap();
        journal.write(Event::Warning("busy".to_owned())).unwrap();
        let progress = follower.poll().unwrap().unwrap();
        assert_eq!((progress.queries, progress.since_phase, progress.memory[&1].current), (25, 25, 7));
        assert_eq!((progress.lines.as_slice(), progress.is_finished), (&["busy".to_owned()][..], false));
        journal.write(Event::Finished { load_after: None }).unwrap();
        assert!(follower.poll().unwrap().unwrap().is_finished);
        journal.remove().unwrap();
        assert!(follower.poll().unwrap().is_none());
    }

    #[test]
    fn a_line_in_the_making_is_read_when_it_is_whole() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let header = Header {
            schema_version: SCHEMA_VERSION,
            record: fixture::record(),
            run: serde_json::Value::Null,
        };
        drop(Journal::begin(folder.path(), header).unwrap());
        let mut follower = Follower::new(folder.path());
        let mut file = File::options().append(true).open(folder.path().join(JOURNAL)).unwrap();
        file.write_all(b"{\"unix_ns\":1,\"event\":{\"phase\":\"load").unwrap();
        assert_eq!(follower.poll().unwrap().unwrap().phase, "begun");
        file.write_all(b"\"}}\n").unwrap();
        assert_eq!(follower.poll().unwrap().unwrap().phase, "load");
    }
}
