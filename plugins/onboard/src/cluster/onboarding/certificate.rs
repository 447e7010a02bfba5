//! A certificate: request, own approval, wait for the signer.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use zeroize::Zeroizing;

use crate::cluster::certificates::Requests;
use crate::cluster::onboarding::issued::{Fresh, Product};
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::{Made, Undo};
use crate::model::credential::{Issued, KeyAndRequest};
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::Secret;
use crate::model::labels;
use crate::model::labels::annotation;
use crate::model::objects::certificate_request::{SIGNER, Signed, is_same, request};
use crate::model::onboarding::decide;
use crate::model::onboarding::options::{Credential, Task};
use crate::model::signing_request::SigningRequest;

/// The longest pause between two looks at a request.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no certificate although nobody refused.
#[derive(Debug)]
pub enum Unsigned {
    /// Approved, and nothing happened.
    Silent(Duration),
    /// The signer refused.
    Failed(String),
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(waited) => write!(
                f,
                "the request was approved, but signer {SIGNER} issued nothing within {}: \
                 this cluster does not sign client certificates",
                Span(*waited)
            ),
            Self::Failed(why) => write!(f, "signer {SIGNER} refused: {why}"),
        }
    }
}

impl Unsigned {
    /// Returns the error that ends a run which has to have a certificate.
    pub(super) fn into_error(self, source: &Credential) -> Error {
        let message = self.to_string();
        let token = match source {
            Credential::External(_) => "pass --auth token instead of --csr-file",
            _ => "pass --auth token (or --auth auto)",
        };
        match self {
            Self::Silent(_) => Error::timed_out(message)
                .with_detail("EKS never signs them; elsewhere kube-controller-manager runs without")
                .with_detail("--cluster-signing-cert-file and --cluster-signing-key-file.")
                .with_hint(format!("{token}, or a longer --timeout")),
            Self::Failed(_) => Error::failed(message).with_hint(token),
        }
    }
}

/// A key as far as a run knows it.
enum Key<'a> {
    /// Made by this run.
    Made(KeyAndRequest),
    /// In the user's hands; their request stands for it.
    External(&'a SigningRequest),
}

impl Key<'_> {
    fn request_pem(&self) -> &str {
        match self {
            Self::Made(made) => made.request_pem(),
            Self::External(request) => request.pem(),
        }
    }

    fn fingerprint(&self) -> &str {
        match self {
            Self::Made(made) => made.fingerprint(),
            Self::External(request) => request.fingerprint(),
        }
    }

    /// Returns what is handed over with this certificate.
    fn joined(&self, certificate: Vec<u8>) -> Product {
        match self {
            Self::Made(made) => Product::Kubeconfig(Secret::Certificate {
                certificate,
                key: Zeroizing::new(made.key_pem().to_owned()),
            }),
            Self::External(_) => Product::Handover(certificate),
        }
    }
}

impl Run<'_> {
    /// Issues a certificate for one generation.
    ///
    /// The outer error ends the run; the inner one says that this cluster does not sign, in which
    /// case the request has been removed again.
    pub(super) async fn certificate(
        &self,
        generation: u32,
        undo: &mut Undo,
    ) -> Result<Result<Fresh, Unsigned>> {
        let user = &self.options.user;
        self.remove_stale_requests().await?;
        let mut groups = match &self.plan.source {
            Credential::Auto { groups } | Credential::Certificate { groups } => groups.clone(),
            // What the user signed carries their own group alone.
            Credential::External(_) | Credential::Token | Credential::Login(_) => Vec::new(),
        };
        groups.push(user.generation_group(generation));
        let key = match self.options.request() {
            None => Key::Made(KeyAndRequest::new(user.as_str(), &groups)?),
            Some(request) => Key::External(request),
        };

        self.interrupt.check()?;
        let request = self.request(generation, &key, undo).await?;
        self.interrupt.check()?;
        let name = request.metadata.name.clone().unwrap_or_default();
        let requests = Requests::of(self.session);
        let message = format!("approved by {} with kubectl onboard", self.me);
        let approved = requests.approve(request, "Onboarded", message).await;
        let request = approved.map_err(|error| self.raced(error))?;
        let progress = self.ui.progress(format!("waiting for signer {SIGNER}"));
        let timeout = self.options.timeout;
        let signed = requests.wait(&name, timeout, LONGEST_PAUSE, self.interrupt);
        let signed = signed.await.map_err(|error| self.raced(error))?;
        drop(progress);
        let unsigned = match signed {
            Signed::Issued(chain) => return self.fresh(&key, chain, &groups).map(Ok),
            Signed::Denied(why) => {
                return Err(Error::failed(format!("request {name} was denied: {why}")));
            }
            Signed::Failed(why) => Unsigned::Failed(why),
            Signed::Silent => Unsigned::Silent(timeout),
        };
        // Left alone it could still be signed later, for a key that nobody has.
        requests.remove(&self.writer, &name, None).await?;
        undo.forget_object(&request.metadata);
        Ok(Err(unsigned))
    }

    /// Checks what the signer returned.
    fn fresh(&self, key: &Key<'_>, certificate: Vec<u8>, groups: &[String]) -> Result<Fresh> {
        let issued = Issued::from_pem(&certificate)?;
        decide::check_issued(&issued, &self.options.user, groups, key.fingerprint())?;
        Ok(Fresh {
            kind: CredentialKind::Certificate,
            groups: issued.groups,
            not_before: Some(issued.not_before),
            not_after: issued.not_after,
            sha256: Some(issued.sha256),
            secret: key.joined(certificate),
        })
    }

    /// Removes what a run that died has left: its key died with it, so nobody can use what such a
    /// request brings.
    async fn remove_stale_requests(&self) -> Result<()> {
        let record = self.observed.record.as_ref().map(|found| &found.record);
        let known = |generation: &str| {
            let mut issues = record.iter().flat_map(|record| &record.generations);
            issues.any(|issue| annotation(issue.generation).1 == generation)
        };
        for stale in &self.observed.requests {
            let annotations = stale.metadata.annotations.as_ref();
            if annotations
                .and_then(|all| all.get(labels::GENERATION))
                .is_some_and(|generation| !known(generation))
            {
                let name = stale.metadata.name.as_deref().unwrap_or_default();
                let requests = Requests::of(self.session);
                requests.remove(&self.writer, name, None).await?;
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        generation: u32,
        key: &Key<'_>,
        undo: &mut Undo,
    ) -> Result<CertificateSigningRequest> {
        if let Task::Approve(approval) = &self.options.task {
            return Ok(approval.object.clone());
        }
        let user = &self.options.user;
        // The key is part of the name: a request for another key can never be taken for this one.
        let name = format!(
            "onboard-{}-g{generation}-{}",
            user.slug(),
            &key.fingerprint()[..8]
        );
        let mut metadata = labels::object(&name, None, user);
        let annotations: &mut BTreeMap<_, _> = metadata.annotations.get_or_insert_default();
        annotations.extend([annotation(generation)]);
        let object = request(metadata, key.request_pem(), self.options.expires());
        let requests = Requests::of(self.session);
        let sent = requests.send(&self.writer, &object, |found| is_same(found, &object));
        let made = sent.await?;
        undo.made(Made::of(&made));
        // Approving means vouching: the server must have kept what was asked, and nothing else.
        if !is_same(&made, &object) {
            return Err(Error::failed(format!(
                "the server changed request {name} on admission; it is not approved"
            )));
        }
        Ok(made)
    }
}
