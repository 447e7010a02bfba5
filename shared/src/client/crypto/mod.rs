//! The cryptography of connections: ring's, and what kubectl accepts beyond it.
//!
//! Go's TLS sends a client certificate as it is, and uses P-521, RSA from 1024 bits on and RSA with
//! an exponent of 3. rustls wants to read the certificate first, and its reader knows version 3
//! only, while stock MicroK8s and `openssl x509 -req` without extensions make version 1; ring has
//! no P-521, and no RSA below 2048 bits.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, ring};
use rustls::sign::{Signer, SigningKey as Key};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};

mod p521;
mod rsa;

use p521::{P521, P521Key};
use rsa::{RsaKey, also_small};

/// Makes it the cryptography of every connection of this process, the first time it is called.
pub(super) fn install() {
    if CryptoProvider::get_default().is_none() {
        let _other = provider().install_default();
    }
}

fn provider() -> CryptoProvider {
    let provider = ring::default_provider();
    CryptoProvider {
        key_provider: Box::leak(Box::new(Keys(provider.key_provider))),
        signature_verification_algorithms: extended(provider.signature_verification_algorithms),
        ..provider
    }
}

/// Adds P-521 and small RSA keys; made once, so what is leaked is no more than a few pointers.
fn extended(known: WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    let all: Vec<&'static dyn SignatureVerificationAlgorithm> = known
        .all
        .iter()
        .map(|&algorithm| also_small(algorithm))
        .chain([P521])
        .collect();
    let mapping: Vec<_> = known
        .mapping
        .iter()
        .map(|(scheme, algorithms)| {
            let algorithms: Vec<_> = algorithms.iter().map(|&known| also_small(known)).collect();
            (*scheme, &*Box::leak(algorithms.into_boxed_slice()))
        })
        .chain([(SignatureScheme::ECDSA_NISTP521_SHA512, &[P521][..])])
        .collect();
    WebPkiSupportedAlgorithms {
        all: Box::leak(all.into_boxed_slice()),
        mapping: Box::leak(mapping.into_boxed_slice()),
    }
}

/// Loads the keys of client certificates.
#[derive(Debug)]
struct Keys(&'static dyn KeyProvider);

impl KeyProvider for Keys {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn Key>, Error> {
        if let Some(key) = P521Key::read(&der) {
            return Ok(Arc::new(key));
        }
        match self.0.load_private_key(der.clone_key()) {
            Ok(key) => Ok(Arc::new(Unjudged(key))),
            Err(error) => match RsaKey::read(&der) {
                Some(key) => Ok(Arc::new(key)),
                None => Err(Error::General(format!(
                    "the client key is none of RSA with 1024 bits or more, P-256, P-384, P-521, \
                     Ed25519: {error}"
                ))),
            },
        }
    }
}

/// A key that does not show its public half, so that the certificate is not read for it: the
/// server judges both.
#[derive(Debug)]
struct Unjudged(Arc<dyn Key>);

impl Key for Unjudged {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(offered)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}
