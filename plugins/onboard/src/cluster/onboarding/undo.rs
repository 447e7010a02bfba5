//! Takes back what a failed run made, and nothing else.

use std::path::PathBuf;
use std::time::Duration;

use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Object;
use kube::api::ApiResource;
use kube::core::ObjectMeta;

use crate::cluster::onboarding::ledger::Ledger;
use crate::cluster::onboarding::run::Run;
use crate::model::kubeconfig::Document;
use crate::model::record;

/// How long taking back may last; a server that is gone must not hold the user.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often an object that changes under our hands is read again.
const ATTEMPTS: usize = 3;

/// What this run made, oldest first.
#[derive(Debug, Default)]
pub struct Undo {
    objects: Vec<Made>,
    file: Option<Wrote>,
}

#[derive(Debug)]
struct Wrote {
    path: PathBuf,
    before: Option<Document>,
}

#[derive(Debug)]
struct Made {
    resource: ApiResource,
    metadata: ObjectMeta,
}

impl Made {
    /// Says whether nobody but this run can have a use for it.
    fn is_this_runs_alone(&self) -> bool {
        matches!(
            self.resource.kind.as_str(),
            "CertificateSigningRequest" | "Secret"
        )
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
    pub fn made<K: Object>(&mut self, object: &K, dry_run: DryRun) {
        let metadata = object.meta().clone();
        let known = self
            .objects
            .iter()
            .any(|made| made.metadata.uid == metadata.uid);
        if dry_run == DryRun::None && !known {
            self.objects.push(Made {
                resource: ApiResource::erase::<K>(&()),
                metadata,
            });
        }
    }

    /// Notes the file that this run wrote, and what it held before.
    pub fn wrote(&mut self, path: PathBuf, before: Option<Document>) {
        self.file = Some(Wrote { path, before });
    }

    /// Forgets an object that has been taken back already.
    pub fn forget_object(&mut self, metadata: &ObjectMeta) {
        self.objects
            .retain(|made| made.metadata.uid != metadata.uid);
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
        if !ledger.has_begun() && self.objects.is_empty() && self.file.is_none() {
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
        let gone = self
            .objects
            .iter()
            .find(|made| made.resource.kind == "Namespace" && !others);
        let gone = gone.and_then(|made| made.metadata.name.clone());
        let left: Vec<&Made> = self
            .objects
            .iter()
            .rev()
            .filter(|made| gone.is_none() || made.metadata.namespace != gone)
            .filter(|made| !others || made.is_this_runs_alone())
            .collect();
        let mut taken = Vec::new();
        for made in left {
            let result = tokio::time::timeout_at(deadline, delete(run, made)).await;
            match result {
                Ok(Ok(())) => taken.push(made.describe()),
                Ok(Err(cause)) => {
                    error = error.with_detail(format!("left: {} ({cause})", made.describe()));
                }
                Err(_) => {
                    error = error.with_detail(format!("left: {} (no answer)", made.describe()));
                }
            }
        }
        if !others {
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
    let mut attempt = 1;
    loop {
        let Some(found) = objects.find(name).await? else {
            return Ok(());
        };
        if found.metadata.uid != made.metadata.uid {
            return Ok(());
        }
        match objects.delete(&run.writer, &found.metadata).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}
