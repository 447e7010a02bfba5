//! Reads a certificate request that somebody else made, and trusts nothing in it.
//!
//! Kubernetes copies the whole subject of a request into the certificate, and the signature over it
//! is the user's: it can be refused, but not fixed. So it has to say exactly what the cluster is
//! willing to certify, their name and the group of the next generation, and nothing else.

pub mod signature;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use groundcrew::error::{Error, Result};
use p256::pkcs8::LineEnding;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{ObjectIdentifier, SetOfVec};
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode as _, Document, Encode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::request::CertReq;

use crate::model::credential::{COMMON_NAME, ORGANIZATION, key_fingerprint};
use crate::model::user::UserName;

/// Returns `alice.csr`, and `alice.g3.csr` for a later generation, so that no key is in the way of
/// another.
#[must_use]
pub fn file_name(user: &UserName, generation: u32, extension: &str) -> String {
    let slug = user.slug();
    if generation == 1 {
        format!("{slug}.{extension}")
    } else {
        format!("{slug}.g{generation}.{extension}")
    }
}

/// Larger than any request; stops at devices and logs.
const MAX_SIZE: u64 = 64 * 1024;

/// Label of a request's PEM block (RFC 7468, section 7).
const LABEL: &str = "CERTIFICATE REQUEST";

/// PKCS #9 extensionRequest (RFC 2985, section 5.4.2).
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// `id-kp-clientAuth` (RFC 5280, section 4.2.1.12).
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// `subjectKeyIdentifier` (RFC 5280, section 4.2.1.2); says nothing but which key it is.
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");

/// `subjectAltName` (RFC 5280, section 4.2.1.6).
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// A request that says nothing but who the user is and which generation the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    pem: String,
    fingerprint: String,
    generation: u32,
}

impl SigningRequest {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// Usage, with the reason.
    pub fn read(path: &Path, user: &UserName) -> Result<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_SIZE).read_to_string(&mut text))
            .map_err(|error| {
                Error::usage(format!("cannot read {}", path.display())).with_source(error)
            })?;
        Self::check(&text, user).map_err(|why| {
            let error = Error::usage(format!(
                "{} is not signed for {user}: {why}",
                path.display()
            ));
            if text.contains("PRIVATE KEY-----") {
                error.with_hint("the key stays where it was made; send the .csr file alone")
            } else {
                error.with_hint(format!(
                    "the user makes a valid one with:  kubectl onboard request {user}"
                ))
            }
        })
    }

    /// Checks a request's text.
    ///
    /// # Errors
    ///
    /// Why it is not signed, as half a sentence.
    pub fn check(text: &str, user: &UserName) -> Result<Self, String> {
        if text.contains("PRIVATE KEY-----") {
            return Err("it contains a private key, which must stay with the user".to_owned());
        }
        if text.matches("-----BEGIN ").count() > 1 {
            return Err("it holds more than one document".to_owned());
        }
        let start = text.find("-----BEGIN ").ok_or("it holds no PEM block")?;
        let (label, document) = Document::from_pem(&text[start..])
            .map_err(|error| format!("its PEM block cannot be read ({error})"))?;
        if label != LABEL {
            return Err(format!("it is a {label}, not a {LABEL}"));
        }
        let der = document.as_bytes();
        let request = CertReq::from_der(der)
            .map_err(|error| format!("it is not a certificate request ({error})"))?;
        // What is checked below has to be what is sent, byte for byte.
        let body = request.info.to_der().map_err(|error| error.to_string())?;
        if request.to_der().is_ok_and(|again| again != der) {
            return Err("it is not encoded as DER demands".to_owned());
        }
        let key = &request.info.public_key;
        signature::check_key(key)?;
        signature::verify(
            key,
            &request.algorithm,
            &body,
            request.signature.raw_bytes(),
        )?;
        let generation = subject(&request, user)?;
        attributes(&request)?;
        Ok(Self {
            pem: document
                .to_pem(LABEL, LineEnding::LF)
                .map_err(|error| error.to_string())?,
            fingerprint: key_fingerprint(key).map_err(|error| error.to_string())?,
            generation,
        })
    }

    /// Returns the request as PEM, without any text around it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the SHA-256 of the user's public key, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the generation whose group the request carries.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

/// Returns the generation that the subject names; anything but one name and one group is refused.
fn subject(request: &CertReq, user: &UserName) -> Result<u32, String> {
    let (mut names, mut groups) = (Vec::new(), Vec::new());
    for attribute in request.info.subject.iter() {
        let values = match attribute.oid {
            COMMON_NAME => &mut names,
            ORGANIZATION => &mut groups,
            other => return Err(format!("its subject holds an attribute of type {other}")),
        };
        values.push(text(attribute)?);
    }
    match names.as_slice() {
        [name] if name == user.as_str() => {}
        [name] => return Err(format!("it names {name:?} (CN)")),
        [] => return Err("it has no user name (CN)".to_owned()),
        _ => return Err("it names more than one user (CN)".to_owned()),
    }
    let group = match groups.as_slice() {
        [group] => group,
        [] => {
            return Err(format!(
                "it lacks the group that carries the rights (O=onboard:{user}:gN)"
            ));
        }
        many => {
            let foreign = many
                .iter()
                .find(|group| user.generation_of(group).is_none());
            return Err(match foreign {
                Some(group) => asks_for(group),
                None => "it asks for more than one generation".to_owned(),
            });
        }
    };
    user.generation_of(group)
        .filter(|generation| *generation > 0)
        .ok_or_else(|| asks_for(group))
}

fn asks_for(group: &str) -> String {
    format!("it asks for group {group:?} (O); groups are never taken from a request")
}

pub fn text(attribute: &AttributeTypeAndValue) -> Result<String, String> {
    // Go reads other string types differently from what is shown here.
    if !matches!(
        attribute.value.tag(),
        Tag::Utf8String | Tag::PrintableString
    ) {
        return Err(format!(
            "a value of its subject is of type {}",
            attribute.value.tag()
        ));
    }
    String::from_utf8(attribute.value.value().to_vec())
        .map_err(|_| "a value of its subject is not UTF-8".to_owned())
}

/// The signer copies alternative names; what it does not copy is refused too unless it says what
/// the certificate says anyway.
fn attributes(request: &CertReq) -> Result<(), String> {
    for attribute in request.info.attributes.iter() {
        if attribute.oid != EXTENSION_REQUEST {
            return Err(format!("it carries an attribute of type {}", attribute.oid));
        }
        let values: &SetOfVec<_> = &attribute.values;
        for value in values.iter() {
            let extensions: Extensions = value
                .decode_as()
                .map_err(|error| format!("its extensions cannot be read ({error})"))?;
            extensions.iter().try_for_each(extension)?;
        }
    }
    Ok(())
}

fn extension(extension: &Extension) -> Result<(), String> {
    let bytes = extension.extn_value.as_bytes();
    let unreadable = |error| format!("its extensions cannot be read ({error})");
    let fine = match extension.extn_id {
        SUBJECT_KEY_IDENTIFIER => true,
        KeyUsage::OID => {
            let usage = KeyUsage::from_der(bytes).map_err(unreadable)?.0;
            let allowed = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
            allowed.contains(usage)
        }
        ExtendedKeyUsage::OID => {
            let usage = ExtendedKeyUsage::from_der(bytes).map_err(unreadable)?;
            usage.0.iter().all(|usage| *usage == CLIENT_AUTH)
        }
        BasicConstraints::OID => !BasicConstraints::from_der(bytes).map_err(unreadable)?.ca,
        SUBJECT_ALT_NAME => return Err("it asks for alternative names".to_owned()),
        other => return Err(format!("it asks for an extension of type {other}")),
    };
    if fine {
        Ok(())
    } else {
        Err(format!(
            "it asks for more than client authentication (extension {})",
            extension.extn_id
        ))
    }
}

#[cfg(test)]
mod tests;
