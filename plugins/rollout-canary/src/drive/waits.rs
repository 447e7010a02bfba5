//! For how long what may pass by itself has been so.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long something has been so: since it was seen first. The difference of two machines'
/// clocks is not believed.
#[derive(Debug, Default)]
pub struct Waits {
    seen: BTreeMap<String, (Instant, bool)>,
}

impl Waits {
    /// Begins a look: what is not asked for in it is forgotten at its end.
    pub fn begin(&mut self) {
        for (_, asked) in self.seen.values_mut() {
            *asked = false;
        }
    }

    /// Returns since when something is so.
    pub fn waited(&mut self, what: String) -> Duration {
        let (since, asked) = self.seen.entry(what).or_insert((Instant::now(), true));
        *asked = true;
        since.elapsed()
    }

    /// Ends a look.
    pub fn end(&mut self) {
        self.seen.retain(|_, (_, asked)| *asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_counted_from_its_first_look_and_begins_anew_after_a_look_without_it() {
        let mut waits = Waits::default();
        let look = |waits: &mut Waits, asks: bool| {
            waits.begin();
            let waited = asks.then(|| waits.waited("a".to_owned()));
            waits.end();
            waited
        };
        assert!(look(&mut waits, true).is_some());
        std::thread::sleep(Duration::from_millis(30));
        let long = Some(Duration::from_millis(30));
        assert!(look(&mut waits, true) >= long);
        look(&mut waits, false);
        assert!(look(&mut waits, true) < long);
    }
}
