//! Takes back what a failed run made, and puts back what it removed.

use std::path::PathBuf;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::cluster::{Attempt, retry_on_conflict};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Object;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::ApiResource;
use kube::core::ObjectMeta;

use crate::cluster::onboarding::ledger::Ledger;
use crate::cluster::onboarding::run::Run;
use crate::model::kubeconfig::Document;
use crate::model::record;

/// How long taking back may last; a server that is gone must not hold the user.
const PATIENCE: Duration = Duration::from_secs(15);

/// What this run made and removed, oldest first.
#[derive(Debug, Default)]
pub struct Undo {
    entries: Vec<Entry>,
    file: Option<Wrote>,
}

#[derive(Debug)]
struct Wrote {
    path: PathBuf,
    before: Option<Document>,
}

#[derive(Debug)]
enum Entry {
    Made(Box<Made>),
    Removed(Box<RoleBinding>),
}

/// An object that this run made.
#[derive(Debug)]
pub struct Made {
    resource: ApiResource,
    metadata: ObjectMeta,
}

impl Entry {
    fn is_this_runs_alone(&self, run: &Run<'_>) -> bool {
        matches!(self, Self::Made(made) if made.is_this_runs_alone(run))
    }

    fn namespace(&self) -> Option<&String> {
        match self {
            Self::Made(made) => made.metadata.namespace.as_ref(),
            Self::Removed(binding) => binding.metadata.namespace.as_ref(),
        }
    }

    /// Says what has been taken back.
    fn taken(&self) -> String {
        match self {
            Self::Made(made) => made.describe(),
            Self::Removed(binding) => {
                format!(
                    "{} (gives {} again)",
                    described(binding),
                    binding.role_ref.name
                )
            }
        }
    }

    /// Says what could not be taken back.
    fn left(&self, run: &Run<'_>, cause: &str) -> String {
        match self {
            Self::Made(made) => format!("left: {} ({cause})", made.describe()),
            Self::Removed(binding) => format!(
                "not put back: {}; {} may have no role in namespace {} now ({cause})",
                described(binding),
                run.options.user,
                binding.metadata.namespace.as_deref().unwrap_or_default()
            ),
        }
    }

    async fn take_back(&self, run: &Run<'_>) -> Result<()> {
        match self {
            Self::Made(made) => delete(run, made).await,
            Self::Removed(binding) => run.put_back(binding).await,
        }
    }
}

fn described(binding: &RoleBinding) -> String {
    let metadata = &binding.metadata;
    format!(
        "rolebinding/{} -n {}",
        metadata.name.as_deref().unwrap_or_default(),
        metadata.namespace.as_deref().unwrap_or_default()
    )
}

impl Made {
    /// Notes an object as it was made.
    #[must_use]
    pub fn of<K: Object>(object: &K) -> Self {
        Self {
            resource: ApiResource::erase::<K>(&()),
            metadata: object.meta().clone(),
        }
    }

    /// Says whether nobody but this run can have a use for it: a key that this run made dies with
    /// it, whereas two runs with the file of one user send the same request.
    fn is_this_runs_alone(&self, run: &Run<'_>) -> bool {
        match self.resource.kind.as_str() {
            "CertificateSigningRequest" => run.options.request().is_none(),
            "Secret" => true,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let kind = self.resource.kind.to_lowercase();
        match &self.metadata.namespace {
            Some(namespace) => format!("{kind}/{name} -n {namespace}"),
            None => format!("{kind}/{name}"),
        }
    }
}

impl Undo {
    /// Notes an object that this run made.
    pub fn made(&mut self, made: impl Into<Option<Made>>) {
        let Some(made) = made.into() else { return };
        let known = self.entries.iter().any(
            |entry| matches!(entry, Entry::Made(one) if one.metadata.uid == made.metadata.uid),
        );
        if !known {
            self.entries.push(Entry::Made(Box::new(made)));
        }
    }

    /// Notes a binding before this run removes it.
    pub fn removes(&mut self, binding: Box<RoleBinding>) {
        self.entries.push(Entry::Removed(binding));
    }

    /// Notes the file that this run wrote, and what it held before.
    pub fn wrote(&mut self, path: PathBuf, before: Option<Document>) {
        // A run that writes twice has to put back what was there before the first time.
        self.file.get_or_insert(Wrote { path, before });
    }

    /// Forgets an object that has been taken back already.
    pub fn forget_object(&mut self, metadata: &ObjectMeta) {
        self.entries.retain(
            |entry| !matches!(entry, Entry::Made(made) if made.metadata.uid == metadata.uid),
        );
    }

    /// Forgets everything: the run has succeeded.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes everything back, newest first, and adds to the error what could not be; says whether
    /// all of it was.
    pub async fn take_back(
        self,
        run: &Run<'_>,
        ledger: &mut Ledger,
        mut error: Error,
    ) -> (Error, bool) {
        if !ledger.has_begun() && self.entries.is_empty() && self.file.is_none() {
            return (error, true);
        }
        let _progress = run.ui.progress("rolling back what this run created");
        if let Some(Wrote { path, before }) = &self.file
            && let Err(cause) = run.delivery.put_back(path, before.as_ref())
        {
            error = error.with_detail(format!("left: {} ({cause})", path.display()));
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // Without this, another run could begin to build on what is being removed here.
        let claim = tokio::time::timeout_at(deadline, ledger.begin_taking_back(run)).await;
        let others = match claim {
            Ok(Ok(())) => false,
            Ok(Err(cause)) if cause.kind() == Kind::Conflict => {
                run.ui
                    .status("kept: objects that another run for the same user works with.");
                true
            }
            Ok(Err(cause)) => {
                error = error.with_detail(format!("left: what was created so far ({cause})"));
                true
            }
            Err(_) => {
                error = error.with_detail("left: what was created so far (no answer)");
                true
            }
        };
        // What is inside a namespace that this run made goes with it.
        let gone = self.entries.iter().find_map(|entry| match entry {
            Entry::Made(made) if made.resource.kind == "Namespace" && !others => {
                made.metadata.name.as_ref()
            }
            _ => None,
        });
        let left = self
            .entries
            .iter()
            .rev()
            .filter(|entry| gone.is_none() || entry.namespace() != gone)
            .filter(|entry| !others || entry.is_this_runs_alone(run));
        let mut taken = Vec::new();
        let mut bound = true;
        for entry in left {
            let cause = match tokio::time::timeout_at(deadline, entry.take_back(run)).await {
                Ok(Ok(())) => {
                    taken.push(entry.taken());
                    continue;
                }
                Ok(Err(cause)) => cause.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            bound &= !matches!(entry, Entry::Removed(_));
            error = error.with_detail(entry.left(run, &cause));
        }
        // A record that names the namespaces in question lets the next run remove what is left.
        if !others && bound {
            let end = tokio::time::timeout_at(deadline, ledger.end_taking_back(run)).await;
            if let Ok(Err(cause)) = end {
                let name = record::name(&run.options.user);
                error = error.with_detail(format!(
                    "left: configmap/{name} -n {SYSTEM_NAMESPACE} ({cause})"
                ));
            }
        }
        if !taken.is_empty() {
            run.ui
                .status(format_args!("rolled back: {}.", taken.join(", ")));
        }
        let whole = !others && error.details().is_empty();
        if !error.details().is_empty() {
            error = error.with_hint("run the same command again: it continues from what is there");
        }
        (error, whole)
    }
}

/// Deletes an object only if it is still the one that was made.
async fn delete(run: &Run<'_>, made: &Made) -> Result<()> {
    let namespace = made.metadata.namespace.as_deref();
    let objects = run.session.cluster().dynamic(&made.resource, namespace);
    let name = made.metadata.name.as_deref().unwrap_or_default();
    let what = made.describe();
    retry_on_conflict(what, &Interrupt::never(), async || {
        let found = objects.find(name).await?;
        let Some(found) = found.filter(|found| found.metadata.uid == made.metadata.uid) else {
            return Ok(Attempt::Done(()));
        };
        match objects.delete(&run.writer, &found.metadata).await {
            Err(error) if error.is_conflict() => Ok(Attempt::Raced),
            deleted => deleted.map(|_| Attempt::Done(())),
        }
    })
    .await
}
