//! A renewal that the user asks for themselves, with the certificate that the user still holds.
//!
//! The API server stamps every request with who made it, so the user's valid certificate is what
//! proves that it is the user; an admin approves. The key is made on their machine and stays there.

use crate::local::kubeconfig::file;
use crate::model::product::PRODUCT;
use std::path::{Path, PathBuf};
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::client::{Session, access};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use zeroize::Zeroizing;

use crate::cluster::certificates::Requests;
use crate::local::kubeconfig::existing::look;
use crate::local::new_file;
use crate::model::credential::{Issued, KeyAndRequest, key_of};
use crate::model::kubeconfig::{Document, Endpoint, Existing, Secret};
use crate::model::objects::certificate_request::{Signed, request};
use crate::model::user::UserName;
use crate::model::{labels, product, signing_request};

/// The longest pause between two looks at a request.
const PATIENCE: Duration = Duration::from_secs(2);

/// The shortest time that the user's old certificate has to live on after an approval: it is the
/// one with which the user fetches the new one.
pub const SHORTEST_GRACE: Duration = Duration::from_secs(10);

/// What the user asks for.
pub struct Ask<'a> {
    /// The user's own session.
    pub session: &'a Session,
    /// The generation, when an admin has named it; otherwise the one after the user's.
    pub generation: Option<u32>,
    /// How long it shall last.
    pub expires: Duration,
    /// How long to wait for the admin.
    pub timeout: Duration,
    /// Where the user's kubeconfig goes.
    pub out: Option<PathBuf>,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
}

impl Ask<'_> {
    /// Makes a key and a request, waits until it is approved, and writes the user's new kubeconfig.
    ///
    /// The key waits in a file beside it, so that a second run goes on with the same request.
    ///
    /// # Errors
    ///
    /// Usage, when this session is not that of somebody onboarded; timed out, when nobody has
    /// approved yet; failed, when it was denied.
    pub async fn run(&self) -> Result<Exit> {
        let me = access::who_am_i(self.session).await?;
        let stranger = || {
            Error::usage(format!(
                "{:?} has no certificate from kubectl onboard",
                me.username
            ))
            .with_hint("use the kubeconfig that you were given:  --kubeconfig FILE")
        };
        let user = UserName::parse(&me.username).map_err(|_| stranger())?;
        let held = me
            .groups
            .iter()
            .filter_map(|group| user.generation_of(group));
        let held = held.max().ok_or_else(stranger)?;
        let generation = self.generation.unwrap_or(held + 1);
        let out = self.out.clone();
        let out = out
            .unwrap_or_else(|| signing_request::file_name(&user, generation, "kubeconfig").into());
        if look(&out, &user, &self.session.cluster)? != Existing::Absent {
            return Err(Error::usage(format!("{} exists already", out.display()))
                .with_hint("name another file with --out"));
        }
        let key_file = PathBuf::from(format!("{}.key", out.display()));
        let pair = self.key(&key_file, &user, generation)?;
        let name = self.send(&pair, &user, generation).await?;
        self.ui
            .status(format_args!("request {name} is waiting for an admin:"));
        self.ui
            .status(format_args!("  kubectl onboard renew {user} --approve"));
        let chain = self.wait(&name, &user).await?;
        let issued = Issued::from_pem(&chain)?;
        let group = user.generation_group(generation);
        if issued.key_fingerprint != pair.fingerprint() || issued.groups != [group] {
            return Err(Error::failed(format!(
                "the certificate issued for {name} does not match the request"
            )));
        }
        let own = &self.session.endpoint;
        let endpoint = Endpoint {
            server: own.server.clone(),
            certificate_authority: own.certificate_authority.clone(),
            tls_server_name: own.tls_server_name.clone(),
            proxy_url: own.proxy_url.clone(),
        };
        let secret = Secret::Certificate {
            certificate: chain,
            key: Zeroizing::new(pair.key_pem().to_owned()),
        };
        let (cluster, namespace) = (&self.session.cluster, &self.session.namespace);
        let document = Document::new(&user, cluster, namespace, &endpoint, &secret)?;
        file::write(&document, &out, false)?;
        let seen = self.prove(&document, &out, &user).await?;
        if seen != generation {
            return Err(Error::failed(format!(
                "the server sees generation {seen} when {} is used",
                out.display()
            )));
        }
        // From here on the key is in the user's kubeconfig.
        let _ = std::fs::remove_file(&key_file);
        self.ui.answer(format_args!(
            "{user} holds generation {generation} until {}.\n  kubeconfig   {}   (0600)\n",
            issued.not_after.strftime("%Y-%m-%d %H:%M UTC"),
            out.display()
        ))?;
        Ok(Exit::Done)
    }

    /// Makes the key, or takes the one of a run that did not wait long enough.
    fn key(&self, file: &Path, user: &UserName, generation: u32) -> Result<KeyAndRequest> {
        let groups = [user.generation_group(generation)];
        match std::fs::read_to_string(file) {
            Ok(pem) => KeyAndRequest::of(key_of(&pem, file)?, user.as_str(), &groups),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let pair = KeyAndRequest::new(user.as_str(), &groups)?;
                new_file::write_new(file, pair.key_pem(), true)?;
                Ok(pair)
            }
            Err(error) => {
                Err(Error::failed(format!("cannot read {}", file.display())).with_source(error))
            }
        }
    }

    async fn send(&self, pair: &KeyAndRequest, user: &UserName, generation: u32) -> Result<String> {
        // The key is part of the name: the same request is found again, and no other.
        let name = format!(
            "onboard-{}-self-g{generation}-{}",
            user.slug(),
            &pair.fingerprint()[..8]
        );
        let mut metadata = labels::object(&name, None, user);
        metadata
            .annotations
            .get_or_insert_default()
            .insert(labels::RENEWAL.to_owned(), generation.to_string());
        let object = request(metadata, pair.request_pem(), self.expires);
        let writer = Writer {
            field_manager: product::field_manager(None),
            dry_run: false,
            force_conflicts: false,
        };
        let requests = Requests::of(self.session);
        match requests.send(&writer, &object, |_| true).await {
            Err(error) if !error.is_conflict() => Err(error.with_hint(format!(
                "an admin can allow it:  kubectl onboard {user} --self-renewal"
            ))),
            _ => Ok(name),
        }
    }

    async fn wait(&self, name: &str, user: &UserName) -> Result<Vec<u8>> {
        let _progress = self.ui.progress("waiting for an admin's approval");
        let requests = Requests::of(self.session);
        let signed = requests.wait(name, self.timeout, PATIENCE, self.interrupt);
        let signed = signed.await?;
        let refused =
            |word: &str, why: &str| Error::failed(format!("request {name} was {word}: {why}"));
        match signed {
            Signed::Issued(chain) => Ok(chain),
            Signed::Denied(why) => Err(refused("denied", &why)),
            Signed::Failed(why) => Err(refused("failed", &why)),
            Signed::Silent => Err(Error::timed_out(format!(
                "request {name} was not approved within {}",
                Span(self.timeout)
            ))
            .with_hint(format!("an admin:  kubectl onboard renew {user} --approve"))
            .with_hint("then run the same command again: it continues with the same key")),
        }
    }

    /// Returns the generation that the server sees with the new file.
    async fn prove(&self, document: &Document, out: &Path, user: &UserName) -> Result<u32> {
        let tuning = groundcrew::flags::kube::Tuning::default();
        let product = PRODUCT;
        let text = document.as_str().as_bytes();
        let session = client::from_kubeconfig(text, out, tuning, &product, self.ui).await?;
        let me = access::who_am_i(&session).await?;
        let seen = me
            .groups
            .iter()
            .filter_map(|group| user.generation_of(group));
        Ok(seen.max().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use k8s_openapi::api::certificates::v1::{
        CertificateSigningRequest, CertificateSigningRequestSpec,
    };

    use super::*;
    use crate::commands::renew::approve::{is_open_renewal, vouch};
    use crate::model::objects::certificate_request::{SIGNER, USAGES};

    fn asked(made_by: &str, generation: u32, pair: &KeyAndRequest) -> CertificateSigningRequest {
        CertificateSigningRequest {
            spec: CertificateSigningRequestSpec {
                username: Some(made_by.to_owned()),
                groups: Some(vec![
                    format!("onboard:{made_by}:g{generation}"),
                    "system:authenticated".to_owned(),
                ]),
                request: ByteString(pair.request_pem().as_bytes().to_vec()),
                signer_name: SIGNER.to_owned(),
                usages: Some(USAGES.map(str::to_owned).to_vec()),
                ..CertificateSigningRequestSpec::default()
            },
            ..CertificateSigningRequest::default()
        }
    }

    #[test]
    fn only_the_user_with_a_live_generation_is_approved() {
        let alice = UserName::parse("alice").unwrap();
        let pair = KeyAndRequest::new("alice", &["onboard:alice:g3".to_owned()]).unwrap();
        let good = asked("alice", 2, &pair);
        assert_eq!(vouch(&good, &alice, &[2]).unwrap().generation(), 3);
        let why = |asked: &CertificateSigningRequest, live: &[u32]| {
            vouch(asked, &alice, live).unwrap_err().to_string()
        };
        assert!(why(&asked("mallory", 2, &pair), &[2]).contains("mallory"));
        assert!(why(&good, &[1]).contains("not active"));
        let mut other = good.clone();
        other.spec.usages = Some(vec!["server auth".to_owned()]);
        assert!(why(&other, &[2]).contains("server auth"));
        let more = ["onboard:alice:g3".to_owned(), "system:masters".to_owned()];
        let more = KeyAndRequest::new("alice", &more).unwrap();
        assert!(why(&asked("alice", 2, &more), &[2]).contains("system:masters"));
    }

    #[test]
    fn a_decided_request_is_not_found_again() {
        let pair = KeyAndRequest::new("alice", &[]).unwrap();
        let mut request = asked("alice", 1, &pair);
        assert!(!is_open_renewal(&request));
        let note = (labels::RENEWAL.to_owned(), "2".to_owned());
        request.metadata.annotations = Some([note].into());
        assert!(is_open_renewal(&request));
        request.status = serde_json::from_value(serde_json::json!({
            "conditions": [{"type": "Denied", "status": "True"}],
        }))
        .unwrap();
        assert!(!is_open_renewal(&request));
    }
}
