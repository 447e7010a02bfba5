//! ECDSA on the curve P-521, which ring does not have.

use p521::ecdsa::signature::{Signer as _, Verifier as _};
use p521::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p521::pkcs8::DecodePrivateKey as _;
use rustls::sign::{Signer, SigningKey as Key};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};

/// A key on the curve P-521.
#[derive(Clone)]
pub(super) struct P521Key(SigningKey);

impl std::fmt::Debug for P521Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("P521Key")
    }
}

impl P521Key {
    /// Reads PKCS #8 or SEC 1; `None` when it is another kind of key.
    pub(super) fn read(der: &PrivateKeyDer<'_>) -> Option<Self> {
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

pub(super) const P521: &dyn SignatureVerificationAlgorithm = &P521Sha512;

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
