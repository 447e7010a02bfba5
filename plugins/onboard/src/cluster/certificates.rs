//! Certificate requests: sent, approved, waited for and removed. The one place that does it.

use std::time::Duration;

use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::{Error, Result};
use groundcrew::write::{Writer, is_conflict};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{Api, ListParams, PostParams};
use tokio::time::{Instant, sleep};

use crate::model::labels;
use crate::model::objects::certificate_request::{Signed, approved, is_approved, signed};
use crate::model::user::UserName;

/// What the API server calls them.
pub const RESOURCE: &str = "certificatesigningrequests.certificates.k8s.io";

/// The first pause between two looks: a signer answers within a few hundredths of a second.
const FIRST_PAUSE: Duration = Duration::from_millis(60);

/// How often a request that changes under our hands is read again before it is removed.
const ATTEMPTS: usize = 5;

/// The requests of a cluster.
#[derive(Clone)]
pub struct Requests {
    api: Api<CertificateSigningRequest>,
}

impl Requests {
    /// Returns those of the cluster of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            api: Api::all(session.client.clone()),
        }
    }

    /// Returns the API, for what is not said here.
    #[must_use]
    pub fn api(&self) -> &Api<CertificateSigningRequest> {
        &self.api
    }

    /// Lists those that were made for a user.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn made_for(&self, user: &UserName) -> Result<Vec<CertificateSigningRequest>> {
        let selector = format!("{}={}", labels::USER_LABEL, user.slug());
        let params = ListParams::default().labels(&selector);
        let found = self.api.list(&params).await;
        let found = found.map_err(|error| explain(error, &Doing::new("list", RESOURCE)))?;
        Ok(found.items)
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
    ) -> kube::Result<CertificateSigningRequest> {
        let name = request.metadata.name.clone().unwrap_or_default();
        let approved = approved(request, reason, message);
        let params = PostParams::default();
        let send = || {
            self.api
                .replace_subresource("approval", &name, &params, &approved)
        };
        let lost = match send().await {
            Err(error) if outcome_unknown(&error) => error,
            result => return result,
        };
        let Ok(found) = self.api.get(&name).await else {
            return Err(lost);
        };
        if is_approved(&found) {
            return Ok(found);
        }
        // The resourceVersion inside makes the second try safe.
        send().await
    }

    /// Waits for an answer, or until the time is over.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn wait(
        &self,
        name: &str,
        timeout: Duration,
        longest_pause: Duration,
    ) -> kube::Result<Signed> {
        let deadline = Instant::now() + timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(longest_pause);
            let answer = signed(&self.api.get(name).await?);
            if answer != Signed::Silent || Instant::now() >= deadline {
                return Ok(answer);
            }
        }
    }

    /// Removes exactly this request; `uid` is that of the one that was made, where it is known. The
    /// signer may write to it in between, so a conflict means reading it again.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn remove(&self, writer: &Writer, name: &str, uid: Option<&str>) -> Result<()> {
        let doing = Doing::new("delete", RESOURCE).named(name);
        let mut last = Error::conflict(format!(
            "request {name} keeps being changed by others; gave up"
        ));
        for _ in 0..ATTEMPTS {
            let found = match self.api.get_opt(name).await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(()),
                Err(error) => {
                    last = explain(error, &doing);
                    continue;
                }
            };
            if uid.is_some() && found.metadata.uid.as_deref() != uid {
                return Ok(());
            }
            match writer.delete(&self.api, &found.metadata).await {
                Ok(_) => return Ok(()),
                Err(error) if is_conflict(&error) => {}
                Err(error) => last = explain(error, &doing),
            }
        }
        Err(last)
    }
}
