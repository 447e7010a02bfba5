//! What is seen of a Deployment, without anything that does not decide.

use crate::model::controller::rounding::Steps;
use crate::model::controller::world::{Set, Which, World};
use crate::model::record::form::Shape;

/// A Deployment with its sets, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its UID.
    pub uid: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Whether the controller has seen this generation.
    pub current: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The run's marker, if there is one.
    pub marker: Option<String>,
    /// The fields that a form decides.
    pub shape: Shape,
    /// The stable ReplicaSet.
    pub stable: Arm,
    /// The canary's.
    pub canary: Arm,
    /// Another ReplicaSet with pods.
    pub third: Option<String>,
}

/// One of the two ReplicaSets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arm {
    /// Whether it exists.
    pub exists: bool,
    /// `spec.replicas`.
    pub size: i32,
    /// `status.replicas`.
    pub pods: i32,
    /// `status.readyReplicas`.
    pub ready: i32,
    /// `status.availableReplicas`.
    pub available: i32,
    /// Whether the controller has seen its generation; a set that does not exist is.
    pub observed: bool,
    /// Whether every pod has been Ready for the Deployment's own minReadySeconds.
    pub aged: bool,
    /// Annotation with the replicas it was sized for.
    pub desired: Option<i32>,
    /// Annotation with the most replicas it was sized for.
    pub max: Option<i32>,
    /// Whether its own minReadySeconds hold.
    pub held: bool,
}

impl Arm {
    /// Returns one that does not exist.
    #[must_use]
    pub fn none() -> Self {
        Self {
            observed: true,
            aged: true,
            ..Self::default()
        }
    }

    /// Says whether every pod that it wants is there and Ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.pods == self.size && self.ready == self.size
    }

    /// Returns the same for the model.
    #[must_use]
    pub fn set(&self) -> Set {
        Set {
            size: self.size,
            ready: self.ready,
            desired: self.desired,
            max: self.max,
            held: self.held,
        }
    }
}

impl Seen {
    /// Returns the model of what is seen.
    #[must_use]
    pub fn world(&self) -> World {
        self.parked_with(Steps::default())
    }

    /// Returns the model of what is seen, paused with the stable template and these numbers.
    #[must_use]
    pub fn parked_with(&self, steps: Steps) -> World {
        World {
            replicas: self.replicas,
            steps,
            paused: true,
            held: false,
            newest: Which::Stable,
            stable: self.stable.set(),
            canary: self.canary.set(),
            going: 0,
        }
    }
}
