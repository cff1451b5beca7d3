//! Calls into libraries that panic where they should fail, as parsers do on damaged files.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
    thread,
};

thread_local! {
    /// Whether this thread is inside [`call`].
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Threads that only ever run a library's own code; what panics there panics again in the thread that waits for it.
const POOLS: [&str; 2] = ["polars-", "async-executor-"];

/// Runs `work`; its panic becomes the text of an error and prints nothing. Panics outside of such calls, our own
/// mistakes, are printed as ever.
///
/// Nothing that `work` changed may be used after an error.
pub fn call<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    keep_quiet_inside();
    let outer = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        format!("the reader gave up: {text}")
    })
}

/// Teaches the hook that prints panics to leave out those that [`call`] will catch.
fn keep_quiet_inside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            let current = thread::current();
            let is_pool =
                || current.name().is_some_and(|name| POOLS.iter().any(|pool| name.starts_with(pool)));
            if !INSIDE.get() && !is_pool() {
                print(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_errors() {
        assert_eq!(call(|| 1), Ok(1));
        assert_eq!(call(|| panic!("plain")), Err::<(), _>("the reader gave up: plain".into()));
        let number = 7;
        assert_eq!(call(|| panic!("no {number}")), Err::<(), _>("the reader gave up: no 7".into()));
        assert!(!INSIDE.get());
    }

    #[test]
    fn a_call_in_a_call_leaves_the_outer_one_quiet() {
        let outcome = call(|| {
            assert!(call(|| panic!("inner")).is_err_and(|text: String| text.contains("inner")));
            INSIDE.get()
        });
        assert_eq!(outcome, Ok(true));
    }
}
