//! What a user still has in a namespace after leaving it, whoever gave it.

use groundcrew::client::Session;
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::ui::Ui;
use serde::Serialize;

use crate::cluster::bindings;
use crate::cluster::claims::{claim_index, claimed};
use crate::model::identity;
use crate::model::labels;
use crate::model::left::Other;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::Options;

/// What a user still has in a namespace that they left.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Still {
    #[serde(skip)]
    namespace: String,
    /// Bindings that name the user and reach the namespace; none is on record.
    other_bindings: Vec<Other>,
    /// Bindings of service accounts that were made there while the user was a member: no server
    /// tells by whom.
    made_meanwhile: Vec<Other>,
    /// What could not be looked at.
    unseen: Vec<Unseen>,
}

/// Looks for bindings that reach the namespace.
pub async fn look(
    session: &Session,
    options: &Options,
    observed: &Observed,
    namespace: &str,
) -> Still {
    let still = Still {
        namespace: namespace.to_owned(),
        ..Still::default()
    };
    let Some(found) = &observed.record else {
        return still;
    };
    let looking = futures::future::try_join(bindings::bindings(session), claim_index(session));
    let (mut all, claimed) = match looking.await {
        Ok((all, index)) => (all, claimed(&index, &options.user)),
        Err(error) => {
            return Still {
                unseen: vec![Unseen::new(
                    format!("other bindings in namespace {namespace}"),
                    error.to_string(),
                )],
                ..still
            };
        }
    };
    // A grant in the whole cluster reaches this namespace too.
    all.retain(|binding| {
        let place = binding.metadata.namespace.as_deref();
        place.is_none_or(|place| place == namespace)
    });
    let mut record = found.record.clone();
    record
        .settings
        .memberships
        .retain(|one| one.namespace != namespace);
    let user = &options.user;
    let mut own = observed.bindings.iter().map(|binding| &binding.metadata);
    let joined = own.find(|metadata| {
        metadata.namespace.as_deref() == Some(namespace)
            && metadata.name == Some(labels::binding_name(user))
    });
    let joined = joined.and_then(|metadata| metadata.creation_timestamp.as_ref());
    Still {
        other_bindings: identity::others(user, &record, &claimed, &all),
        made_meanwhile: joined
            .map(|at| identity::made_since(&all, namespace, at.0))
            .unwrap_or_default(),
        ..still
    }
}

impl Still {
    /// Returns how the run ends: the user has to be without any right there.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if !self.other_bindings.is_empty() {
            Exit::No
        } else if !self.unseen.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }

    /// Says what is left.
    pub fn tell(&self, options: &Options, ui: &Ui) {
        let (user, namespace) = (&options.user, &self.namespace);
        for unseen in &self.unseen {
            ui.warning(format_args!("not seen: {}: {}", unseen.what, unseen.why));
        }
        for other in &self.other_bindings {
            ui.warning(format_args!(
                "{user} still has rights in namespace {namespace}: {other}"
            ));
        }
        if let Some(first) = self.other_bindings.first() {
            let (kind, rest) = first.binding.split_once('/').unwrap_or_default();
            ui.hint(match rest.split_once('/') {
                Some((place, name)) => {
                    format!("look at it:  kubectl get {kind} {name} -n {place} -o yaml")
                }
                None => format!("look at it:  kubectl get {kind} {rest} -o yaml"),
            });
        }
        for made in &self.made_meanwhile {
            ui.warning(format_args!(
                "made while {user} was a member, perhaps by {user}: {made}"
            ));
        }
    }
}
