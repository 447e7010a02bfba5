//! The pods of a Deployment as its controller sees them, and what it makes of them.

use crate::model::controller::rounding::Steps;

/// Which of the two templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The one that ran before.
    Stable,
    /// The one that is tried.
    Canary,
}

/// A ReplicaSet as the controller sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// `spec.replicas`.
    pub size: i32,
    /// Its Ready pods.
    pub ready: i32,
    /// Annotation `deployment.kubernetes.io/desired-replicas`.
    pub desired: Option<i32>,
    /// Annotation `deployment.kubernetes.io/max-replicas`.
    pub max: Option<i32>,
    /// Its minReadySeconds are so long that no pod ever counts as available.
    pub held: bool,
}

impl Set {
    /// Returns `status.availableReplicas` once the controllers have caught up.
    pub fn available(&self) -> i32 {
        if self.held { 0 } else { self.ready }
    }
}

/// A Deployment with its two ReplicaSets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// `spec.replicas`.
    pub replicas: i32,
    /// The strategy's numbers, resolved.
    pub steps: Steps,
    /// `spec.paused`.
    pub paused: bool,
    /// Whether `spec.minReadySeconds` is the one that holds.
    pub held: bool,
    /// Whose template is in `spec.template`.
    pub newest: Which,
    /// The stable ReplicaSet.
    pub stable: Set,
    /// The canary's; size 0 without annotations before it is made.
    pub canary: Set,
    /// Pods that were told to go, and may be there still while others have come.
    pub going: i32,
}

/// The extremes of everything that happened, whatever the order in which pods became Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// Most pods at a time that are not on their way out.
    ///
    /// A set is sized before its own controller acts on that, and each set is another one's work:
    /// pods that come are counted beside those that are about to be told to go. These have been
    /// told before the ones that come are Ready, which is what the next size waits for.
    pub most: i32,
    /// Most pods at a time by the sizes of the sets, which is what the strategy bounds.
    pub most_sized: i32,
    /// Fewest Ready pods at a time.
    pub fewest_ready: i32,
    /// Most canary pods at a time.
    pub most_canary: i32,
    /// Fewest Ready stable pods at a time.
    pub fewest_stable: i32,
}

/// More syncs than any rollout of the API's largest Deployment needs between two patches.
const LONGEST: usize = 100_000;

impl World {
    /// Returns a Deployment at rest: everything stable and Ready.
    #[must_use]
    pub fn at_rest(replicas: i32, own: Steps) -> Self {
        Self {
            replicas,
            steps: own,
            paused: false,
            held: false,
            newest: Which::Stable,
            stable: Set {
                size: replicas,
                ready: replicas,
                desired: Some(replicas),
                max: Some(replicas + own.surge),
                held: false,
            },
            canary: Set::default(),
            going: 0,
        }
    }

    /// Returns the extremes of a moment.
    #[must_use]
    pub fn extremes(&self) -> Extremes {
        Extremes {
            most: self.total() + self.going,
            most_sized: self.total(),
            fewest_ready: self.stable.ready + self.canary.ready,
            most_canary: self.canary.size,
            fewest_stable: self.stable.ready,
        }
    }

    /// Lets the controllers work until nothing changes any more, every pod becoming Ready as late
    /// as it can, and returns the extremes on the way.
    pub fn run(&mut self) -> Extremes {
        let mut extremes = self.extremes();
        for _ in 0..LONGEST {
            if self.sync() {
                extremes = extremes.and(self.extremes());
                continue;
            }
            self.going = 0;
            if self.stable.ready == self.stable.size && self.canary.ready == self.canary.size {
                break;
            }
            self.stable.ready = self.stable.size;
            self.canary.ready = self.canary.size;
        }
        extremes
    }

    /// Does one sync of the controller (`syncDeployment`), and says whether it changed anything.
    fn sync(&mut self) -> bool {
        let before = *self;
        // `SetNewReplicaSetAnnotations`' sibling: only the newest set takes over minReadySeconds.
        let held = self.held;
        self.set_mut(self.newest).held = held;
        if self.paused || self.is_scaling_event() {
            self.scale();
        } else {
            self.roll();
        }
        *self != before
    }

    /// `isScalingEvent`: a set with pods was sized for another number of replicas.
    fn is_scaling_event(&self) -> bool {
        [self.stable, self.canary]
            .iter()
            .filter(|set| set.size > 0)
            .any(|set| set.desired.is_some_and(|desired| desired != self.replicas))
    }

    pub fn total(&self) -> i32 {
        self.stable.size + self.canary.size
    }

    pub fn set(&self, which: Which) -> &Set {
        match which {
            Which::Stable => &self.stable,
            Which::Canary => &self.canary,
        }
    }

    fn set_mut(&mut self, which: Which) -> &mut Set {
        match which {
            Which::Stable => &mut self.stable,
            Which::Canary => &mut self.canary,
        }
    }

    /// `scaleReplicaSet`: the size, and the annotations that go with it.
    pub fn resize(&mut self, which: Which, size: i32) {
        let (desired, max) = (self.replicas, self.replicas + self.steps.surge);
        self.going += (self.set(which).size - size).max(0);
        let set = self.set_mut(which);
        set.size = size;
        set.ready = set.ready.min(size);
        set.desired = Some(desired);
        set.max = Some(max);
    }
}

impl Which {
    /// Returns the other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Stable => Self::Canary,
            Self::Canary => Self::Stable,
        }
    }
}

impl Extremes {
    /// Returns the extremes of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            most: self.most.max(other.most),
            most_sized: self.most_sized.max(other.most_sized),
            fewest_ready: self.fewest_ready.min(other.fewest_ready),
            most_canary: self.most_canary.max(other.most_canary),
            fewest_stable: self.fewest_stable.min(other.fewest_stable),
        }
    }
}
