//! What a failed case says: where it failed and why, and which file has the server's log.

use std::any::Any;
use std::cell::RefCell;
use std::panic;

thread_local! {
    /// What the case that runs on this thread said as it failed; `None` while no case runs here.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the words of a failing case for the end of the run, when they can be read in one piece;
/// panics of other threads are told at once, as ever.
pub(crate) fn keep_words() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let kept = SAID.with_borrow_mut(|said| {
            let Some(said) = said else { return false };
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            *said = format!("{place}\n{}", text(info.payload()));
            true
        });
        if !kept {
            others(info);
        }
    }));
}

/// Says that a case begins on this thread.
pub(crate) fn begin() {
    SAID.set(Some(String::new()));
}

/// Returns what the case on this thread said, with the words of a panic that was carried here from
/// another thread.
pub(crate) fn end(panic: &(dyn Any + Send)) -> String {
    let said = SAID.take().unwrap_or_default();
    if said.is_empty() { text(panic) } else { said }
}

fn text(payload: &(dyn Any + Send)) -> String {
    let owned = || payload.downcast_ref::<String>().cloned();
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(owned)
        .unwrap_or_else(|| "it panicked without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_its_place_and_its_words() {
        keep_words();
        begin();
        let panic = panic::catch_unwind(|| assert_eq!(1 + 1, 3, "sums")).unwrap_err();
        let said = end(&*panic);
        assert!(said.contains("failure.rs:"), "{said}");
        assert!(said.contains("sums") && said.contains("left: 2"), "{said}");
        assert!(!said.contains("backtrace"), "{said}");
    }
}
