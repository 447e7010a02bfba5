//! The cryptography of connections: ring's, and what kubectl accepts beyond it.
//!
//! Go's TLS sends a client certificate as it is and uses P-521. rustls wants to read the certificate
//! first, and its reader knows version 3 only, while stock MicroK8s and `openssl x509 -req` without
//! extensions make version 1; ring has no P-521.

use std::sync::Arc;

use p521::ecdsa::signature::{Signer as _, Verifier as _};
use p521::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p521::pkcs8::DecodePrivateKey as _;
use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, ring};
use rustls::sign::{Signer, SigningKey as Key};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};

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
        signature_verification_algorithms: with_p521(provider.signature_verification_algorithms),
        ..provider
    }
}

/// Adds P-521; made once, so what is leaked is no more than a few pointers.
fn with_p521(known: WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    let all: Vec<&'static dyn SignatureVerificationAlgorithm> =
        known.all.iter().copied().chain([P521]).collect();
    let mapping: Vec<_> = known
        .mapping
        .iter()
        .copied()
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
        match self.0.load_private_key(der) {
            Ok(key) => Ok(Arc::new(Unjudged(key))),
            Err(error) => Err(Error::General(format!(
                "the client key is none of RSA with 2048 bits or more, P-256, P-384, P-521, \
                 Ed25519: {error}"
            ))),
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

/// A key on the curve P-521.
#[derive(Clone)]
struct P521Key(SigningKey);

impl std::fmt::Debug for P521Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P521Key")
    }
}

impl P521Key {
    /// Reads PKCS #8 or SEC 1; `None` when it is another kind of key.
    fn read(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let key = match der {
            PrivateKeyDer::Pkcs8(der) => {
                p521::SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?
            }
            PrivateKeyDer::Sec1(der) => {
                p521::SecretKey::from_sec1_der(der.secret_sec1_der()).ok()?
            }
            _ => return None,
        };
        Some(Self(SigningKey::from(&key)))
    }
}

impl Key for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP521_SHA512)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

const P521: &dyn SignatureVerificationAlgorithm = &P521Sha512;

/// ECDSA on P-521 with SHA-512 (RFC 8446, section 4.2.3).
#[derive(Debug)]
struct P521Sha512;

impl SignatureVerificationAlgorithm for P521Sha512 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = DerSignature::try_from(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_p521_signs_it_verifies_and_nothing_else() {
        let mut bytes = [7; 66];
        // The order of the curve has 521 bits, and 66 bytes have 528.
        bytes[0] = 0;
        let secret = p521::SecretKey::from_slice(&bytes).unwrap();
        let key = P521Key(SigningKey::from(&secret));
        let signer = key
            .choose_scheme(&[SignatureScheme::ECDSA_NISTP521_SHA512])
            .unwrap();
        let mut signature = signer.sign(b"hello").unwrap();
        let public = VerifyingKey::from(&key.0).to_sec1_point(false);
        let verify = |message: &[u8], signature: &[u8]| {
            P521.verify_signature(public.as_bytes(), message, signature)
        };
        assert!(verify(b"hello", &signature).is_ok());
        assert!(verify(b"hallo", &signature).is_err());
        let last = signature.len() - 1;
        signature[last] ^= 1;
        assert!(verify(b"hello", &signature).is_err());
        assert!(key.choose_scheme(&[SignatureScheme::ED25519]).is_none());
    }
}
