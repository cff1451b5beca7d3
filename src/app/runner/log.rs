//! Where the runner tells what happens: the journal keeps it, the observer sees it.

use gatecheck_backend::Phase;
use gatecheck_base::fs::FileError;
use gatecheck_judge::journal::{Event as Entry, Journal};

use crate::app::event::{Event, Observer};

/// Why measuring ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The user wants it.
    ByUser,
    /// What is measured cannot be kept.
    Failed(FileError),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Self {
        Self::Failed(error)
    }
}

pub(super) struct Log<'a> {
    pub(super) journal: &'a mut Journal,
    pub(super) observer: &'a mut dyn Observer,
}

impl Log<'_> {
    pub(super) fn keep(&mut self, entry: Entry) -> Result<(), Stop> {
        Ok(self.journal.write(entry)?)
    }

    pub(super) fn started(&mut self, phase: Phase, steps: usize) -> Result<(), Stop> {
        self.observer.on_event(&Event::Started { task: phase.name(), steps: steps as u64 });
        self.keep(Entry::Phase(phase.name().to_owned()))
    }

    pub(super) fn advanced(&mut self, steps: usize) {
        self.observer.on_event(&Event::Advanced { steps: steps as u64 });
    }

    pub(super) fn finished(&mut self) {
        self.observer.on_event(&Event::Finished);
    }
}
