//! A service account token bound to a Secret: the one credential that core Kubernetes revokes at
//! once, by deleting the Secret.

use groundcrew::client::errors::explain;
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret as SecretObject, ServiceAccount};
use kube::api::PostParams;
use zeroize::Zeroizing;

use crate::cluster::onboarding::issued::{Fresh, Product};
use crate::cluster::onboarding::run::Run;
use crate::cluster::onboarding::undo::{Made, Undo};
use crate::cluster::records;
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::Secret;
use crate::model::labels;
use crate::model::labels::annotation;
use crate::model::user::UserName;

impl Run<'_> {
    /// Issues a token for one generation.
    ///
    /// The account lives in the system namespace: anybody who may edit its namespace could make
    /// tokens for it, so it must not be the user's own.
    pub(super) async fn token(&self, generation: u32, undo: &mut Undo) -> Result<Fresh> {
        let user = &self.options.user;
        let account = labels::binding_name(user);
        self.interrupt.check()?;
        self.account(&account, undo).await?;
        let secret = self.token_secret(generation, undo).await?;
        self.interrupt.check()?;
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Vec::new(),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Secret".to_owned()),
                    name: secret.metadata.name.clone(),
                    uid: secret.metadata.uid.clone(),
                }),
                expiration_seconds: i64::try_from(self.options.expires().as_secs()).ok(),
            },
            ..TokenRequest::default()
        };
        // A token whose answer is lost is known to nobody and goes with its Secret, so there is
        // nothing to read back.
        let accounts = self.session.in_(SYSTEM_NAMESPACE).of::<ServiceAccount>();
        let issued = accounts
            .api()
            .create_token_request(&account, &PostParams::default(), &request)
            .await
            .map_err(|error| {
                let doing = accounts.doing("create").sub("token");
                explain(error, &doing.named(&account))
            })?;
        let Some(status) = issued.status else {
            return Err(Error::failed(
                "the server answered a token request without a token",
            ));
        };
        let not_after =
            Timestamp::from_second(status.expiration_timestamp.0.as_second()).unwrap_or_default();
        Ok(Fresh {
            kind: CredentialKind::Token,
            groups: Vec::new(),
            not_after,
            sha256: None,
            not_before: None,
            secret: Product::Kubeconfig(Secret::Token(Zeroizing::new(status.token))),
        })
    }

    /// Deletes the Secret behind a token, which ends the token.
    pub(super) async fn delete_token_secret(&self, generation: u32) -> Result<()> {
        let name = secret_name(&self.options.user, generation);
        let secrets = self.session.in_(SYSTEM_NAMESPACE).of::<SecretObject>();
        if let Some(found) = secrets.find(&name).await? {
            secrets.delete(&self.writer, &found.metadata).await?;
        }
        Ok(())
    }

    async fn account(&self, name: &str, undo: &mut Undo) -> Result<()> {
        let mut object = ServiceAccount {
            metadata: labels::object(name, Some(SYSTEM_NAMESPACE), &self.options.user),
            ..ServiceAccount::default()
        };
        // No pod is meant to run as the user.
        object.automount_service_account_token = Some(false);
        let accounts = self.session.in_(SYSTEM_NAMESPACE).of::<ServiceAccount>();
        let owner = object.metadata.annotations.clone();
        let is_theirs = |found: &ServiceAccount| found.metadata.annotations == owner;
        let mut made = accounts.create(&self.writer, &object, is_theirs).await;
        if made.as_ref().is_err_and(Error::is_not_found) {
            records::system_namespace(self.session, &self.writer).await?;
            made = accounts.create(&self.writer, &object, is_theirs).await;
        }
        match made {
            Ok(made) => undo.made(Made::of(&made)),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn token_secret(&self, generation: u32, undo: &mut Undo) -> Result<SecretObject> {
        let user = &self.options.user;
        let name = secret_name(user, generation);
        let mut object = SecretObject {
            metadata: labels::object(&name, Some(SYSTEM_NAMESPACE), user),
            ..SecretObject::default()
        };
        object
            .metadata
            .annotations
            .get_or_insert_default()
            .extend([annotation(generation)]);
        // A Secret that a dead run left may have a token bound to it that nobody knows of.
        self.delete_token_secret(generation).await?;
        let secrets = self.session.in_(SYSTEM_NAMESPACE).of::<SecretObject>();
        let wanted = object.metadata.annotations.clone();
        let is_ours = |found: &SecretObject| found.metadata.annotations == wanted;
        let made = secrets.create(&self.writer, &object, is_ours).await;
        let made = made.map_err(|error| self.raced(error))?;
        undo.made(Made::of(&made));
        Ok(made)
    }
}

fn secret_name(user: &UserName, generation: u32) -> String {
    format!("onboard-{}-g{generation}", user.slug())
}
