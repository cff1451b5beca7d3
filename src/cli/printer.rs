//! Results to standard output, everything else to standard error. Names of files, tensors, models and datasets are
//! others' words: none of them steers the terminal.

use std::io::{ErrorKind, IsTerminal, Write};

use gatecheck_base::text::visible;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CliError;
use crate::app::event::{Event, Observer};

/// Decides what is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) quiet: bool,
}

impl Printer {
    /// A result. A reader that has seen enough (`| head`) is no error.
    pub(crate) fn result(self, text: &str) -> Result<(), CliError> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(visible(text).as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(CliError::failed(format!("failed to write to standard output: {error}"), None))
            }
            _ => Ok(()),
        }
    }

    /// A line about what is going on.
    pub(crate) fn status(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", visible(text));
        }
    }

    /// A line about what went wrong, shown even when quiet.
    pub(crate) fn error(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", visible(text));
    }

    /// Progress bars on a terminal, silence elsewhere.
    pub(crate) fn progress(self) -> Progress {
        let shown = !self.quiet && std::io::stderr().is_terminal();
        Progress { printer: self, shown, bar: None }
    }
}

/// Shows a run as it goes.
#[derive(Debug)]
pub(crate) struct Progress {
    printer: Printer,
    shown: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    fn start(&mut self, task: &str, steps: u64) {
        if self.shown {
            let style = ProgressStyle::with_template("{msg:24} [{bar:32}] {pos}/{len} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(5));
            self.bar = Some(bar.with_style(style).with_message(visible(task).into_owned()));
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Shows how far a piece of work has come, in its own unit.
    fn at(&mut self, task: &str, done: u64, total: u64) {
        if self.bar.as_ref().is_none_or(|bar| bar.message() != visible(task)) {
            self.finish();
            self.start(task, total);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// Clears the bar.
    pub(crate) fn done(&mut self) {
        self.finish();
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.status(text)),
            None => self.printer.status(text),
        }
    }
}

impl Observer for Progress {
    fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { task, steps } => {
                self.finish();
                self.start(task, *steps);
            }
            Event::Advanced { steps } => {
                if let Some(bar) = &self.bar {
                    bar.inc(*steps);
                }
            }
            Event::Finished => self.finish(),
            Event::Failed { arm, message } => {
                self.line(&format!("arm `{arm}` failed: {}", gatecheck_judge::report::view::plain(message)));
            }
            Event::Said { line } => self.line(line),
            Event::At { task, done, total } => self.at(task, *done, *total),
        }
    }
}
