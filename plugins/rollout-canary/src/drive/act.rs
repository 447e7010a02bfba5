//! Acting: the record first, then the Deployment.

use std::time::Duration;

use groundcrew::error::{Error, Result};

use super::{Drive, narrate};
use crate::apply::{self, Written};
use crate::record::{Form, Purpose};

/// Forms that are remembered of former goals.
const KEPT: usize = 32;

impl Drive<'_> {
    /// Announces a form and brings the Deployment into it, once; a conflict leads back to looking.
    pub(super) async fn write(&mut self, form: Form) -> Result<()> {
        if self.stored.record.announced(&form).is_none() {
            let mut record = self.stored.record.clone();
            let surplus = record.forms.len().saturating_sub(KEPT);
            record.forms.drain(..surplus);
            let seen = self.watching.cluster.seen(&record, self.clock.now());
            // One note for the whole way, as far as it can be foreseen.
            let ahead = crate::plan::ahead(&record, &seen, &form);
            record.forms.extend(ahead);
            self.put(record).await?;
            // Announcing took a moment: what it rests on is looked at again.
            if !self.still_wanted(&form) {
                return Ok(());
            }
        }
        let Some(form) = self.stored.record.announced(&form) else {
            // It could not be announced, so it is not done.
            return Ok(());
        };
        if !self.may_write() {
            return self.keep_lease().await;
        }
        let (context, record) = (self.context, &self.stored.record);
        let operations = apply::patch(record, &form, &self.watching.cluster.deployment);
        match apply::send(context.session, context.target, &operations, false).await? {
            Written::Done(object) => {
                self.watching.put_deployment(&object)?;
                let (what, detail) = narrate::doing(&form);
                if form.purpose != Purpose::Final {
                    context.ui.done(what, detail);
                }
                Ok(())
            }
            Written::LookAgain => self.look_again().await,
            Written::Blind(why) => {
                self.say(&format!("the cluster cannot be seen; holding: {why}"));
                self.pause().await?;
                self.look_again().await
            }
        }
    }

    fn still_wanted(&self, form: &Form) -> bool {
        let seen = self
            .watching
            .cluster
            .seen(&self.stored.record, self.clock.now());
        crate::machine::next(&self.stored.record, &seen) == crate::machine::Next::Write(*form)
    }

    async fn look_again(&mut self) -> Result<()> {
        let context = self.context;
        match crate::observe::deployment(context.session, context.target).await {
            Ok(found) => {
                self.watching.cluster.deployment = found;
                Ok(())
            }
            Err(error) => {
                self.say(&format!("the cluster cannot be seen; holding: {error}"));
                self.pause().await
            }
        }
    }

    async fn pause(&self) -> Result<()> {
        tokio::select! {
            () = self.context.interrupt.fired() => Err(Error::interrupted()),
            () = tokio::time::sleep(Duration::from_millis(500)) => Ok(()),
        }
    }
}
