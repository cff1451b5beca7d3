//! What happens while a run goes on, for whoever watches. The runner prints nothing itself.

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Work of so many steps begins.
    Started {
        /// What it is, such as `latency`.
        task: &'a str,
        /// Steps, 0 when unknown.
        steps: u64,
    },
    /// Steps were done.
    Advanced {
        /// How many.
        steps: u64,
    },
    /// The work is done.
    Finished,
    /// An arm failed; the others go on.
    Failed {
        /// The arm.
        arm: &'a str,
        /// What happened.
        message: &'a str,
    },
    /// Something worth a line.
    Note {
        /// The line.
        text: &'a str,
    },
}

/// Someone who watches a run.
pub trait Observer {
    /// Called in order, from one thread.
    fn on_event(&mut self, event: &Event<'_>);
}

/// Watches nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _: &Event<'_>) {}
}
