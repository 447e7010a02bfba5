//! Both ends of the proxy's TLS.

use std::io;
use std::sync::Arc;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::Upstream;
use crate::serve::Body;

/// A client of the API server.
pub(crate) type ApiClient = Client<HttpsConnector<HttpConnector>, Body>;

/// The two ways to the API server.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// As its front proxy, for clients with a certificate.
    pub(crate) front_proxy: ApiClient,
    /// As nobody, for clients with a token or nothing.
    pub(crate) plain: ApiClient,
}

impl Clients {
    pub(crate) fn new(upstream: &Upstream) -> io::Result<Self> {
        let builder = || -> io::Result<_> {
            Ok(
                ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .map_err(io::Error::other)?
                    .with_root_certificates(roots(&upstream.ca)?),
            )
        };
        let front_proxy = builder()?
            .with_client_auth_cert(
                certificates(&upstream.front_proxy_certificate)?,
                key(&upstream.front_proxy_key)?,
            )
            .map_err(io::Error::other)?;
        Ok(Self {
            front_proxy: client(front_proxy),
            plain: client(builder()?.with_no_client_auth()),
        })
    }
}

/// Returns the client's side: a certificate is asked for and checked, and not demanded.
pub(crate) fn acceptor(upstream: &Upstream) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(&upstream.ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            certificates(&upstream.server_certificate)?,
            key(&upstream.server_key)?,
        )
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn client(config: ClientConfig) -> ApiClient {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_http1()
        .build();
    Client::builder(TokioExecutor::new()).build(connector)
}

fn roots(pem: &str) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem)? {
        store.add(certificate).map_err(io::Error::other)?;
    }
    Ok(store)
}

fn certificates(pem: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(io::Error::other)
}

fn key(pem: &str) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)
}
