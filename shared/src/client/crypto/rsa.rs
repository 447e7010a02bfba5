//! RSA keys that Go's TLS takes and ring does not: 1024 to 2047 bits, and a public exponent of 3.
//!
//! Go refuses fewer than 1024 bits since 1.24 (`crypto/rsa`), and so is done here.

use std::sync::Arc;

use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{PrivateKey, PublicKey};
use rustls::sign::{Signer, SigningKey as Key};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Sha256, Sha384, Sha512};

/// From this size on, in bits, ring verifies by itself.
const RING_MINIMUM: u32 = 2048;

/// What Go takes at least, in bits.
const MINIMUM: u32 = 1024;

/// Strongest first, as rustls' own keys have it.
const SCHEMES: [(SignatureScheme, usize); 6] = [
    (SignatureScheme::RSA_PSS_SHA512, 64),
    (SignatureScheme::RSA_PSS_SHA384, 48),
    (SignatureScheme::RSA_PSS_SHA256, 32),
    (SignatureScheme::RSA_PKCS1_SHA512, 64),
    (SignatureScheme::RSA_PKCS1_SHA384, 48),
    (SignatureScheme::RSA_PKCS1_SHA256, 32),
];

/// A key that ring refuses.
#[derive(Clone)]
pub(super) struct RsaKey(Arc<PrivateKey>);

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaKey")
    }
}

impl RsaKey {
    /// Reads PKCS #8 or PKCS #1; `None` when it is another kind of key, or smaller than Go takes.
    pub(super) fn read(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let key = match der {
            PrivateKeyDer::Pkcs8(der) => PrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?,
            PrivateKeyDer::Pkcs1(der) => PrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).ok()?,
            _ => return None,
        };
        (key.n().bit_width() >= MINIMUM).then(|| Self(Arc::new(key)))
    }

    /// Says whether a PSS signature with a hash of so many bytes fits into the key (RFC 8017,
    /// section 9.1.1: two hashes and two bytes).
    fn holds_pss(&self, hash: usize) -> bool {
        (self.0.n().bit_width() as usize - 1).div_ceil(8) >= 2 * hash + 2
    }
}

impl Key for RsaKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let (scheme, _) = SCHEMES.into_iter().find(|(scheme, hash)| {
            offered.contains(scheme) && (!is_pss(*scheme) || self.holds_pss(*hash))
        })?;
        Some(Box::new(RsaSigner(self.clone(), scheme)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

fn is_pss(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PSS_SHA256
            | SignatureScheme::RSA_PSS_SHA384
            | SignatureScheme::RSA_PSS_SHA512
    )
}

/// A key and the scheme that was agreed on.
#[derive(Debug)]
struct RsaSigner(RsaKey, SignatureScheme);

impl Signer for RsaSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let key = &self.0.0;
        let signed = match self.1 {
            SignatureScheme::RSA_PSS_SHA256 => key.pss_sign::<Sha256>(message),
            SignatureScheme::RSA_PSS_SHA384 => key.pss_sign::<Sha384>(message),
            SignatureScheme::RSA_PSS_SHA512 => key.pss_sign::<Sha512>(message),
            SignatureScheme::RSA_PKCS1_SHA256 => key.pkcs1v15_sign::<Sha256>(message),
            SignatureScheme::RSA_PKCS1_SHA384 => key.pkcs1v15_sign::<Sha384>(message),
            _ => key.pkcs1v15_sign::<Sha512>(message),
        };
        signed.map_err(|error| Error::General(format!("cannot sign with the client key: {error}")))
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}

/// Verifies with ring, and small keys with the other library.
///
/// Both have to be one algorithm: webpki does not ask a second one of the same name when the first
/// says no.
#[derive(Debug)]
struct AlsoSmall(&'static dyn SignatureVerificationAlgorithm);

/// Returns an algorithm that takes small keys too; what is not RSA stays as it is.
pub(super) fn also_small(
    known: &'static dyn SignatureVerificationAlgorithm,
) -> &'static dyn SignatureVerificationAlgorithm {
    if known.public_key_alg_id() == alg_id::RSA_ENCRYPTION {
        Box::leak(Box::new(AlsoSmall(known)))
    } else {
        known
    }
}

impl SignatureVerificationAlgorithm for AlsoSmall {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let small = PublicKey::from_pkcs1_der(public_key)
            .ok()
            .filter(|key| (MINIMUM..RING_MINIMUM).contains(&key.n().bit_width()));
        let Some(key) = small else {
            return self.0.verify_signature(public_key, message, signature);
        };
        let id = self.0.signature_alg_id();
        let verified = if id == alg_id::RSA_PSS_SHA256 {
            key.pss_verify::<Sha256>(message, signature)
        } else if id == alg_id::RSA_PSS_SHA384 {
            key.pss_verify::<Sha384>(message, signature)
        } else if id == alg_id::RSA_PSS_SHA512 {
            key.pss_verify::<Sha512>(message, signature)
        } else if id == alg_id::RSA_PKCS1_SHA256 {
            key.pkcs1v15_verify::<Sha256>(message, signature)
        } else if id == alg_id::RSA_PKCS1_SHA384 {
            key.pkcs1v15_verify::<Sha384>(message, signature)
        } else if id == alg_id::RSA_PKCS1_SHA512 {
            key.pkcs1v15_verify::<Sha512>(message, signature)
        } else {
            return self.0.verify_signature(public_key, message, signature);
        };
        verified.map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

#[cfg(test)]
mod tests {
    use rsa::pkcs1::EncodeRsaPublicKey as _;
    use rsa::rand_core::{TryCryptoRng, TryRng};
    use rustls::crypto::ring;

    use super::*;

    /// Makes the same key in every run.
    struct Seeded(fastrand::Rng);

    impl TryRng for Seeded {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.0.u32(..))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0.u64(..))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            self.0.fill(bytes);
            Ok(())
        }
    }

    impl TryCryptoRng for Seeded {}

    /// A key whose size ring refuses.
    fn small() -> RsaKey {
        let mut random = Seeded(fastrand::Rng::with_seed(7));
        RsaKey(Arc::new(PrivateKey::new(&mut random, 1024).unwrap()))
    }

    #[test]
    fn what_a_small_key_signs_is_verified_and_nothing_else() {
        let key = small();
        let public = key.0.to_public_key().to_pkcs1_der().unwrap();
        let known = ring::default_provider().signature_verification_algorithms;
        for (scheme, _) in SCHEMES {
            let Some(signer) = key.choose_scheme(&[scheme]) else {
                assert_eq!(
                    scheme,
                    SignatureScheme::RSA_PSS_SHA512,
                    "it alone is too large"
                );
                continue;
            };
            let mut signature = signer.sign(b"hello").unwrap();
            let (_, algorithms) = known
                .mapping
                .iter()
                .find(|(known, _)| *known == scheme)
                .unwrap();
            let algorithm = also_small(algorithms[0]);
            let verify = |message: &[u8], signature: &[u8]| {
                algorithm.verify_signature(public.as_bytes(), message, signature)
            };
            assert!(verify(b"hello", &signature).is_ok(), "{scheme:?}");
            assert!(verify(b"hallo", &signature).is_err(), "{scheme:?}");
            signature[3] ^= 1;
            assert!(verify(b"hello", &signature).is_err(), "{scheme:?}");
        }
    }
}
