//! A rolling update: `rolloutRolling` of `rolling.go`.

use crate::model::controller::world::{Which, World};

impl World {
    /// Scales the new set up if it can, else the old one down.
    pub fn roll(&mut self) {
        if !self.scale_new_up() {
            self.scale_old_down();
        }
    }

    /// `reconcileNewReplicaSet` with `NewRSNewReplicas`.
    fn scale_new_up(&mut self) -> bool {
        let newest = self.newest;
        let size = self.set(newest).size;
        let wanted = if size >= self.replicas {
            self.replicas
        } else {
            let most = self.replicas + self.steps.surge;
            let room = (most - self.total()).max(0);
            size + room.min(self.replicas - size)
        };
        if wanted == size {
            return false;
        }
        self.resize(newest, wanted);
        true
    }

    /// `reconcileOldReplicaSets`: what is unhealthy first (`cleanupUnhealthyReplicas`), then what
    /// the available pods allow (`scaleDownOldReplicaSetsForRollingUpdate`).
    fn scale_old_down(&mut self) {
        let old = self.newest.other();
        if self.set(old).size == 0 {
            return;
        }
        let least = self.replicas - self.steps.unavailable;
        let newest = self.set(self.newest);
        let unavailable = newest.size - newest.available();
        let allowed = self.total() - least - unavailable;
        if allowed <= 0 {
            return;
        }
        let set = *self.set(old);
        let unhealthy = allowed.min(set.size - set.available());
        if unhealthy > 0 {
            // A ReplicaSet takes unready pods first; held ones are Ready, so Ready ones may go.
            self.resize(old, set.size - unhealthy);
        }
        let available = self.stable.available() + self.canary.available();
        if available > least {
            let size = self.set(old).size;
            let down = size.min(available - least);
            if down > 0 {
                self.resize(old, size - down);
            }
        }
    }
}

impl Which {
    /// Returns both, itself first.
    pub fn and_other(self) -> [Self; 2] {
        [self, self.other()]
    }
}
