//! Proportional scaling, which is all that a paused Deployment does: `scale` of `sync.go`.

use crate::model::controller::world::{Which, World};

impl World {
    /// Scales as the controller scales a paused Deployment, or one whose replicas were changed.
    pub fn scale(&mut self) {
        if let Some(only) = self.active_or_latest() {
            if self.set(only).size != self.replicas {
                self.resize(only, self.replicas);
            }
            return;
        }
        if self.is_saturated() {
            self.resize(self.newest.other(), 0);
            return;
        }
        self.scale_proportionally();
    }

    /// `FindActiveOrLatest`: the only set with pods, or the newest when there is none.
    fn active_or_latest(&self) -> Option<Which> {
        match (self.stable.size > 0, self.canary.size > 0) {
            (true, true) => None,
            (true, false) => Some(Which::Stable),
            (false, true) => Some(Which::Canary),
            (false, false) => Some(self.newest),
        }
    }

    /// `IsSaturated`, of the newest set.
    fn is_saturated(&self) -> bool {
        let newest = self.set(self.newest);
        newest.size == self.replicas
            && newest.desired == Some(self.replicas)
            && newest.available() == self.replicas
    }

    fn scale_proportionally(&mut self) {
        let allowed = if self.replicas > 0 {
            self.replicas + self.steps.surge
        } else {
            0
        };
        let missing = allowed - self.total();
        let order = self.largest_first(missing > 0);
        let mut sizes = [0; 2];
        let mut added = 0;
        for (size, which) in sizes.iter_mut().zip(order) {
            let share = self.proportion(which, missing, added);
            *size = self.set(which).size + share;
            added += share;
        }
        if missing != 0 {
            sizes[0] = (sizes[0] + missing - added).max(0);
        }
        let most = self.replicas + self.steps.surge;
        for (size, which) in sizes.into_iter().zip(order) {
            let set = self.set(which);
            let noted = set.desired == Some(self.replicas) && set.max == Some(most);
            if set.size != size || !noted {
                self.resize(which, size);
            }
        }
    }

    /// `ReplicaSetsBySizeNewer` when growing, `ReplicaSetsBySizeOlder` when shrinking.
    ///
    /// Older and newer are by creation: the canary is the newer one unless it is an old revision
    /// taken up again, and then sizes are never equal at rest, where canary < stable.
    fn largest_first(&self, growing: bool) -> [Which; 2] {
        match self.stable.size.cmp(&self.canary.size) {
            std::cmp::Ordering::Less => Which::Canary.and_other(),
            std::cmp::Ordering::Equal if growing => Which::Canary.and_other(),
            std::cmp::Ordering::Greater | std::cmp::Ordering::Equal => Which::Stable.and_other(),
        }
    }

    /// `GetReplicaSetProportion`.
    fn proportion(&self, which: Which, missing: i32, added: i32) -> i32 {
        if self.set(which).size == 0 || missing == 0 || missing == added {
            return 0;
        }
        let fraction = self.fraction(which);
        let allowed = missing - added;
        if missing > 0 {
            fraction.min(allowed)
        } else {
            fraction.max(allowed)
        }
    }

    /// `getReplicaSetFraction`.
    fn fraction(&self, which: Which) -> i32 {
        let set = self.set(which);
        if self.replicas == 0 {
            return -set.size;
        }
        let most = f64::from(self.replicas + self.steps.surge);
        // Without the annotation it is `status.replicas`, which at rest is the total.
        let before = match set.max {
            Some(max) if max != 0 => max,
            _ => self.total(),
        };
        if before == 0 {
            return 0;
        }
        let size = f64::from(set.size) * most / f64::from(before);
        round(size) - set.size
    }
}

/// `integer.RoundToInt32`: half away from zero.
fn round(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "sizes of ReplicaSets are 32 bits wide, and this is what the controller does"
    )]
    let rounded = value.round() as i32;
    rounded
}
