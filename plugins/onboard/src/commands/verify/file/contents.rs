//! What a kubeconfig says of itself.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use kube::config::Kubeconfig;
use zeroize::Zeroizing;

use crate::commands::verify::judge::Held;
use crate::model::credential::{Issued, TokenClaims, unbase64};
use crate::model::credential_kind::CredentialKind;
use crate::model::record;
use crate::model::user::UserName;

/// Larger than any kubeconfig with embedded certificates; stops at devices and logs.
const MAX_SIZE: u64 = 1024 * 1024;

/// What a file says of itself.
pub struct Contents {
    /// The context's namespace.
    pub(super) namespace: Option<String>,
    /// Whose it says it is: the certificate's `CN`, the token's `sub`.
    pub(super) subject: Option<String>,
    /// The groups inside a certificate.
    pub(super) groups: Vec<String>,
    /// When it ends by itself.
    pub(super) not_after: Option<Timestamp>,
    /// Certificate or token.
    pub(super) kind: Option<CredentialKind>,
    /// The program that logs the holder in, when there is no credential in the file.
    pub(super) login: Option<String>,
    /// What it is when it is one of ours: the record's name and the credential.
    pub(super) ours: Option<(String, Held)>,
}

/// Reads the file, once.
pub fn read(path: &Path) -> Result<Zeroizing<String>> {
    let shown = path.display();
    let refuse = |why: &str| Error::usage(format!("{shown} {why}"));
    let metadata = std::fs::metadata(path)
        .map_err(|error| Error::usage(format!("cannot read {shown}")).with_source(error))?;
    if !metadata.is_file() {
        return Err(refuse("is not a regular file"));
    }
    if metadata.len() > MAX_SIZE {
        return Err(refuse("is larger than any kubeconfig"));
    }
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(MAX_SIZE).read_to_string(&mut text))
        .map_err(|error| Error::usage(format!("cannot read {shown}")).with_source(error))?;
    Ok(text)
}

/// Reads what the file says, without asking anybody.
pub fn contents(text: &str, path: &Path) -> Result<Contents> {
    let shown = path.display();
    let refuse = |why: &str| Error::usage(format!("{shown} {why}"));
    let config = Kubeconfig::from_yaml(text).map_err(|_| refuse("is not a kubeconfig"))?;
    let current = config.current_context.as_deref().unwrap_or_default();
    let context = config
        .contexts
        .iter()
        .find(|context| context.name == current)
        .and_then(|context| context.context.as_ref())
        .ok_or_else(|| refuse("chooses no context"))?;
    let user = context.user.as_deref().unwrap_or_default();
    let entry = config.auth_infos.iter().find(|entry| entry.name == user);
    let who = entry.and_then(|entry| entry.auth_info.as_ref());
    let namespace = context.namespace.clone();
    let mut contents = Contents {
        namespace,
        subject: None,
        groups: Vec::new(),
        not_after: None,
        kind: None,
        login: None,
        ours: None,
    };
    let Some(who) = who else { return Ok(contents) };
    if let Some(data) = &who.client_certificate_data {
        let pem = unbase64(data).ok_or_else(|| refuse("holds a certificate that is not base64"))?;
        certificate(&mut contents, Issued::from_pem(&pem)?);
    } else if let Some(token) = &who.token {
        use secrecy::ExposeSecret as _;
        if let Some(claims) = TokenClaims::read(token.expose_secret()) {
            self::token(&mut contents, claims);
        } else {
            contents.kind = Some(CredentialKind::Token);
        }
    } else if let Some(exec) = &who.exec {
        contents.kind = Some(CredentialKind::Exec);
        contents.login = Some(exec.command.clone().unwrap_or_default());
    }
    Ok(contents)
}

fn certificate(contents: &mut Contents, issued: Issued) {
    if let Ok(user) = UserName::parse(&issued.user)
        && let Some(generation) = issued
            .groups
            .iter()
            .find_map(|group| user.generation_of(group))
    {
        let held = Held {
            kind: CredentialKind::Certificate,
            generation,
            not_after: issued.not_after,
            sha256: Some(issued.sha256),
        };
        contents.ours = Some((record::name(&user), held));
    }
    contents.kind = Some(CredentialKind::Certificate);
    contents.subject = Some(issued.user);
    contents.groups = issued.groups;
    contents.not_after = Some(issued.not_after);
}

fn token(contents: &mut Contents, claims: TokenClaims) {
    let account = claims
        .subject
        .strip_prefix(&format!("system:serviceaccount:{SYSTEM_NAMESPACE}:"))
        .filter(|account| account.starts_with("onboard-"));
    let generation = claims.secret.as_deref().and_then(|secret| {
        let (_, generation) = secret.rsplit_once("-g")?;
        generation.parse().ok()
    });
    if let (Some(account), Some(generation)) = (account, generation) {
        let held = Held {
            kind: CredentialKind::Token,
            generation,
            not_after: claims.not_after,
            sha256: None,
        };
        // The account has the same name as the record.
        contents.ours = Some((account.to_owned(), held));
    }
    contents.kind = Some(CredentialKind::Token);
    contents.not_after = Some(claims.not_after);
    contents.subject = Some(claims.subject);
}
