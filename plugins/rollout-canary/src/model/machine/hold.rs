//! The way to a weight: ramp, settle or widen, park.

use crate::model::conflict::Conflict;
use crate::model::controller::rounding::Steps;
use crate::model::machine::gate::gate;
use crate::model::machine::native;
use crate::model::machine::next::{End, Next, Waiting};
use crate::model::machine::place::Place;
use crate::model::machine::seen::Seen;
use crate::model::machine::split::{Split, choose, nearest, parked, widened};
use crate::model::record::form::{Form, Purpose, Strategy, Template};
use crate::model::record::{Layout, Record};
use crate::model::weight::Weight;

/// Decides what brings the canary to a weight.
pub fn next(record: &Record, seen: &Seen, at: Place, weight: Weight) -> Next {
    let replicas = seen.replicas;
    if replicas == 0 {
        // With the canary's template in place all that comes back would be the canary, before it was
        // ever judged: the stable one is put back at once, while there is no pod to lose.
        return match at {
            Some(form) if form.held => Next::Write(native::revert(record, seen)),
            _ => Next::Stop(Conflict::ScaledToZero),
        };
    }
    let own = record.own_steps(replicas);
    let Some(target) = choose(replicas, own, record.budget, record.layout, weight)
        .or_else(|| choose(replicas, own, record.budget, Layout::Auto, weight))
    else {
        return Next::Stop(Conflict::ScaledToZero);
    };
    let way = Way {
        record,
        seen,
        target,
        weight,
    };
    match at {
        None => way.first(),
        // A hold gives the canary no more than this by itself: it was scaled, and back again.
        Some(form) if form.held && seen.canary.size > form.canary => {
            native::take_back(record, seen)
        }
        Some(form) => match form.purpose {
            Purpose::Ramp => way.ramped(form),
            Purpose::Settle => way.settled(form),
            Purpose::Widen => way.widened(form),
            Purpose::Park => way.parked(form),
            Purpose::Revert => way.reverted(),
            // A promotion is not taken back to a weight; commands refuse it before.
            Purpose::Promote | Purpose::Final => Next::Wait(Waiting::Controller),
        },
    }
}

struct Way<'a> {
    record: &'a Record,
    seen: &'a Seen,
    target: Split,
    weight: Weight,
}

impl Way<'_> {
    fn first(&self) -> Next {
        match gate(self.seen) {
            Err(waiting) => Next::Wait(waiting),
            Ok(()) => self.ramp_on(),
        }
    }

    /// Ramps: the canaries that are missing, as many as the budget allows at a time.
    fn ramp_on(&self) -> Next {
        let (replicas, budget) = (self.seen.replicas, self.record.budget);
        let (stable, canary) = (self.seen.stable.size, self.seen.canary.size);
        if canary > self.target.canary || stable + self.target.canary < replicas {
            return Next::Write(native::revert(self.record, self.seen));
        }
        if stable > replicas && canary < self.target.canary {
            // From a surge at rest: first the stable pods above the replicas go, then canaries
            // come. In one patch a new pod could stand beside one that is about to go.
            return Next::Write(self.form(Purpose::Ramp, replicas, canary, 0, canary));
        }
        let base = stable.min(replicas);
        let more = self.target.canary.min(replicas + budget.max(1) - base);
        if more <= canary && canary < self.target.canary {
            return self.settle();
        }
        Next::Write(self.form(
            Purpose::Ramp,
            base,
            more,
            replicas - base,
            base + more - replicas,
        ))
    }

    fn ramped(&self, form: Form) -> Next {
        if let Err(next) = self.arrived(form) {
            return next;
        }
        if !self.seen.canary.aged {
            return Next::Wait(Waiting::Age);
        }
        if !self.target.parks && form.canary == self.target.canary {
            return Next::Done(End::Held);
        }
        let room = self.seen.replicas + self.record.budget - form.stable;
        if form.canary < self.target.canary && room > form.canary {
            return self.ramp_on();
        }
        self.widen().unwrap_or_else(|| self.settle())
    }

    /// Adds the stable pods above the replicas while the canaries are still beside all stable ones.
    fn widen(&self) -> Option<Next> {
        let is_whole = self.seen.stable.size >= self.seen.replicas;
        let is_made = self.seen.canary.size == self.target.canary;
        if !(self.target.surge > 0 && is_whole && is_made) {
            return None;
        }
        let splits = widened(self.seen.world(), self.record.budget);
        let split = nearest(splits, self.weight)?;
        let form = self.form(Purpose::Widen, split.stable, split.canary, 0, split.surge);
        Some(Next::Write(Form {
            paused: true,
            ..form
        }))
    }

    /// The stable pods above the replicas need not be Ready yet: parking neither adds nor removes
    /// any.
    fn widened(&self, form: Form) -> Next {
        let (stable, canary) = (&self.seen.stable, &self.seen.canary);
        if form.replicas != self.seen.replicas {
            return self
                .arrived(form)
                .map_or_else(|next| next, |()| self.ramp_on());
        }
        if !self.seen.current || !stable.observed || !canary.observed {
            return Next::Wait(Waiting::Controller);
        }
        if (stable.size, canary.size) != (form.stable, form.canary) {
            return Next::Wait(Waiting::Sizes);
        }
        if canary.size != self.target.canary || self.target.surge == 0 {
            // The goal changed meanwhile.
            return match gate(self.seen) {
                Err(waiting) => Next::Wait(waiting),
                Ok(()) => self.ramp_on(),
            };
        }
        self.park_as(Split {
            stable: stable.size,
            canary: canary.size,
            surge: stable.size + canary.size - self.seen.replicas,
            parks: true,
        })
    }

    fn settle(&self) -> Next {
        let (replicas, canary) = (self.seen.replicas, self.seen.canary.size);
        Next::Write(self.form(Purpose::Settle, replicas - canary, canary, canary, 0))
    }

    fn settled(&self, form: Form) -> Next {
        if let Err(next) = self.arrived(form) {
            return next;
        }
        match self.seen.canary.size.cmp(&self.target.canary) {
            std::cmp::Ordering::Equal => self.park(),
            _ => self.ramp_on(),
        }
    }

    /// Parks with the surge that gets nearest to the weight from what is there now.
    fn park(&self) -> Next {
        let surged = || {
            let all = (1..=self.record.budget).filter_map(|surge| {
                let steps = Steps {
                    surge,
                    unavailable: 1,
                };
                parked(self.seen.parked_with(steps), self.record.budget, surge)
            });
            nearest(all, self.weight)
        };
        // The target was chosen in one of the layouts; it is kept, whatever the sizes became.
        let split = if self.target.surge > 0 {
            surged()
        } else {
            None
        };
        let (replicas, canary) = (self.seen.replicas, self.seen.canary.size);
        let split = split.unwrap_or(Split {
            stable: replicas - canary,
            canary,
            surge: 0,
            parks: true,
        });
        self.park_as(split)
    }

    fn park_as(&self, split: Split) -> Next {
        Next::Write(Form {
            template: Template::Stable,
            held: false,
            paused: true,
            ..self.form(Purpose::Park, split.stable, split.canary, 1, split.surge)
        })
    }

    /// At rest: what autoscalers do to the sizes is theirs to do.
    fn parked(&self, form: Form) -> Next {
        let (stable, canary) = (&self.seen.stable, &self.seen.canary);
        if !self.seen.current || !stable.observed || !canary.observed {
            return Next::Wait(Waiting::Controller);
        }
        let is_sized = (stable.size, canary.size) == (form.stable, form.canary);
        let was_scaled = form.replicas != self.seen.replicas;
        if canary.size == 0 {
            return Next::Stop(Conflict::Vanished);
        }
        if form.seq == self.record.seq || canary.size == self.target.canary {
            return match gate(self.seen) {
                Err(waiting) => Next::Wait(waiting),
                Ok(()) if is_sized || was_scaled => Next::Done(End::Parked),
                Ok(()) => Next::Wait(Waiting::Sizes),
            };
        }
        match gate(self.seen) {
            Err(waiting) => Next::Wait(waiting),
            Ok(()) => self.ramp_on(),
        }
    }

    fn reverted(&self) -> Next {
        let seen = self.seen;
        if (seen.stable.size, seen.canary.size) != (seen.replicas, 0) {
            return Next::Wait(Waiting::Sizes);
        }
        self.first()
    }

    /// Waits until the controller has done what a form asks for and every pod is Ready; a form
    /// for another number of replicas is made again.
    fn arrived(&self, form: Form) -> Result<(), Next> {
        if form.replicas != self.seen.replicas {
            // The autoscaler, in the seconds of a ramp: the numbers for what is there now.
            return Err(match gate(self.seen) {
                Err(waiting) => Next::Wait(waiting),
                Ok(()) => self.ramp_on(),
            });
        }
        if !self.seen.current {
            return Err(Next::Wait(Waiting::Controller));
        }
        if (self.seen.stable.size, self.seen.canary.size) != (form.stable, form.canary) {
            return Err(Next::Wait(Waiting::Sizes));
        }
        gate(self.seen).map_err(Next::Wait)
    }

    fn form(
        &self,
        purpose: Purpose,
        stable: i32,
        canary: i32,
        unavailable: i32,
        surge: i32,
    ) -> Form {
        Form {
            id: 0,
            purpose,
            seq: self.record.seq,
            replicas: self.seen.replicas,
            stable,
            canary,
            template: Template::Canary,
            held: true,
            paused: false,
            strategy: Strategy::Steps(Steps { surge, unavailable }),
        }
    }
}
