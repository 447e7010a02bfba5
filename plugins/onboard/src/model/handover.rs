//! The file that goes from the admin to the user: the certificate for the key that the user keeps,
//! and where the cluster is. It holds no secret.
//!
//! A PEM file with text before its first block, which readers of PEM skip (RFC 7468, section 2);
//! here that text is a YAML document.

use groundcrew::error::Result;
use groundcrew::output::{API_VERSION, yaml};
use groundcrew::tenancy::is_label;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::model::credential::{base64, unbase64};
use crate::model::kind::Kind;
use crate::model::kubeconfig::{Document, Endpoint};
use crate::model::user::UserName;
use crate::model::way;

/// Larger than any certificate with a CA bundle; stops at devices and logs.
pub const MAX_SIZE: u64 = 1024 * 1024;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// What the user has to know besides their certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    api_version: String,
    kind: Kind,
    /// The user name, exactly.
    pub user: String,
    /// The generation of the certificate.
    pub generation: u32,
    /// The user's namespace.
    pub namespace: String,
    /// What the admin's kubeconfig calls the cluster.
    pub cluster: String,
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
    /// What the user's role gives them, as far as it is tried out: `create pods`.
    #[serde(default)]
    pub grants: Vec<String>,
    /// A LimitRange fills in resources that a pod leaves out.
    #[serde(default)]
    pub limited: bool,
}

impl Handover {
    /// Puts the head of the file together.
    #[must_use]
    pub fn new(
        user: &UserName,
        generation: u32,
        namespace: &str,
        cluster: &str,
        endpoint: &Endpoint,
    ) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: Kind::OnboardHandover,
            user: user.as_str().to_owned(),
            generation,
            namespace: namespace.to_owned(),
            cluster: cluster.to_owned(),
            server: endpoint.server.clone(),
            certificate_authority_data: endpoint.certificate_authority.as_deref().map(base64),
            tls_server_name: endpoint.tls_server_name.clone(),
            proxy_url: endpoint.proxy_url.clone(),
            grants: Vec::new(),
            limited: false,
        }
    }

    /// Returns where the cluster is, as the file says it; [`Self::parse`] checks it.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: self.server.clone(),
            certificate_authority: self
                .certificate_authority_data
                .as_deref()
                .and_then(unbase64),
            tls_server_name: self.tls_server_name.clone(),
            proxy_url: self.proxy_url.clone(),
        }
    }

    /// Returns the whole file.
    ///
    /// # Errors
    ///
    /// Only when a value has no YAML form.
    pub fn with_certificate(&self, certificate: &[u8]) -> Result<Document> {
        let mut text = format!(
            "# The certificate of {} for cluster {}; it holds no secret.\n\
             # On the machine that holds the key:  kubectl onboard accept FILE --merge\n",
            self.user,
            self.cluster.escape_debug()
        );
        text.push_str(&yaml(self)?);
        text.push_str(&String::from_utf8_lossy(certificate));
        Ok(Document::from_text(Zeroizing::new(text)))
    }

    /// Reads a file; returns its head and its certificate chain as PEM.
    ///
    /// # Errors
    ///
    /// Why it is no such file, as half a sentence.
    pub fn parse(text: &str) -> Result<(Self, &str), String> {
        let at = text.find(BEGIN).ok_or("it holds no certificate")?;
        let (head, chain) = text.split_at(at);
        if text.contains("PRIVATE KEY-----") {
            return Err("it holds a private key, which no such file does".to_owned());
        }
        let head: Self = serde_saphyr::from_str(head).map_err(|_| {
            "the text before its certificate does not say which cluster it is for".to_owned()
        })?;
        if head.kind != Kind::OnboardHandover || head.api_version != API_VERSION {
            return Err(format!(
                "it is a {:?} of {}; this version reads {API_VERSION}",
                head.kind, head.api_version
            ));
        }
        if !is_label(&head.namespace) {
            return Err(format!("{:?} cannot name a namespace", head.namespace));
        }
        way::cluster_name(&head.cluster)?;
        let encoded = head.certificate_authority_data.as_deref();
        if encoded.is_some_and(|data| unbase64(data).is_none()) {
            return Err("its certificateAuthorityData is not base64".to_owned());
        }
        way::checked(&head.endpoint())?;
        Ok((head, chain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Handover {
        let user = UserName::parse("alice").unwrap();
        let endpoint = Endpoint {
            server: "https://10.1.2.3:6443".to_owned(),
            certificate_authority: Some(include_bytes!("way/ca.crt").to_vec()),
            tls_server_name: None,
            proxy_url: None,
        };
        Handover::new(&user, 2, "alice", "prod", &endpoint)
    }

    fn text(head: &Handover) -> String {
        let certificate = format!("{BEGIN}\nMAA=\n-----END CERTIFICATE-----\n");
        let document = head.with_certificate(certificate.as_bytes()).unwrap();
        document.as_str().to_owned()
    }

    #[test]
    fn the_file_is_text_and_says_everything() {
        insta::assert_snapshot!(text(&head()));
    }

    #[test]
    fn what_was_written_is_read_back() {
        let text = text(&head());
        let (read, chain) = Handover::parse(&text).unwrap();
        assert_eq!(read, head());
        assert!(chain.starts_with(BEGIN));
        let authority = read.endpoint().certificate_authority.unwrap();
        assert_eq!(authority, include_bytes!("way/ca.crt"));
    }

    #[test]
    fn what_leads_elsewhere_or_holds_a_key_is_refused() {
        let good = text(&head());
        let key = format!("-----BEGIN {}KEY-----\n", "PRIVATE ");
        for (bad, why) in [
            (good.replace("https://", "http://"), "address"),
            (
                good.replace("namespace: alice", "namespace: ../x"),
                "namespace",
            ),
            (
                good.replace("OnboardHandover", "OnboardReport"),
                "OnboardReport",
            ),
            (good.replace("v1alpha1", "v9"), "v9"),
            (good.replace("user: alice", "{"), "text before"),
            (good.replace(BEGIN, "-----BEGIN X-----"), "no certificate"),
            (good.clone() + &key, "private key"),
            (
                good.replace("cluster: prod", "cluster: 'x; touch PWN #'"),
                "name a cluster",
            ),
            (
                good.replace(
                    "cluster: prod",
                    "cluster: \"prod (https://a)\\n  credential x\"",
                ),
                "name a cluster",
            ),
            (good.replace("https://", "https://a:b@"), "user name"),
            (good.replace(":6443", ":6443/?a#b"), "query"),
        ] {
            let error = Handover::parse(&bad).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
