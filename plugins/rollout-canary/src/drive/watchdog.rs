//! The promises, looked at on every event.

use groundcrew::ui::Ui;

use crate::model::machine::promise::{Broken, broken};
use crate::model::machine::seen::Seen;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;

/// Watches that what was promised holds while this run acts.
#[derive(Debug, Default)]
pub struct Watchdog {
    /// What was not so at the last look; what was broken before is not this run's doing.
    known: Option<Vec<Broken>>,
    /// For how many replicas that was, and in which form of the Deployment: what the watch has not
    /// told of yet is no news about another one.
    under: (i32, Option<String>),
}

impl Watchdog {
    /// Looks, and warns once per loss.
    pub fn look(&mut self, cluster: &Snapshot, record: &Record, seen: &Seen, ui: &Ui) {
        for one in self.news(broken(record, seen, &cluster.counted(record)), seen) {
            ui.warning(one);
        }
    }

    /// Returns what was so at the last look and is not any more.
    fn news(&mut self, found: Vec<Broken>, seen: &Seen) -> Vec<Broken> {
        let under = (seen.replicas, seen.marker.clone());
        let same_replicas = under.0 == self.under.0;
        let same_form = under == self.under;
        let is_news = |one: &Broken| {
            let known = self.known.as_ref();
            let held = known.is_some_and(|known| !known.iter().any(|known| known.is_like(one)));
            let same = match one {
                // This one is the same in every form.
                Broken::Ready { .. } => same_replicas,
                _ => same_form,
            };
            held && same
        };
        let news = found.iter().copied().filter(is_news).collect();
        (self.known, self.under) = (Some(found), under);
        news
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::model::machine::seen::Arm;
    use crate::model::record::form::Shape;

    use super::*;

    fn seen(replicas: i32, marker: &str) -> Seen {
        Seen {
            uid: String::new(),
            replicas,
            current: true,
            deleting: false,
            marker: Some(marker.to_owned()),
            shape: Shape {
                template: None,
                min_ready: 0,
                deadline: None,
                paused: false,
                strategy: Value::Null,
            },
            stable: Arm::none(),
            canary: Arm::none(),
            third: None,
        }
    }

    fn ready(ready: i32) -> Broken {
        Broken::Ready {
            ready,
            replicas: 10,
        }
    }

    #[test]
    fn a_loss_is_told_once_and_again_after_it_was_made_good() {
        let mut dog = Watchdog::default();
        let at = seen(10, "a");
        assert_eq!(dog.news(vec![ready(9)], &at), [], "it was so before");
        assert_eq!(dog.news(vec![], &at), []);
        assert_eq!(dog.news(vec![ready(9)], &at), [ready(9)]);
        assert_eq!(dog.news(vec![ready(8)], &at), []);
        assert_eq!(dog.news(vec![], &at), []);
        assert_eq!(dog.news(vec![ready(9)], &at), [ready(9)]);
    }

    #[test]
    fn another_form_or_other_replicas_are_looked_at_anew() {
        let mut dog = Watchdog::default();
        dog.news(vec![], &seen(10, "a"));
        assert_eq!(dog.news(vec![ready(9)], &seen(12, "a")), []);
        let mut dog = Watchdog::default();
        dog.news(vec![], &seen(10, "a"));
        let more = Broken::Pods { pods: 14, most: 13 };
        assert_eq!(dog.news(vec![ready(9), more], &seen(10, "b")), [ready(9)]);
    }
}
