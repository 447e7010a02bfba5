//! Carrying a claim out: the entry in the index, the namespace, what is in it.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::tenancy::Network;
use groundcrew::write::{Object, Writer, is_conflict};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::PostParams;
use sha2::{Digest as _, Sha256};

use super::decide::Wanted;
use super::place::{Reserved, held_error, reserve};
use crate::cluster::index;
use crate::cluster::refusal;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::installation::guard::index::NOT_IN_INDEX;
use crate::model::meta;
use crate::model::objects::{self, Holder, Terms};
use crate::model::settings::Settings;
use crate::model::view::View;
use groundcrew::client::clock::Clock;

/// Tries for one object before somebody else's luck is called a conflict.
const TRIES: u32 = 40;
/// How long the guard's copy of the index may lag.
const LAG: Duration = Duration::from_millis(25);
/// How long a right may take to spread.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything a run needs.
pub struct Run<'a> {
    pub session: &'a Session,
    pub wanted: &'a Wanted,
    pub holder: Holder,
    pub clock: Clock,
    pub interrupt: &'a Interrupt,
}

/// A claim that there is now.
#[derive(Debug)]
pub struct Taken {
    /// The claim.
    pub view: View,
    /// It was there before.
    pub was_mine: bool,
}

/// How making the namespace ended.
enum Made {
    New(Box<Namespace>),
    Mine(Box<Namespace>),
    Held(Error),
}

impl Run<'_> {
    /// Makes the claim; a name that was not stated is chosen anew while somebody holds it.
    pub async fn carry_out(
        &self,
        mut terms: Terms,
        mut index: Index,
        suggest: impl Fn() -> String,
    ) -> Result<Taken> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let dry_run = self.wanted.dry_run == DryRun::Server;
            let place = reserve(
                self.session,
                &terms,
                &mut index,
                dry_run,
                now,
                self.interrupt,
            );
            let fresh = match place.await? {
                Reserved::Held(fresh) => fresh,
                Reserved::Taken(held) if self.wanted.name.is_some() => return Err(held),
                Reserved::Taken(_) => {
                    terms.name = suggest();
                    continue;
                }
            };
            match self.namespace(&terms, &index.settings).await {
                Ok(Made::New(namespace)) => {
                    return self.fill(&namespace, &index.settings, false).await;
                }
                Ok(Made::Mine(namespace)) => {
                    return self.fill(&namespace, &index.settings, true).await;
                }
                Ok(Made::Held(error)) => {
                    if fresh && !dry_run {
                        self.withdraw(&terms).await;
                    }
                    if self.wanted.name.is_some() {
                        return Err(error);
                    }
                    terms.name = suggest();
                }
                Err(error) => {
                    // An unknown outcome may have made it; the entry is the key to going on.
                    if fresh && !dry_run && error.kind() == Kind::Failed {
                        self.withdraw(&terms).await;
                    }
                    return Err(error);
                }
            }
        }
        Err(
            Error::conflict("too many others are claiming at this moment")
                .with_hint("run the same command again"),
        )
    }

    /// Takes a fresh entry back; what cannot be taken back is the reaper's.
    async fn withdraw(&self, terms: &Terms) {
        let _ = index::free(self.session, &terms.name, &terms.owner).await;
    }

    /// Makes the namespace; the server takes one of several.
    async fn namespace(&self, terms: &Terms, settings: &Settings) -> Result<Made> {
        let api = Api::<Namespace>::all(self.session.client.clone());
        let object = objects::namespace(terms);
        let doing = Doing::new("create", "namespaces").named(&terms.name);
        let notes = object.metadata.annotations.clone();
        let made = self
            .patiently(|| {
                let writer = self.writer();
                let (api, object, notes) = (&api, &object, &notes);
                async move {
                    writer
                        .create(api, object, |found| found.metadata.annotations == *notes)
                        .await
                }
            })
            .await;
        match made {
            Ok(namespace) => Ok(Made::New(Box::new(namespace))),
            // What a dry run did not put into the index, the guard cannot find there.
            Err(error)
                if self.wanted.dry_run == DryRun::Server
                    && refusal::words(&error).is_some_and(|w| w.contains(NOT_IN_INDEX)) =>
            {
                let mut namespace = object;
                namespace.metadata.uid = Some(String::new());
                namespace.metadata.resource_version = Some(String::new());
                namespace.metadata.creation_timestamp = Some(Time(self.clock.now()));
                Ok(Made::New(Box::new(namespace)))
            }
            Err(error) if is_conflict(&error) => {
                let found = api.get_opt(&terms.name).await.map_err(|error| {
                    explain(error, &Doing::new("get", "namespaces").named(&terms.name))
                })?;
                let Some(found) = found else {
                    return Ok(Made::Held(refusal::told(error, &doing)));
                };
                match Claim::of(&found) {
                    Some(claim)
                        if claim.owner.as_ref() == Some(&terms.owner)
                            && claim.terminating.is_none() =>
                    {
                        Ok(Made::Mine(Box::new(found)))
                    }
                    claim => Ok(Made::Held(held_error(
                        &terms.name,
                        claim.map(|claim| View::of(&claim, settings, self.clock.now())),
                        self.clock.now(),
                    ))),
                }
            }
            Err(error) => Err(refusal::told(error, &doing)),
        }
    }

    /// Makes what is in the namespace and not there yet.
    async fn fill(
        &self,
        namespace: &Namespace,
        settings: &Settings,
        was_mine: bool,
    ) -> Result<Taken> {
        let claim = Claim::of(namespace)
            .ok_or_else(|| Error::failed("the server did not keep the claim's label"))?;
        let view = View::of(&claim, settings, self.clock.now());
        if self.wanted.dry_run == DryRun::Server {
            return Ok(Taken { view, was_mine });
        }
        let name = &claim.name;
        let profile = &self.wanted.profile;
        let binding = objects::role_binding(
            meta::OWNER_BINDING,
            name,
            &settings.owner_role,
            std::slice::from_ref(&self.holder),
        );
        let (limits, quota, network, owner) = futures::join!(
            self.inside(objects::limit_range(profile, name), "limitranges"),
            self.inside(objects::quota(profile, name), "resourcequotas"),
            self.inside(
                objects::network_policy(Network::Isolated, name),
                "networkpolicies.networking.k8s.io"
            ),
            self.inside(Some(binding), "rolebindings.rbac.authorization.k8s.io"),
        );
        let unfinished = |error: Error| {
            error
                .with_detail(format!(
                    "namespace/{name} is claimed, and not all in it is made"
                ))
                .with_hint(format!("finish it:  kubectl ns-claim {name} --reuse"))
        };
        let mut made = 0;
        for result in [limits, quota, network, owner] {
            made += u32::from(result.map_err(unfinished)?);
        }
        for other in &self.wanted.with {
            let binding = shared(other, name);
            made += u32::from(
                self.inside(Some(binding), "rolebindings.rbac.authorization.k8s.io")
                    .await
                    .map_err(unfinished)?,
            );
        }
        if was_mine && made == 0 && !self.wanted.reuse {
            return Err(Error::conflict(format!(
                "{name} is yours already: {}",
                view.held(self.clock.now())
            ))
            .with_hint(format!("go on with it:  kubectl ns-claim {name} --reuse"))
            .with_hint(format!(
                "or extend it:   kubectl ns-claim extend {name} --by 4h"
            )));
        }
        Ok(Taken { view, was_mine })
    }

    /// Makes one object; `false` when it was there.
    async fn inside<K>(&self, object: Option<K>, resource: &'static str) -> Result<bool>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let Some(object) = object else {
            return Ok(false);
        };
        self.check_interrupt()?;
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        let api = Api::<K>::namespaced(self.session.client.clone(), &namespace);
        let made = self
            .patiently(|| async {
                let params = self.post_params();
                match api.create(&params, &object).await {
                    // A claimer may not read it back yet; what is made twice is there once.
                    Err(error) if outcome_unknown(&error) => api.create(&params, &object).await,
                    result => result,
                }
            })
            .await;
        match made {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => {
                let doing = Doing::new("create", resource).within(namespace);
                Err(refusal::told(error, &doing))
            }
        }
    }

    /// Tries again while the guard has not yet seen the entry in the index.
    async fn patiently<T, F>(&self, write: impl Fn() -> F) -> kube::Result<T>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let mut tries = TRIES;
        loop {
            match write().await {
                Err(error)
                    if tries > 0
                        && self.wanted.dry_run != DryRun::Server
                        && refusal::words(&error)
                            .is_some_and(|words| words.contains(NOT_IN_INDEX)) =>
                {
                    tries -= 1;
                    tokio::time::sleep(LAG).await;
                }
                result => return result,
            }
        }
    }

    /// Waits until the server lets the caller work in it.
    ///
    /// # Errors
    ///
    /// Timed out; what the server says.
    pub async fn wait(&self, namespace: &str) -> Result<()> {
        let work = Access::new("create", "pods").within(namespace);
        let all = async {
            while !access::is_allowed(self.session, &work).await? {
                tokio::time::sleep(LAG).await;
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(result) => result,
            Err(_) => Err(Error::timed_out(format!(
                "the server does not let you work in {namespace} yet; it is yours"
            ))),
        }
    }

    fn writer(&self) -> Writer {
        Writer {
            field_manager: self.wanted.field_manager.clone(),
            dry_run: self.wanted.dry_run == DryRun::Server,
            force_conflicts: false,
        }
    }

    fn post_params(&self) -> PostParams {
        PostParams {
            dry_run: self.wanted.dry_run == DryRun::Server,
            field_manager: Some(self.wanted.field_manager.clone()),
        }
    }

    fn check_interrupt(&self) -> Result<()> {
        if self.interrupt.is_set() {
            return Err(Error::interrupted());
        }
        Ok(())
    }
}

/// Returns the binding that lets somebody else work in it.
fn shared(other: &Holder, namespace: &str) -> k8s_openapi::api::rbac::v1::RoleBinding {
    let digest = Sha256::digest(other.describe().as_bytes());
    let tail: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("claim-with-{tail}");
    objects::role_binding(&name, namespace, "edit", std::slice::from_ref(other))
}
