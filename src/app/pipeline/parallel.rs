//! Pieces of work side by side, heard of in one thread.

use std::{
    collections::VecDeque,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use super::events::{EventLog, PipelineEvent, Work};
use crate::app::event::{Event, Observer};

/// Does `work` with each task, so many at once, and returns what comes of them in their order. What the work has to
/// say goes to `observer`, which is called from this thread alone.
pub(super) fn side_by_side<T: Sync, R: Send>(
    jobs: usize,
    tasks: &[T],
    observer: &mut dyn Observer,
    work: impl Fn(&T, &mpsc::Sender<String>) -> R + Sync,
) -> Vec<R> {
    let queue = Mutex::new((0..tasks.len()).collect::<VecDeque<_>>());
    let next = || queue.lock().ok()?.pop_front();
    let (lines, heard) = mpsc::channel();
    let (next, work) = (&next, &work);
    std::thread::scope(|scope| {
        let worker = |lines: mpsc::Sender<String>| {
            move || {
                let mut done = Vec::new();
                while let Some(index) = next() {
                    done.push((index, work(&tasks[index], &lines)));
                }
                done
            }
        };
        let threads: Vec<_> =
            (0..jobs.clamp(1, tasks.len().max(1))).map(|_| scope.spawn(worker(lines.clone()))).collect();
        drop(lines);
        heard.iter().for_each(|line| observer.on_event(&Event::Said { line: &line }));
        let mut done: Vec<(usize, R)> = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(of) => done.extend(of),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, result)| result).collect()
    })
}

/// Writes how far a piece of work has come into the events, now and then.
pub(super) struct Watch<'a> {
    log: &'a EventLog,
    work: Work,
    told: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Nothing between two lines is shorter than this.
    const PAUSE: Duration = Duration::from_millis(500);

    pub(super) fn new(log: &'a EventLog, work: Work) -> Self {
        Self { log, work, told: None }
    }
}

impl Observer for Watch<'_> {
    fn on_event(&mut self, event: &Event<'_>) {
        let Event::At { task, done, total } = *event else { return };
        if self.told.is_none_or(|told| told.elapsed() >= Self::PAUSE) {
            self.told = Some(Instant::now());
            let (work, step) = (self.work.clone(), task.to_owned());
            self.log.write(PipelineEvent::At { work, step, done, total });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::event::Silent;

    #[test]
    fn results_come_in_the_order_of_the_tasks() {
        for jobs in [0, 1, 3, 100] {
            let tasks: Vec<u64> = (0..20).collect();
            let doubled = side_by_side(jobs, &tasks, &mut Silent, |task, _| {
                std::thread::sleep(Duration::from_millis(20 - task));
                task * 2
            });
            assert_eq!(doubled, (0..20).map(|task| task * 2).collect::<Vec<_>>());
        }
        assert!(side_by_side(2, &[(); 0], &mut Silent, |(), _| ()).is_empty());
    }

    #[test]
    fn what_is_said_is_heard() {
        struct Heard(Vec<String>);
        impl Observer for Heard {
            fn on_event(&mut self, event: &Event<'_>) {
                if let Event::Said { line } = event {
                    self.0.push((*line).to_owned());
                }
            }
        }
        let mut heard = Heard(Vec::new());
        side_by_side(2, &[1, 2, 3], &mut heard, |task, lines| {
            lines.send(task.to_string()).unwrap();
        });
        heard.0.sort();
        assert_eq!(heard.0, ["1", "2", "3"]);
    }
}
