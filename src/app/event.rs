//! What happens while the application is at work, for whoever watches. It prints nothing itself.

/// One step of the work.
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
    /// Something that is worth a line.
    Said {
        /// The line.
        line: &'a str,
    },
    /// So much of a piece of work is done, such as a download. Ends with the next event of another kind or
    /// task.
    At {
        /// What it is.
        task: &'a str,
        /// How much is done, in its own unit.
        done: u64,
        /// How much there is, 0 when unknown.
        total: u64,
    },
}

/// Someone who watches.
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
