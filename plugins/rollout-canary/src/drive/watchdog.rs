//! The invariants, looked at on every event.

use groundcrew::ui::Ui;

use crate::observe::Cluster;

/// Watches that Ready pods never get fewer than the replicas while this run acts.
#[derive(Debug)]
pub struct Watchdog {
    /// Whether there were as many when it began; what was broken before is not this run's doing.
    whole: bool,
    replicas: i32,
}

impl Watchdog {
    /// Starts to watch.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            whole: is_whole(cluster),
            replicas: cluster.replicas(),
        }
    }

    /// Looks, and warns once per loss.
    pub fn look(&mut self, cluster: &Cluster, ui: &Ui) {
        let whole = is_whole(cluster);
        // More replicas than before: the new ones are not there yet.
        let same = cluster.replicas() == self.replicas;
        if self.whole && !whole && same {
            ui.warning(format_args!(
                "{} of {} pods are Ready: fewer than the replicas; look at nodes and evictions",
                cluster.ready(),
                cluster.replicas()
            ));
        }
        self.whole = whole;
        self.replicas = cluster.replicas();
    }
}

fn is_whole(cluster: &Cluster) -> bool {
    i32::try_from(cluster.ready()).is_ok_and(|ready| ready >= cluster.replicas())
}
