//! What is to go wrong.

use std::str::FromStr;

/// Something that goes wrong with some requests.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The method, such as `PUT`.
    pub method: String,
    /// A part of the path.
    pub path: String,
    /// What happens.
    pub what: What,
    /// How often.
    pub times: usize,
}

/// A way to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// This status instead of the answer, with these seconds in `Retry-After`. Nothing is done.
    Status(u16, Option<u64>),
    /// The connection ends in the middle of the request's body. Nothing is done.
    CutRequest,
    /// The request is carried out, and the connection ends in the middle of the answer.
    CutAnswer,
    /// The request is carried out, and the connection ends without an answer.
    NoAnswer,
    /// Nothing is read and nothing answered, until the client goes.
    Stall,
}

impl Fault {
    /// So many times.
    pub fn new(method: &str, path: &str, what: What, times: usize) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), what, times }
    }

    pub(crate) fn strikes(&self, method: &str, path: &str) -> bool {
        self.times > 0 && self.method == method && path.contains(&self.path)
    }
}

/// `METHOD PATH WHAT TIMES`, where `WHAT` is a status, `429;2` with `Retry-After`, `cut-request`, `cut-answer`,
/// `no-answer` or `stall`.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<_> = text.split(' ').collect();
        let [method, path, what, times] = words[..] else { return Err(format!("no fault: `{text}`")) };
        let what = match what {
            "cut-request" => What::CutRequest,
            "cut-answer" => What::CutAnswer,
            "no-answer" => What::NoAnswer,
            "stall" => What::Stall,
            status => {
                let (status, after) = status.split_once(';').unwrap_or((status, ""));
                What::Status(status.parse().map_err(|_| format!("no fault: `{text}`"))?, after.parse().ok())
            }
        };
        let times = times.parse().map_err(|_| format!("no number of times: `{text}`"))?;
        Ok(Self::new(method, path, what, times))
    }
}
