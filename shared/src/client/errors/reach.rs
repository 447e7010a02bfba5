//! Requests that got no answer: refused, no such host, a bad certificate, lost, too slow.

use std::error::Error as StdError;
use std::io::ErrorKind;

use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};

use super::doing::Doing;
use crate::client::layers::{AnswerTooLarge, Failed, TimedOut, find, io_kind};
use crate::error::{Error, Kind};

/// Explains an error of the connection in kubectl's words.
pub(super) fn explain(error: &(dyn StdError + 'static), doing: &Doing) -> Error {
    let failed = find::<Failed>(error);
    let server = failed.map_or("the server", |failed| failed.server.as_str());
    let proxy = failed.and_then(|failed| failed.proxy.as_deref());
    let refused = io_kind(error) == Some(ErrorKind::ConnectionRefused);
    if refused && let Some(proxy) = proxy {
        return unable(&format!("the connection to the proxy {proxy} was refused"))
            .with_hint("check the cluster's proxy-url, HTTPS_PROXY and NO_PROXY");
    }
    if refused {
        return Error::failed(format!(
            "The connection to the server {server} was refused - did you specify the right host or port?"
        ))
        .verbatim();
    }
    if let Some(timed_out) = find::<TimedOut>(error) {
        return Error::new(
            Kind::TimedOut,
            format!("Unable to connect to the server: {timed_out}"),
        )
        .verbatim()
        .with_detail(format!("while: {doing}"))
        .with_hint("pass a longer --request-timeout, or 0 for none");
    }
    if let Some(too_large) = find::<AnswerTooLarge>(error) {
        return Error::failed(format!("cannot read the answer of {server}: {too_large}"))
            .with_detail(format!("while: {doing}"))
            .with_hint(format!(
                "check that {server} is a Kubernetes API server: kubectl version"
            ));
    }
    let error = unable(&cause(error));
    let error = hint(
        error,
        find_tls(failed.map(|failed| failed.cause.as_ref())),
        server,
    );
    match proxy {
        Some(proxy) => error.with_detail(format!("through the proxy {proxy}")),
        None => error,
    }
}

fn unable(cause: &str) -> Error {
    Error::failed(format!("Unable to connect to the server: {cause}")).verbatim()
}

fn find_tls<'a>(
    error: Option<&'a (dyn StdError + Send + Sync + 'static)>,
) -> Option<&'a rustls::Error> {
    find::<rustls::Error>(error?)
}

/// Returns what went wrong in a few words, Go's where Go has some.
pub(super) fn cause(error: &(dyn StdError + 'static)) -> String {
    if let Some(tls) = find::<rustls::Error>(error) {
        return tls_cause(tls);
    }
    if let Some(timed_out) = find::<TimedOut>(error) {
        return timed_out.to_string();
    }
    let failed = find::<Failed>(error);
    let inner = failed.map_or(error, |failed| failed.cause.as_ref());
    let server = failed.map_or("the server", |failed| failed.server.as_str());
    match io_kind(inner) {
        Some(ErrorKind::TimedOut) => {
            return format!("{server} did not accept the connection in time");
        }
        Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            return format!("{server} closed the connection");
        }
        _ => {}
    }
    let text = chain(inner);
    if text.contains("dns error") {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        let why = find::<std::io::Error>(inner)
            .map(ToString::to_string)
            .unwrap_or_default();
        return format!("no address found for {host} ({why})");
    }
    if let Some(hyper) = find::<hyper::Error>(inner)
        && (hyper.is_incomplete_message() || hyper.is_canceled())
    {
        return format!("{server} closed the connection");
    }
    // The connector's own words say only that it is one.
    text.trim_start_matches("client error (Connect): ")
        .to_owned()
}

fn tls_cause(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => {
            format!("tls: failed to verify certificate: x509: {}", x509(error))
        }
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "the server gave an HTTP response to an HTTPS client".to_owned()
        }
        other => format!("tls: {other}"),
    }
}

fn x509(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "certificate signed by unknown authority".to_owned()
        }
        CertificateError::Expired | CertificateError::NotValidYet => {
            "certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => format!(
            "certificate has expired or is not yet valid: current time {} is after {}",
            stamp(*time),
            stamp(*not_after)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "certificate has expired or is not yet valid: current time {} is before {}",
            stamp(*time),
            stamp(*not_before)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = presented_names(presented);
            let expected = match expected {
                ServerName::IpAddress(address) => std::net::IpAddr::from(*address).to_string(),
                name => name.to_str().into_owned(),
            };
            if names.is_empty() {
                format!("certificate is not valid for any names, but wanted to match {expected}")
            } else {
                format!(
                    "certificate is valid for {}, not {expected}",
                    names.join(", ")
                )
            }
        }
        other => other.to_string(),
    }
}

/// The verifier lists names as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn presented_names(presented: &[String]) -> Vec<&str> {
    presented
        .iter()
        .map(|name| {
            let inner = name
                .split_once('(')
                .and_then(|(_, rest)| rest.strip_suffix(')'));
            inner.unwrap_or(name).trim_matches('"')
        })
        .collect()
}

fn stamp(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| time.as_secs().to_string(), |time| time.to_string())
}

fn hint(error: Error, tls: Option<&rustls::Error>, server: &str) -> Error {
    match tls {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => error.with_hint(
                "the kubeconfig's certificate authority is not this server's; get a fresh \
                 kubeconfig, or pass --certificate-authority=FILE",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                error.with_hint("compare this machine's clock: date -u")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => error.with_hint(
                "compare this machine's clock (date -u); if it is right, the server's certificate \
                 has to be renewed",
            ),
            CertificateError::NotValidForNameContext { presented, .. } => {
                match presented_names(presented).first() {
                    Some(name) => error.with_hint(format!(
                        "if {server} is the right address, pass --tls-server-name={name}"
                    )),
                    None => error,
                }
            }
            _ => error,
        },
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => error
            .with_hint(format!(
                "if {server} speaks plain HTTP, pass --server=http://{server}"
            )),
        Some(rustls::Error::AlertReceived(_)) => {
            error.with_hint("the server refused the client certificate; it may have expired")
        }
        _ => error,
    }
}

/// Returns an error with its causes, each text once.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}
