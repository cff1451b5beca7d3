//! What every connection's thread looks at.

use std::{
    net::TcpStream,
    sync::{Mutex, atomic::AtomicBool},
};

use super::{
    ask::Ask,
    fault::{Fault, What},
    state::State,
};

type Twist = dyn Fn(&Ask, &mut TcpStream) -> bool + Send + Sync;

/// How a Hub behaves that is in order.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether large files are answered with a redirect to the other host, as by the real Hub.
    pub redirects: bool,
    /// Large files are sent in parts of so many bytes; whole where there is none.
    pub part_bytes: Option<usize>,
    /// Answers go out in pieces of so many bytes, one each millisecond; at once where there is none.
    pub pace: Option<usize>,
    /// Listings are told in pages of so many files.
    pub page: Option<usize>,
    /// It takes nothing, as a mirror does.
    pub read_only: bool,
    /// Larger bodies are answered with 413 by their headers alone, as by a proxy.
    pub refuses_bodies_over: Option<usize>,
}

/// What every connection's thread looks at.
pub(crate) struct Shared {
    pub(crate) endpoint: String,
    pub(crate) state: Mutex<State>,
    pub(crate) options: Options,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) twist: Box<Twist>,
    pub(crate) over: AtomicBool,
}

impl Shared {
    /// What goes wrong with this request, counted.
    pub(crate) fn fault(&self, ask: &Ask) -> Option<What> {
        let mut faults = self.faults.lock().unwrap();
        let fault = faults.iter_mut().find(|fault| fault.strikes(&ask.method, &ask.path))?;
        fault.times -= 1;
        Some(fault.what.clone())
    }

    /// The host of large files.
    pub(crate) fn elsewhere(&self) -> String {
        self.endpoint.replace("127.0.0.1", "localhost")
    }
}
