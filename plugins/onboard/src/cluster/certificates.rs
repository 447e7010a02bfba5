//! Certificate requests: sent, approved, waited for and removed. The one place that does it.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::cluster::{Objects, Patience, poll};
use groundcrew::error::{Error, Result};
use groundcrew::write::Writer;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::PostParams;

use crate::model::labels;
use crate::model::objects::certificate_request::{Signed, approved, is_approved, signed};
use crate::model::user::UserName;

/// The first pause between two looks: a signer answers within a few hundredths of a second.
const FIRST_PAUSE: Duration = Duration::from_millis(60);

/// How often a request that changes under our hands is read again before it is removed.
const ATTEMPTS: usize = 5;

/// The requests of a cluster.
#[derive(Clone, Debug)]
pub struct Requests {
    objects: Objects<CertificateSigningRequest>,
}

impl Requests {
    /// Returns those of the cluster of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            objects: session.of(),
        }
    }

    /// Lists those that were made for a user.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn made_for(&self, user: &UserName) -> Result<Vec<CertificateSigningRequest>> {
        let selector = format!("{}={}", labels::USER_LABEL, user.slug());
        self.objects.labelled(&selector).await
    }

    /// Sends a request; `is_mine` recognizes it after an answer was lost.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn send(
        &self,
        writer: &Writer,
        request: &CertificateSigningRequest,
        is_mine: impl Fn(&CertificateSigningRequest) -> bool,
    ) -> Result<CertificateSigningRequest> {
        self.objects.create(writer, request, is_mine).await
    }

    /// Approves a request with the resourceVersion that was checked, through PUT, which is the verb
    /// that the documented role of an approver has.
    ///
    /// # Errors
    ///
    /// What the server says; a conflict, when the request has changed.
    pub async fn approve(
        &self,
        request: CertificateSigningRequest,
        reason: &str,
        message: String,
    ) -> Result<CertificateSigningRequest> {
        let name = request.metadata.name.clone().unwrap_or_default();
        let approved = approved(request, reason, message);
        let doing = self.objects.doing("update").sub("approval").named(&name);
        let (api, params) = (self.objects.api(), PostParams::default());
        let send = || api.replace_subresource("approval", &name, &params, &approved);
        let lost = match send().await {
            Err(error) if outcome_unknown(&error) => error,
            result => return result.map_err(|error| explain(error, &doing)),
        };
        let Ok(found) = api.get(&name).await else {
            return Err(explain(lost, &doing));
        };
        if is_approved(&found) {
            return Ok(found);
        }
        // The resourceVersion inside makes the second try safe.
        send().await.map_err(|error| explain(error, &doing))
    }

    /// Waits for an answer, or until the time is over.
    ///
    /// # Errors
    ///
    /// What the server says; interrupted.
    pub async fn wait(
        &self,
        name: &str,
        timeout: Duration,
        longest: Duration,
        interrupt: &Interrupt,
    ) -> Result<Signed> {
        let first = FIRST_PAUSE.min(timeout);
        let pause = async {
            tokio::time::sleep(first).await;
            Ok(())
        };
        interrupt.guard(pause).await?;
        let patience = Patience {
            limit: timeout.saturating_sub(first),
            first: FIRST_PAUSE * 2,
            longest,
        };
        let look = async || {
            let answer = signed(&self.objects.get(name).await?);
            Ok((answer != Signed::Silent).then_some(answer))
        };
        let answer = poll(patience, interrupt, look).await?;
        Ok(answer.unwrap_or(Signed::Silent))
    }

    /// Removes exactly this request; `uid` is that of the one that was made, where it is known. The
    /// signer may write to it in between, so a conflict means reading it again.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn remove(&self, writer: &Writer, name: &str, uid: Option<&str>) -> Result<()> {
        let mut last = Error::conflict(format!(
            "request {name} keeps being changed by others; gave up"
        ));
        for _ in 0..ATTEMPTS {
            let found = match self.objects.find(name).await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(()),
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            if uid.is_some() && found.metadata.uid.as_deref() != uid {
                return Ok(());
            }
            match self.objects.delete(writer, &found.metadata).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
