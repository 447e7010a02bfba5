//! A certificate: request, own approval, wait for the signer.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::outcome_unknown;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
    CertificateSigningRequestStatus,
};
use kube::api::{Api, PostParams};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::cluster::certificates::{SIGNER, USAGES};
use crate::cluster::onboarding::issued::{Fresh, Product};
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::Undo;
use crate::model::credential::{Issued, KeyAndRequest};
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::Secret;
use crate::model::labels;
use crate::model::labels::annotation;
use crate::model::onboarding::decide;
use crate::model::onboarding::options::KeySource;
use crate::model::signing_request::SigningRequest;

const RESOURCE: &str = "certificatesigningrequests.certificates.k8s.io";

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
    pub(super) fn into_error(self, key: &KeySource) -> Error {
        let message = self.to_string();
        let token = match key {
            KeySource::Here => "pass --auth token (or --auth auto)",
            KeySource::External(_) => "pass --auth token instead of --csr-file",
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
    /// In her hands; her request stands for it.
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
        let mut groups = match &self.options.key {
            KeySource::Here => self.plan.groups.clone(),
            // What she signed carries her own group alone.
            KeySource::External(_) => Vec::new(),
        };
        groups.push(user.generation_group(generation));
        let key = match &self.options.key {
            KeySource::Here => Key::Made(KeyAndRequest::new(user.as_str(), &groups)?),
            KeySource::External(request) => Key::External(request),
        };

        self.check_interrupt()?;
        let request = self.request(generation, &key, undo).await?;
        self.check_interrupt()?;
        let request = self.approve(request).await?;
        let name = request.metadata.name.clone().unwrap_or_default();
        let progress = self.ui.progress(format!("waiting for signer {SIGNER}"));
        let signed = self.interrupt.guard(self.wait(&name)).await?;
        drop(progress);
        let certificate = match signed {
            Ok(certificate) => certificate,
            Err(unsigned) => {
                // Left alone it could still be signed later, for a key that nobody has.
                self.remove(&name).await?;
                undo.forget_object(&request.metadata);
                return Ok(Err(unsigned));
            }
        };
        let issued = Issued::from_pem(&certificate)?;
        decide::check_issued(&issued, user, &groups, key.fingerprint())?;
        Ok(Ok(Fresh {
            kind: CredentialKind::Certificate,
            groups: issued.groups,
            not_after: issued.not_after,
            sha256: Some(issued.sha256),
            secret: key.joined(certificate),
        }))
    }

    fn requests(&self) -> Api<CertificateSigningRequest> {
        Api::all(self.session.client.clone())
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
                self.remove(stale.metadata.name.as_deref().unwrap_or_default())
                    .await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let api = self.requests();
        let doing = Doing::new("delete", RESOURCE).named(name);
        let found = api
            .get_opt(name)
            .await
            .map_err(|error| explain(error, &doing))?;
        if let Some(found) = found {
            let removed = self.writer.delete(&api, &found.metadata).await;
            removed.map_err(|error| explain(error, &doing))?;
        }
        Ok(())
    }

    async fn request(
        &self,
        generation: u32,
        key: &Key<'_>,
        undo: &mut Undo,
    ) -> Result<CertificateSigningRequest> {
        if let Some(asked) = &self.options.renewal {
            return Ok(asked.as_ref().clone());
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
        let object = CertificateSigningRequest {
            metadata,
            spec: CertificateSigningRequestSpec {
                request: ByteString(key.request_pem().as_bytes().to_vec()),
                signer_name: SIGNER.to_owned(),
                usages: Some(USAGES.map(str::to_owned).to_vec()),
                expiration_seconds: i32::try_from(self.options.expires.as_secs()).ok(),
                ..CertificateSigningRequestSpec::default()
            },
            status: None,
        };
        let is_same = |found: &CertificateSigningRequest| {
            found.spec.request == object.spec.request
                && found.spec.signer_name == object.spec.signer_name
                && found.spec.usages == object.spec.usages
        };
        let made = self
            .writer
            .create(&self.requests(), &object, is_same)
            .await
            .map_err(|error| explain(error, &Doing::new("create", RESOURCE).named(&name)))?;
        undo.made(&made, "certificatesigningrequest", self.options.dry_run);
        // Approving means vouching: the server must have kept what was asked, and nothing else.
        if !is_same(&made) {
            return Err(Error::failed(format!(
                "the server changed request {name} on the way in; it is not approved"
            )));
        }
        Ok(made)
    }

    /// Approves with the resourceVersion that was checked, through PUT, which is the verb that the
    /// documented role of an approver has.
    async fn approve(
        &self,
        mut request: CertificateSigningRequest,
    ) -> Result<CertificateSigningRequest> {
        let name = request.metadata.name.clone().unwrap_or_default();
        let doing = Doing::new("update", RESOURCE).sub("approval").named(&name);
        request.status = Some(CertificateSigningRequestStatus {
            certificate: None,
            conditions: Some(vec![CertificateSigningRequestCondition {
                type_: "Approved".to_owned(),
                status: "True".to_owned(),
                reason: Some("Onboarded".to_owned()),
                message: Some(format!("approved by {} with kubectl onboard", self.me)),
                ..CertificateSigningRequestCondition::default()
            }]),
        });
        let api = self.requests();
        let params = PostParams::default();
        let lost = match api
            .replace_subresource("approval", &name, &params, &request)
            .await
        {
            Err(error) if outcome_unknown(&error) => error,
            result => return result.map_err(|error| self.raced(error, &doing)),
        };
        let Ok(found) = api.get(&name).await else {
            return Err(explain(lost, &doing));
        };
        if condition(&found, "Approved").is_some() {
            return Ok(found);
        }
        // The resourceVersion inside makes the second try safe.
        let again = api
            .replace_subresource("approval", &name, &params, &request)
            .await;
        again.map_err(|error| self.raced(error, &doing))
    }

    /// Waits for one of four ends: issued, denied, failed, or the time is over.
    async fn wait(&self, name: &str) -> Result<Result<Vec<u8>, Unsigned>> {
        let api = self.requests();
        let deadline = Instant::now() + self.options.timeout;
        let mut pause = Duration::from_millis(60);
        loop {
            // A signer answers within a few hundredths of a second.
            sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            let found = api
                .get(name)
                .await
                .map_err(|error| self.raced(error, &Doing::new("get", RESOURCE).named(name)))?;
            if let Some(denied) = condition(&found, "Denied") {
                return Err(Error::failed(format!(
                    "request {name} was denied: {}",
                    why(denied)
                )));
            }
            if let Some(failed) = condition(&found, "Failed") {
                return Ok(Err(Unsigned::Failed(why(failed))));
            }
            if let Some(certificate) = found.status.and_then(|status| status.certificate)
                && !certificate.0.is_empty()
            {
                return Ok(Ok(certificate.0));
            }
            if Instant::now() >= deadline {
                return Ok(Err(Unsigned::Silent(self.options.timeout)));
            }
        }
    }
}

fn condition<'a>(
    request: &'a CertificateSigningRequest,
    kind: &str,
) -> Option<&'a CertificateSigningRequestCondition> {
    let conditions = request.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

fn why(condition: &CertificateSigningRequestCondition) -> String {
    let reason = condition.reason.as_deref().unwrap_or("no reason given");
    match condition.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{message} ({reason})"),
        _ => reason.to_owned(),
    }
}
