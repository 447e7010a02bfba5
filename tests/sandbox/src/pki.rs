//! Certificates and keys of one sandbox: P-256, valid for a year, thrown away with it.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{Any, Ia5String, ObjectIdentifier, SetOfVec, Utf8StringRef};
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _, EncodePem as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::request::{CertReq, RequestBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::error::{Context, Result};
use crate::layout::write_atomically;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Certificates begin a little earlier, for clocks that differ a little.
const BACKDATE: Duration = Duration::from_secs(300);

/// A certificate with its private key, both PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

impl Issued {
    /// Writes `NAME.crt` and `NAME.key` (0600) into a directory.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write(&self, dir: &Path, name: &str) -> Result<Pair> {
        let pair = Pair::at(dir, name);
        write_atomically(&pair.cert, self.cert_pem.as_bytes())?;
        write_atomically(&pair.key, self.key_pem.as_bytes())?;
        Ok(pair)
    }
}

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate file.
    pub cert: PathBuf,
    /// The key file.
    pub key: PathBuf,
}

impl Pair {
    /// Returns the paths of `NAME.crt` and `NAME.key` in a directory.
    #[must_use]
    pub fn at(dir: &Path, name: &str) -> Self {
        Self {
            cert: dir.join(format!("{name}.crt")),
            key: dir.join(format!("{name}.key")),
        }
    }
}

/// A certificate authority that can issue.
pub struct Ca {
    key: SigningKey,
    subject: Name,
    issued: Issued,
}

impl Ca {
    /// Makes a self-signed authority with this common name.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn new(common_name: &str) -> Result<Self> {
        let what = || format!("cannot make the certificate authority {common_name}");
        let key = SigningKey::try_generate().context(what)?;
        let subject = name(common_name, &[]).context(what)?;
        let usages =
            KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign | KeyUsages::DigitalSignature);
        let profile = Profile {
            subject: subject.clone(),
            issuer: subject.clone(),
        };
        let mut builder = builder(profile, &key).context(what)?;
        builder
            .add_extension(&BasicConstraints {
                ca: true,
                path_len_constraint: None,
            })
            .context(what)?;
        builder.add_extension(&usages).context(what)?;
        let cert = builder.build::<_, DerSignature>(&key).context(what)?;
        let issued = Issued {
            cert_pem: cert.to_pem(LineEnding::LF).context(what)?,
            key_pem: key.to_pkcs8_pem(LineEnding::LF).context(what)?.to_string(),
        };
        Ok(Self {
            key,
            subject,
            issued,
        })
    }

    /// Reads an authority that [`Ca::certificate`] wrote, to issue more from it.
    ///
    /// # Errors
    ///
    /// When a file is missing or not what it should be.
    pub fn load(pair: &Pair) -> Result<Self> {
        let what = || {
            format!(
                "cannot read the certificate authority {}",
                pair.cert.display()
            )
        };
        let cert_pem = fs::read_to_string(&pair.cert).context(what)?;
        let key_pem = fs::read_to_string(&pair.key).context(what)?;
        let cert = Certificate::from_pem(&cert_pem).context(what)?;
        Ok(Self {
            key: SigningKey::from_pkcs8_pem(&key_pem).context(what)?,
            subject: cert.tbs_certificate().subject().clone(),
            issued: Issued { cert_pem, key_pem },
        })
    }

    /// Returns the authority's own certificate and key.
    #[must_use]
    pub fn certificate(&self) -> &Issued {
        &self.issued
    }

    /// Issues a client certificate: Kubernetes reads `cn` as the user, each of `orgs` as a group.
    ///
    /// # Errors
    ///
    /// When the system has no randomness or a name has no DER form.
    pub fn issue_client(&self, cn: &str, orgs: &[&str]) -> Result<Issued> {
        self.issue(cn, orgs, CLIENT_AUTH, &[])
    }

    /// Issues a server certificate for these host names and addresses.
    ///
    /// # Errors
    ///
    /// When the system has no randomness or a name has no DER form.
    pub fn issue_server(&self, cn: &str, sans: &[&str]) -> Result<Issued> {
        self.issue(cn, &[], SERVER_AUTH, sans)
    }

    /// Signs a client's request (PEM) for a lifetime of the caller's choice, whatever it asks for:
    /// signers of clusters in the world have ideas of their own.
    ///
    /// # Errors
    ///
    /// When it is not a request, or the system has no randomness.
    pub fn sign(&self, request: &str, from: SystemTime, until: SystemTime) -> Result<String> {
        let what = || "cannot sign the request".to_owned();
        let request = CertReq::from_pem(request).context(what)?.info;
        let profile = Profile {
            subject: request.subject,
            issuer: self.subject.clone(),
        };
        let validity = Validity::new(
            Time::try_from(from).context(what)?,
            Time::try_from(until).context(what)?,
        );
        let mut builder = builder_of(profile, request.public_key, validity).context(what)?;
        builder
            .add_extension(&KeyUsage(KeyUsages::DigitalSignature.into()))
            .context(what)?;
        builder
            .add_extension(&ExtendedKeyUsage(vec![CLIENT_AUTH]))
            .context(what)?;
        let cert = builder.build::<_, DerSignature>(&self.key).context(what)?;
        cert.to_pem(LineEnding::LF).context(what)
    }

    fn issue(
        &self,
        cn: &str,
        orgs: &[&str],
        usage: ObjectIdentifier,
        sans: &[&str],
    ) -> Result<Issued> {
        let what = || format!("cannot issue the certificate of {cn}");
        let key = SigningKey::try_generate().context(what)?;
        let profile = Profile {
            subject: name(cn, orgs).context(what)?,
            issuer: self.subject.clone(),
        };
        let mut builder = builder(profile, &key).context(what)?;
        builder
            .add_extension(&BasicConstraints {
                ca: false,
                path_len_constraint: None,
            })
            .context(what)?;
        builder
            .add_extension(&KeyUsage(KeyUsages::DigitalSignature.into()))
            .context(what)?;
        builder
            .add_extension(&ExtendedKeyUsage(vec![usage]))
            .context(what)?;
        if !sans.is_empty() {
            let names = sans
                .iter()
                .map(|san| alt_name(san))
                .collect::<Result<_>>()?;
            builder
                .add_extension(&SubjectAltName(names))
                .context(what)?;
        }
        let cert = builder.build::<_, DerSignature>(&self.key).context(what)?;
        Ok(Issued {
            cert_pem: cert.to_pem(LineEnding::LF).context(what)?,
            key_pem: key.to_pkcs8_pem(LineEnding::LF).context(what)?.to_string(),
        })
    }
}

/// Makes the key pair that signs service account tokens; returns (private, public) PEM.
///
/// # Errors
///
/// When the system has no randomness.
pub fn token_key() -> Result<(String, String)> {
    let what = || "cannot make the service account key".to_owned();
    let key = SigningKey::try_generate().context(what)?;
    let private = key.to_pkcs8_pem(LineEnding::LF).context(what)?.to_string();
    let public = key
        .verifying_key()
        .to_public_key_pem(LineEnding::LF)
        .context(what)?;
    Ok((private, public))
}

/// Makes a certificate request (PEM) for a key that is thrown away at once: it shows whether
/// somebody signs, and nobody can use what is signed.
///
/// # Errors
///
/// When the system has no randomness.
pub fn request(cn: &str) -> Result<String> {
    let what = || format!("cannot request a certificate for {cn}");
    let key = SigningKey::try_generate().context(what)?;
    let request = name(cn, &[])
        .map_err(x509_cert::builder::Error::from)
        .and_then(RequestBuilder::new)
        .and_then(|builder| builder.build::<_, DerSignature>(&key))
        .context(what)?;
    request.to_pem(LineEnding::LF).context(what)
}

fn builder(
    profile: Profile,
    key: &SigningKey,
) -> x509_cert::builder::Result<CertificateBuilder<Profile>> {
    let now = SystemTime::now();
    let validity = Validity::new(Time::try_from(now - BACKDATE)?, Time::try_from(now + YEAR)?);
    let public = SubjectPublicKeyInfoOwned::from_key(key.verifying_key())?;
    builder_of(profile, public, validity)
}

fn builder_of(
    profile: Profile,
    public: SubjectPublicKeyInfoOwned,
    validity: Validity,
) -> x509_cert::builder::Result<CertificateBuilder<Profile>> {
    // 16 random bytes: serial numbers of one authority must differ.
    let serial = SigningKey::try_generate().map_or_else(
        |_| SerialNumber::new(&[1]),
        |random| {
            let bytes = random.to_bytes();
            SerialNumber::new(&[&[1][..], &bytes[..15]].concat())
        },
    )?;
    CertificateBuilder::new(profile, serial, validity, public)
}

/// Builds the subject from typed values: no name can smuggle in a second attribute.
fn name(cn: &str, orgs: &[&str]) -> x509_cert::der::Result<Name> {
    let mut sequence = RdnSequence::default();
    let attributes = orgs
        .iter()
        .map(|org| (ORGANIZATION, *org))
        .chain(std::iter::once((COMMON_NAME, cn)));
    for (oid, value) in attributes {
        let value = Any::encode_from(&Utf8StringRef::new(value)?)?;
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])?;
        sequence.push(RelativeDistinguishedName::from(set));
    }
    Name::from_der(&sequence.to_der()?)
}

fn alt_name(san: &str) -> Result<GeneralName> {
    match san.parse::<IpAddr>() {
        Ok(address) => Ok(GeneralName::from(address)),
        Err(_) => Ia5String::new(san)
            .map(GeneralName::DnsName)
            .context(|| format!("{san:?} cannot be in a certificate")),
    }
}

/// Issues exactly what was asked; extensions are added by the caller.
struct Profile {
    subject: Name,
    issuer: Name,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _spk: SubjectPublicKeyInfoRef<'_>,
        issuer_spk: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let issuer = x509_cert::ext::pkix::AuthorityKeyIdentifier::try_from(issuer_spk)?;
        Ok(vec![(&issuer).to_extension(tbs.subject(), &[])?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_certificate_carries_every_group_and_survives_a_reload() {
        let dir = tempfile::tempdir().unwrap();
        let ca = Ca::new("sandbox").unwrap();
        let pair = ca.certificate().write(dir.path(), "ca").unwrap();
        let again = Ca::load(&pair).unwrap();
        let issued = again
            .issue_client("alice", &["dev", "onboard:alice:g1"])
            .unwrap();
        let cert = Certificate::from_pem(&issued.cert_pem).unwrap();
        let body = cert.tbs_certificate();
        assert_eq!(
            body.subject().to_string(),
            "CN=alice,O=onboard:alice:g1,O=dev"
        );
        assert_eq!(body.issuer().to_string(), "CN=sandbox");
    }

    #[test]
    fn two_certificates_have_different_serial_numbers() {
        let ca = Ca::new("sandbox").unwrap();
        let serial = |issued: &Issued| {
            let cert = Certificate::from_pem(&issued.cert_pem).unwrap();
            cert.tbs_certificate().serial_number().clone()
        };
        let (a, b) = (
            ca.issue_client("a", &[]).unwrap(),
            ca.issue_client("a", &[]).unwrap(),
        );
        assert_ne!(serial(&a), serial(&b));
    }

    #[test]
    fn keys_are_readable_by_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let pair = Ca::new("sandbox")
            .unwrap()
            .certificate()
            .write(dir.path(), "ca")
            .unwrap();
        let mode = fs::metadata(pair.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
