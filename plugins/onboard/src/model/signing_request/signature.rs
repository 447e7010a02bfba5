//! Whether a request was signed by the key that it carries, and whether that key is worth it.

use ring::signature as verify_with;
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");

const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// Shortest RSA key (NIST SP 800-131A: shorter ones are disallowed), in bits.
const MIN_RSA: usize = 2048;

/// Longest RSA key that is verified, in bits.
const MAX_RSA: usize = 8192;

/// Kinds of keys, as far as a signature depends on them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Says whether a key is of a kind and size that is signed.
///
/// # Errors
///
/// Why not, as half a sentence.
pub fn check_key(key: &SubjectPublicKeyInfoOwned) -> Result<(), String> {
    if kind(key)? == Key::Rsa {
        let bits = modulus_bits(key.subject_public_key.raw_bytes())
            .map_err(|error| format!("its RSA key cannot be read ({error})"))?;
        if bits < MIN_RSA {
            return Err(format!(
                "its RSA key has {bits} bits, at least {MIN_RSA} are needed"
            ));
        }
        if bits > MAX_RSA {
            return Err(format!(
                "its RSA key has {bits} bits, at most {MAX_RSA} are verified"
            ));
        }
    }
    Ok(())
}

/// Verifies that the holder of the private key made the request.
///
/// # Errors
///
/// Why not, as half a sentence.
pub fn verify(
    key: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), String> {
    let with: &dyn VerificationAlgorithm = match (kind(key)?, algorithm.oid) {
        (Key::P256, ECDSA_SHA256) => &verify_with::ECDSA_P256_SHA256_ASN1,
        (Key::P256, ECDSA_SHA384) => &verify_with::ECDSA_P256_SHA384_ASN1,
        (Key::P384, ECDSA_SHA256) => &verify_with::ECDSA_P384_SHA256_ASN1,
        (Key::P384, ECDSA_SHA384) => &verify_with::ECDSA_P384_SHA384_ASN1,
        (Key::Rsa, RSA_SHA256) => &verify_with::RSA_PKCS1_2048_8192_SHA256,
        (Key::Rsa, RSA_SHA384) => &verify_with::RSA_PKCS1_2048_8192_SHA384,
        (Key::Rsa, RSA_SHA512) => &verify_with::RSA_PKCS1_2048_8192_SHA512,
        (Key::Ed25519, ED25519) => &verify_with::ED25519,
        (_, other) => {
            return Err(format!(
                "its signature is of type {other}, which is not accepted for its key"
            ));
        }
    };
    UnparsedPublicKey::new(with, key.subject_public_key.raw_bytes())
        .verify(message, signature)
        .map_err(|_| "it was not signed by the key that it carries".to_owned())
}

fn kind(key: &SubjectPublicKeyInfoOwned) -> Result<Key, String> {
    let curve = || {
        let parameters = key.algorithm.parameters.as_ref()?;
        parameters.decode_as::<ObjectIdentifier>().ok()
    };
    match key.algorithm.oid {
        RSA => Ok(Key::Rsa),
        ED25519 => Ok(Key::Ed25519),
        ELLIPTIC if curve() == Some(P256) => Ok(Key::P256),
        ELLIPTIC if curve() == Some(P384) => Ok(Key::P384),
        other => Err(format!(
            "its key is of type {other}; P-256, P-384, Ed25519 and RSA from {MIN_RSA} bits are \
             accepted"
        )),
    }
}

/// Reads `RSAPublicKey` (RFC 8017, appendix A.1.1) as far as its size.
fn modulus_bits(der: &[u8]) -> x509_cert::der::Result<usize> {
    SliceReader::new(der)?.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let first = bytes
            .first()
            .map_or(8, |byte| byte.leading_zeros() as usize);
        Ok((bytes.len() * 8).saturating_sub(first))
    })
}
