//! Connecting, by kubeconfigs and flags or by one document alone.

use std::path::Path;

use base64::Engine;
use http::Uri;
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::{Error, Result};
use crate::flags::kube::{KubeArgs, Tuning};
use crate::limits;
use crate::ui::Ui;

use super::product::Product;
use super::select::{self, Target, given};
use super::session::{Endpoint, Session};
use super::{crypto, exec, in_cluster, kubeconfig, layers, proxy};

/// Connects by the flags, the kubeconfig files and the environment, as kubectl would.
///
/// Nothing is sent yet, but an exec credential plugin is run, which may ask the user to log in.
///
/// # Errors
///
/// What is wrong with which file, context, cluster or user; what a credential plugin failed with.
pub async fn connect(args: &KubeArgs, product: &Product, ui: &Ui) -> Result<Session> {
    let places = kubeconfig::Places::of_process(args.kubeconfig.as_deref());
    let loaded = kubeconfig::load(&places)?;
    let target = match select::choose(&loaded.config, args)? {
        Some(target) => target,
        None => match in_cluster::target() {
            Some(target) => target.overridden(args)?,
            None => return Err(nothing_configured(&loaded)),
        },
    };
    let namespace = given(args.namespace.as_ref());
    open(target, namespace, args.tuning(), product, ui).await
}

/// Returns the merged kubeconfig that [`connect`] would use, without connecting.
///
/// # Errors
///
/// What cannot be read, with file and line.
pub fn merged_kubeconfig(explicit: Option<&Path>) -> Result<Kubeconfig> {
    kubeconfig::load(&kubeconfig::Places::of_process(explicit)).map(|loaded| loaded.config)
}

/// Connects by one document alone: no other file, no environment but the proxy variables.
///
/// This is how a kubeconfig that was made for another user is tried out; `name` is what errors
/// call it.
///
/// # Errors
///
/// That the document is broken, or refers to a file or program outside of it.
pub async fn from_kubeconfig(
    document: &[u8],
    name: &Path,
    tuning: Tuning,
    product: &Product,
    ui: &Ui,
) -> Result<Session> {
    let shown = name.display();
    let text = std::str::from_utf8(document)
        .map_err(|_| Error::failed(format!("kubeconfig {shown} is not text")))?;
    let config = kubeconfig::parse(text, name)?;
    let target = select::choose(&config, &KubeArgs::default())?
        .ok_or_else(|| Error::failed(format!("kubeconfig {shown} chooses no cluster")))?;
    if let Some(field) = target.outside_reference() {
        return Err(Error::failed(format!(
            "kubeconfig {shown} is not self-contained: it has {field}"
        )));
    }
    open(target, None, tuning, product, ui).await
}

fn nothing_configured(loaded: &kubeconfig::Loaded) -> Error {
    let mut error = Error::failed("no cluster is configured");
    for file in &loaded.missing {
        error = error.with_detail(format!("{} does not exist", file.display()));
    }
    for file in &loaded.read {
        error = error.with_detail(format!("{} has no current-context", file.display()));
    }
    let mut contexts: Vec<&str> = loaded
        .config
        .contexts
        .iter()
        .map(|context| context.name.as_str())
        .collect();
    contexts.sort_unstable();
    if contexts.is_empty() {
        error.with_hint("pass --kubeconfig=FILE, or set KUBECONFIG to the file of your cluster")
    } else {
        error
            .with_detail(format!("known contexts: {}", contexts.join(", ")))
            .with_hint("pass --context=NAME, or run: kubectl config use-context NAME")
    }
}

/// Builds the client for a target.
async fn open(
    mut target: Target,
    namespace: Option<&str>,
    tuning: Tuning,
    product: &Product,
    ui: &Ui,
) -> Result<Session> {
    crypto::install();
    let endpoint = endpoint(&target)?;
    let server = server_uri(&endpoint.server)?;
    refuse_auth_provider(&target)?;
    if server.scheme_str() == Some("https") {
        exec::settle(&mut target.user, &target.cluster).await?;
    } else {
        target.user = without_credentials(target.user);
    }
    check_token(&target)?;
    check_password(&mut target)?;
    // A token that stands in the kubeconfig comes first, as kube has it and client-go until now.
    let token = target
        .user
        .token_file
        .take()
        .filter(|_| target.user.token.is_none())
        .map(|path| layers::TokenFile::open(&path))
        .transpose()?;

    let mut config = kube::Config::new(server.clone());
    config.default_retry = false;
    config.disable_compression =
        tuning.disable_compression || target.cluster.disable_compression == Some(true);
    config.accept_invalid_certs = endpoint.insecure;
    config.tls_server_name.clone_from(&endpoint.tls_server_name);
    config.root_cert = endpoint
        .certificate_authority
        .as_deref()
        .map(certificates)
        .transpose()?;
    config.auth_info = target.user;
    let variables = proxy::Variables::of_process();
    config.proxy_url = proxy::choose(&server, endpoint.proxy_url.as_deref(), &variables)?;
    let chosen = namespace
        .or(target.namespace.as_deref())
        .unwrap_or("default")
        .to_owned();
    config.default_namespace.clone_from(&chosen);
    config
        .headers
        .push((http::header::USER_AGENT, product.user_agent()?));

    let counters = layers::Counters::default();
    let place = layers::Place {
        server: host_and_port(&server),
        proxy: config.proxy_url.as_ref().map(host_and_port),
        timeout: tuning.request_timeout,
    };
    let client = layers::client(config, token, place, &counters, ui).map_err(|source| {
        Error::failed(format!(
            "cannot set up the connection to {}",
            endpoint.server
        ))
        .with_source(source)
    })?;
    tracing::debug!(
        server = endpoint.server,
        namespace = chosen,
        "connection is set up"
    );
    Ok(Session {
        client,
        namespace: chosen,
        namespace_is_explicit: namespace.is_some(),
        context: target.context,
        cluster: target.cluster_name,
        user_entry: target.user_name,
        endpoint,
        counters,
        warnings_as_errors: tuning.warnings_as_errors,
    })
}

/// client-go knows no provider but OIDC any more; kube would run the program that one names.
fn refuse_auth_provider(target: &Target) -> Result<()> {
    let Some(provider) = target
        .user
        .auth_provider
        .as_ref()
        .filter(|provider| provider.name != "oidc")
    else {
        return Ok(());
    };
    Err(Error::failed(format!(
        "no Auth Provider found for name \"{}\"",
        provider.name
    ))
    .with_detail(format!(
        "user \"{}\" has an auth-provider, which kubectl no longer supports",
        target.user_name.as_deref().unwrap_or_default()
    ))
    .with_hint("get a kubeconfig with an exec credential plugin from your provider"))
}

/// A token with a line end or another control character in it cannot be sent.
fn check_token(target: &Target) -> Result<()> {
    use secrecy::ExposeSecret as _;
    let Some(token) = &target.user.token else {
        return Ok(());
    };
    let value = format!("Bearer {}", token.expose_secret());
    if http::HeaderValue::from_str(&value).is_ok() {
        return Ok(());
    }
    Err(
        Error::failed("invalid header field value for \"Authorization\"").with_detail(format!(
            "the token of user \"{}\" holds a line end or a control character",
            target.user_name.as_deref().unwrap_or_default()
        )),
    )
}

/// client-go refuses a user with both (`HTTPWrappersForConfig` in
/// `k8s.io/client-go/transport/round_trippers.go`), and takes a missing password as an empty one.
fn check_password(target: &mut Target) -> Result<()> {
    let user = &mut target.user;
    if user.username.is_none() {
        return Ok(());
    }
    if user.token.is_some() || user.token_file.is_some() {
        return Err(
            Error::failed("username/password or bearer token may be set, but not both")
                .with_detail(format!(
                    "user \"{}\" has both",
                    target.user_name.as_deref().unwrap_or_default()
                )),
        );
    }
    user.password.get_or_insert_default();
    Ok(())
}

fn endpoint(target: &Target) -> Result<Endpoint> {
    let Target {
        cluster,
        cluster_name,
        ..
    } = target;
    let server = cluster.server.clone().ok_or_else(|| {
        Error::failed(format!("cluster \"{cluster_name}\" has no server address"))
            .with_hint("pass --server=URL, or add it to the kubeconfig")
    })?;
    Ok(Endpoint {
        server,
        certificate_authority: authority(cluster, cluster_name)?,
        tls_server_name: cluster.tls_server_name.clone(),
        insecure: cluster.insecure_skip_tls_verify == Some(true),
        proxy_url: cluster.proxy_url.clone(),
    })
}

fn authority(cluster: &Cluster, name: &str) -> Result<Option<Vec<u8>>> {
    if let Some(data) = &cluster.certificate_authority_data {
        let pem = base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|source| {
                Error::failed(format!(
                    "certificate-authority-data of cluster \"{name}\" is not base64"
                ))
                .with_source(source)
            })?;
        return Ok(Some(pem));
    }
    let Some(file) = &cluster.certificate_authority else {
        return Ok(None);
    };
    limits::file(Path::new(file), limits::CONFIGURATION)
        .map(Some)
        .map_err(|source| {
            Error::failed(format!(
                "cannot read certificate authority {file} of cluster \"{name}\""
            ))
            .with_source(source)
        })
}

/// Returns the certificates of a PEM bundle that can be trust anchors. Other text and blocks are
/// passed over, broken ones too, as `AppendCertsFromPEM` of Go's `crypto/x509` does.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut known = rustls::RootCertStore::empty();
    let list: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .filter_map(std::result::Result::ok)
        .filter(|certificate| known.add(certificate.clone()).is_ok())
        .map(|certificate| certificate.to_vec())
        .collect();
    if list.is_empty() {
        Err(Error::failed(
            "the cluster's certificate authority holds no PEM certificate",
        ))
    } else {
        Ok(list)
    }
}

fn server_uri(server: &str) -> Result<Uri> {
    // client-go reads an address without a scheme as http.
    let text = if server.contains("://") {
        server.to_owned()
    } else {
        format!("http://{server}")
    };
    text.parse::<Uri>()
        .ok()
        .filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
        .ok_or_else(|| {
            Error::failed(format!("the server address \"{server}\" is not a URL"))
                .with_hint("an address is https://HOST:PORT")
        })
}

/// Returns the authority without user information, which may hold a password.
fn host_and_port(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Credentials never travel in the clear; client-go sends none to an http server either.
fn without_credentials(user: AuthInfo) -> AuthInfo {
    AuthInfo {
        impersonate: user.impersonate,
        impersonate_uid: user.impersonate_uid,
        impersonate_groups: user.impersonate_groups,
        impersonate_user_extra: user.impersonate_user_extra,
        ..AuthInfo::default()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
