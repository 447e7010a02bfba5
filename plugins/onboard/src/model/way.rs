//! The way to an API server as it goes into somebody else's file: every part is parsed, and only
//! what is wanted goes on. Nothing of an admin's kubeconfig is copied as bytes.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::der::Decode as _;

use crate::model::credential::base64;
use crate::model::kubeconfig::Endpoint;

/// Longest name of a cluster.
const MAX_NAME: usize = 253;

/// Checks the address of an API server.
///
/// # Errors
///
/// Why it is none, as half a sentence that quotes no secret.
pub fn server(text: &str) -> Result<String, String> {
    let uri = parse(text)?;
    if uri.scheme_str() != Some("https") {
        return Err(format!(
            "{:?} is not the address of an API server: it does not begin with https://",
            bare(&uri)
        ));
    }
    Ok(text.to_owned())
}

/// Checks the address of a proxy.
///
/// # Errors
///
/// Why it cannot be handed to somebody, as half a sentence that quotes no secret.
pub fn proxy(text: &str) -> Result<String, String> {
    let uri = parse(text).map_err(|why| format!("the proxy: {why}"))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(text.to_owned()),
        _ => Err(format!(
            "the proxy {:?} is not one that kubectl knows: http, https or socks5",
            bare(&uri)
        )),
    }
}

/// Checks the name that the server's certificate is expected to have.
///
/// # Errors
///
/// Why it is none.
pub fn server_name(text: &str) -> Result<String, String> {
    match rustls_pki_types::ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} cannot be the name in a certificate")),
    }
}

/// Checks the name of a cluster, which becomes part of the name of a context that people paste.
///
/// # Errors
///
/// Why it cannot be used.
pub fn cluster_name(text: &str) -> Result<(), String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || "._@:/-".contains(character);
    if text.is_empty() {
        return Err("it does not name the cluster".to_owned());
    }
    if text.len() > MAX_NAME || !text.chars().all(fits) {
        return Err(format!(
            "{text:?} cannot name a cluster: letters, digits and . _ @ : / -, at most {MAX_NAME}"
        ));
    }
    Ok(())
}

/// Returns the certificates of a PEM text, and nothing else of it. What cannot be read is left out,
/// as `AppendCertsFromPEM` of Go's `crypto/x509` does.
///
/// # Errors
///
/// That it holds none.
pub fn certificates(pem: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = String::new();
    for certificate in CertificateDer::pem_slice_iter(pem).flatten() {
        if x509_cert::Certificate::from_der(&certificate).is_err() {
            continue;
        }
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = base64(&certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    if text.is_empty() {
        return Err("the certificate authority holds no certificate".to_owned());
    }
    Ok(text.into_bytes())
}

/// Returns a way of which every part was checked.
///
/// # Errors
///
/// What cannot go on, as half a sentence that quotes no secret.
pub fn checked(way: &Endpoint) -> Result<Endpoint, String> {
    let authority = way.certificate_authority.as_deref();
    Ok(Endpoint {
        server: server(&way.server)?,
        certificate_authority: authority.map(certificates).transpose()?,
        tls_server_name: way
            .tls_server_name
            .as_deref()
            .map(server_name)
            .transpose()?,
        proxy_url: way.proxy_url.as_deref().map(proxy).transpose()?,
    })
}

/// Parses an address that has a host and neither a user name nor a query nor a fragment: kubectl
/// ignores those of a server, and a user name is somebody's.
fn parse(text: &str) -> Result<http::Uri, String> {
    let uri = text.parse::<http::Uri>().ok();
    let uri = uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    let authority = |uri: &http::Uri| uri.authority().map(ToString::to_string);
    let Some(uri) = uri else {
        // It may hold a password, so it is not quoted.
        return Err("its address cannot be parsed".to_owned());
    };
    if authority(&uri).is_some_and(|authority| authority.contains('@')) {
        return Err(format!("the address of {} holds a user name", bare(&uri)));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(format!(
            "the address of {} has a query or a fragment",
            bare(&uri)
        ));
    }
    Ok(uri)
}

/// Returns scheme, host and port alone.
fn bare(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().map(|scheme| format!("{scheme}://"));
    let port = uri.port_u16().map(|port| format!(":{port}"));
    format!(
        "{}{}{}",
        scheme.unwrap_or_default(),
        uri.host().unwrap_or_default(),
        port.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_goes_on_without_anybodys_name() {
        for good in [
            "https://10.0.0.1:6443",
            "https://rancher.example/k8s/clusters/c-1",
            "https://[::1]:1",
        ] {
            assert_eq!(server(good).unwrap(), good);
        }
        for bad in [
            "http://api.example",
            "https://ops:s3cret@api.example",
            "https://ops@api.example",
            "https://api.example/?x=s3cret",
            "https://api.example/#s3cret",
            "ops:s3cret",
            "https://",
            "",
        ] {
            let why = server(bad).unwrap_err();
            assert!(!why.contains("s3cret"), "{bad}: {why}");
        }
    }

    #[test]
    fn a_proxy_goes_on_without_a_password() {
        for good in [
            "http://proxy:3128",
            "socks5://10.0.0.1:1080",
            "https://p.example",
        ] {
            assert_eq!(proxy(good).unwrap(), good);
        }
        for bad in [
            "http://ops:s3cret@proxy:3128",
            "ftp://proxy",
            "s3cret@proxy",
            "http://ops@proxy",
        ] {
            let why = proxy(bad).unwrap_err();
            assert!(!why.contains("s3cret"), "{bad}: {why}");
        }
    }

    #[test]
    fn a_cluster_has_a_name_that_can_be_pasted() {
        for good in ["prod", "arn:aws:eks:eu-1:1:cluster/a_b", "kind-a.b@c"] {
            assert_eq!(cluster_name(good), Ok(()));
        }
        let long = "a".repeat(254);
        for bad in ["", "x; touch PWN #", "a b", "a\nb", "$(id)", "ünï", &long] {
            assert!(cluster_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_an_authority_certificates_alone_go_on() {
        let certificate = include_str!("way/ca.crt");
        let key = format!(
            "-----BEGIN {0} KEY-----\nc2VjcmV0\n-----END {0} KEY-----\n",
            "PRIVATE"
        );
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let all = format!("words before\n{key}{certificate}{broken}{certificate}{key}words after");
        let kept = String::from_utf8(certificates(all.as_bytes()).unwrap()).unwrap();
        assert_eq!(kept, certificate.repeat(2));
        for bad in ["", "words", &key, broken] {
            assert!(certificates(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
