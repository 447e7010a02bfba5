//! What a run does, step by step. The driver tells each step once it is done; a dry run tells the
//! same steps, in the same words, without doing them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use groundcrew::flags::duration::Span;

use crate::model::machine::next::End;
use crate::model::record::form::{Form, Purpose};
use crate::model::record::{Record, Rollout};
use crate::model::traffic::route::RouteRef;
use crate::model::traffic::{Shared, share};
use crate::model::weight::Weight;
use groundcrew::plural::count;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The Deployment is brought into a form.
    Form(Form),
    /// A route gives the canary a share of its requests.
    Given {
        /// The route.
        route: RouteRef,
        /// The canary's whole share of the requests.
        whole: Weight,
        /// What its pods have of them by their number.
        by_pods: Weight,
        /// The Service that the rest goes by.
        service: String,
        /// The user's Service, beside which it is.
        beside: String,
    },
    /// A route is as it was before it gave a share.
    Restored(RouteRef),
    /// A route that gave a share is gone.
    Gone(RouteRef),
    /// No route can give a share: why.
    NoRoute(String),
    /// No route has to give a share, because the pods have it by their number.
    Enough {
        /// What the pods have.
        by_pods: Weight,
        /// What was asked for.
        asked: Weight,
    },
    /// A weight that was reached, or a promotion, is watched.
    Watched {
        /// Which, in words.
        what: String,
        /// For how long.
        time: Duration,
    },
}

impl Step {
    /// Returns the step in which a route gave the canary its share.
    #[must_use]
    pub fn given(shared: &Shared, route: &RouteRef) -> Self {
        Self::Given {
            route: route.clone(),
            whole: shared.whole(),
            by_pods: shared.by_pods(),
            service: shared.target.extra.clone(),
            beside: shared.target.service.clone(),
        }
    }

    /// Returns what is done, in a few words.
    #[must_use]
    pub fn what(&self) -> Cow<'static, str> {
        match self {
            Self::Form(form) => match form.purpose {
                Purpose::Ramp => "canary pods requested",
                Purpose::Settle => "stable pods replaced",
                Purpose::Widen => "stable pods added",
                Purpose::Park => "rollout parked",
                Purpose::Promote => "promotion started",
                Purpose::Revert => "rollback started",
                Purpose::Final => "deployment restored",
            }
            .into(),
            Self::Given { route, .. } | Self::Restored(route) | Self::Gone(route) => {
                route.to_string().into()
            }
            Self::NoRoute(_) => "share by the number of pods".into(),
            Self::Enough { .. } => "no route has to change".into(),
            Self::Watched { what, .. } => what.clone().into(),
        }
    }

    /// Returns what comes of it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Form(form) => detail(form),
            Self::Given {
                whole,
                by_pods,
                service,
                ..
            } => format!(
                "{whole} of its requests to the canary: {by_pods} by its pods, the rest by \
                 service/{service}"
            ),
            Self::Restored(_) => "restored".to_owned(),
            Self::Gone(_) => "no longer exists".to_owned(),
            Self::NoRoute(why) => why.clone(),
            Self::Enough { by_pods, asked } if share::is_more(*by_pods, *asked) => {
                format!(
                    "{by_pods} by the number of pods, more than {asked}: a route can add to that, \
                     but not take away"
                )
            }
            Self::Enough { by_pods, .. } => format!("{by_pods} by the number of pods"),
            Self::Watched { time, .. } => format!("watching for {}", Span(*time)),
        }
    }
}

fn detail(form: &Form) -> String {
    let Form { stable, canary, .. } = form;
    let both = format!(
        "{} and {}",
        count(*stable, "stable pod"),
        count(*canary, "canary pod")
    );
    match form.purpose {
        Purpose::Ramp => format!(
            "{} beside {}",
            count(*canary, "canary pod"),
            count(*stable, "stable pod")
        ),
        Purpose::Settle | Purpose::Widen => both,
        Purpose::Park => format!("{both}; the template is the stable one"),
        Purpose::Promote => count(*canary, "canary pod"),
        Purpose::Revert => count(*stable, "stable pod"),
        Purpose::Final => "with its own strategy".to_owned(),
    }
}

/// How a weight that was reached is watched.
#[derive(Clone, Debug)]
pub enum Watch {
    /// As a step of a rollout.
    Step(Rollout),
    /// By itself: it was started without steps, and holds only while it is driven.
    Alone,
}

/// How long a canary without steps is watched before it is only held.
const ALONE: Duration = Duration::from_secs(600);

impl Watch {
    /// Returns how what was reached is watched; `None` when the run ends there.
    #[must_use]
    pub fn of(record: &Record, is_driven: bool) -> Option<Self> {
        let step = record.rollout.clone().map(Self::Step);
        step.or_else(|| is_driven.then_some(Self::Alone))
    }

    /// Returns how long; `None` for what is over.
    #[must_use]
    pub fn time(&self, end: End) -> Option<Duration> {
        match (self, end) {
            (_, End::Aborted) => None,
            (Self::Step(rollout), End::Promoted) => Some(Duration::from_secs(rollout.bake)),
            (Self::Step(rollout), End::Parked | End::Held) => {
                Some(Duration::from_secs(rollout.soak))
            }
            (Self::Alone, End::Promoted) => Some(Duration::ZERO),
            (Self::Alone, End::Parked | End::Held) => Some(ALONE),
        }
    }

    /// Returns the step of watching what was reached.
    #[must_use]
    pub fn step(&self, end: End, time: Duration) -> Step {
        let what = match end {
            End::Promoted => "promoted".to_owned(),
            End::Parked | End::Held | End::Aborted => self.to_string(),
        };
        Step::Watched { what, time }
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(rollout) => {
                write!(f, "step {} of {}", rollout.at + 1, rollout.steps.count())
            }
            Self::Alone => f.write_str("step 1 of 1"),
        }
    }
}
