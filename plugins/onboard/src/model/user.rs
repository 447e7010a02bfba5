//! Who is onboarded: which names are allowed and which namespace they map to.

use sha2::Digest as _;
use std::fmt;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _};

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::{MAX_LABEL, is_label};
use sha2::Sha256;
use unicode_normalization::is_nfc;

/// Upper bound of `CN` and `O` in a certificate (RFC 5280, appendix A.1: `ub-common-name`,
/// `ub-organization-name`), in characters.
const MAX_NAME: usize = 64;

/// Characters that a name may hold besides letters and digits.
const MARKS: [char; 5] = ['.', '_', '@', '-', '+'];

/// Namespaces that belong to the cluster and never to a person.
const RESERVED: [&str; 2] = ["default", "groundcrew-system"];

/// A user name that is safe to certify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// Checks a name as typed.
    ///
    /// # Errors
    ///
    /// Usage, naming what is wrong with it. Besides names that Kubernetes keeps for itself this
    /// refuses look-alikes (scripts mixed in one word, Unicode TR 39) and spellings that are not
    /// NFC, because two names that read alike are two different users to the API server.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: String| {
            Err(
                Error::usage(format!("{text:?} cannot be a user name here: {why}")).with_hint(
                    "letters, digits and . _ @ - + ; starts with a letter or digit; \
                 at most 64 characters",
                ),
            )
        };
        if let Some(prefix) = ["system:", "kubeadm:"]
            .iter()
            .find(|p| text.starts_with(**p))
        {
            return refuse(format!(
                "names that start with {prefix:?} belong to Kubernetes itself"
            ));
        }
        let mut odd: Vec<String> = Vec::new();
        for character in text.chars().filter(|c| !is_allowed(*c)) {
            let shown = format!("{:?}", character.to_string());
            if !odd.contains(&shown) {
                odd.push(shown);
            }
        }
        match odd.as_slice() {
            [] => {}
            [one] => return refuse(format!("{one} is not allowed")),
            [rest @ .., last] => {
                return refuse(format!("{} and {last} are not allowed", rest.join(", ")));
            }
        }
        if !text.chars().next().is_some_and(char::is_alphanumeric) {
            return refuse("it has to start with a letter or a digit".to_owned());
        }
        let length = text.chars().count();
        if length > MAX_NAME {
            return refuse(format!("it has {length} characters"));
        }
        if !text.is_single_script() {
            return refuse(
                "it mixes scripts, so that it may look like another person's name".to_owned(),
            );
        }
        if !is_nfc(text) {
            return refuse("its accents are not in composed form (Unicode NFC)".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name as the API server will see it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a DNS label that no other name maps to.
    ///
    /// A name that already is one stays; any other becomes `<readable>---<8 hex digits of its
    /// SHA-256>`. Names with `--` of their own are treated as the latter, so the two kinds never
    /// meet.
    #[must_use]
    pub fn slug(&self) -> String {
        let name = &self.0;
        if is_label(name) && !name.contains("--") && !is_reserved(name) {
            return name.clone();
        }
        const TAIL: usize = "---".len() + 8;
        let readable: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(MAX_LABEL - TAIL)
            .collect();
        let readable = readable.trim_matches('-');
        let readable = if readable.is_empty() {
            "user"
        } else {
            readable
        };
        format!(
            "{readable}---{}",
            &hex(&Sha256::digest(name.as_bytes()))[..8]
        )
    }

    /// Returns the group that carries this person's rights for one issue of a credential.
    ///
    /// Rights hang on this group and not on the name: removing its bindings makes the one
    /// certificate powerless that holds it.
    #[must_use]
    pub fn generation_group(&self, generation: u32) -> String {
        format!("onboard:{}:g{generation}", self.0)
    }

    /// Returns which generation of the user's a group belongs to, if any.
    #[must_use]
    pub fn generation_of(&self, group: &str) -> Option<u32> {
        let number = group
            .strip_prefix("onboard:")?
            .strip_prefix(&self.0)?
            .strip_prefix(":g")?;
        let generation = number.parse().ok()?;
        (self.generation_group(generation) == group).then_some(generation)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks an additional group as typed.
///
/// # Errors
///
/// Usage, for groups that Kubernetes or this tool keeps for itself and for text that cannot be
/// an `O` of a certificate.
pub fn parse_group(text: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(
            Error::usage(format!("{text:?} cannot be a group here: {why}"))
                .with_hint("a team's own group, such as --group payments"),
        )
    };
    // What reads alike is refused with it: an authorizer of one's own may not look at the case.
    let lower = text.to_lowercase();
    if lower == "groundcrew:claimers" {
        return Err(Error::usage(format!("{text:?} cannot be a group here"))
            .with_hint("to let the user claim namespaces:  --claims"));
    }
    for prefix in ["system:", "kubeadm:", "onboard:", "groundcrew:"] {
        if lower.starts_with(prefix) {
            return refuse(&format!(
                "groups that start with {prefix:?} are not handed out"
            ));
        }
    }
    if text.is_empty() {
        return refuse("it is empty");
    }
    if text
        .chars()
        .any(|c| !is_allowed(c) && !matches!(c, ':' | '/' | ' '))
        || text.trim() != text
    {
        return refuse("it holds characters that are not letters, digits or . _ @ - + : /");
    }
    if text.chars().count() > MAX_NAME {
        return refuse("it has more than 64 characters");
    }
    if !text.is_single_script() || !is_nfc(text) {
        return refuse("it may look like another group");
    }
    Ok(text.to_owned())
}

/// Returns lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_allowed(character: char) -> bool {
    MARKS.contains(&character) || (character.is_alphanumeric() && character.identifier_allowed())
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("kube-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_belongs_to_one_person_and_one_generation() {
        let alice = UserName::parse("alice").unwrap();
        assert_eq!(alice.generation_of("onboard:alice:g12"), Some(12));
        for other in [
            "onboard:alice:g012",
            "onboard:alice:g+1",
            "onboard:alice2:g1",
            "onboard:alic:g1",
            "onboard:alice:g",
            "alice:g1",
        ] {
            assert_eq!(alice.generation_of(other), None, "{other}");
        }
    }

    fn slug(name: &str) -> String {
        UserName::parse(name).unwrap().slug()
    }

    #[test]
    fn a_name_that_is_a_label_stays_as_it_is() {
        assert_eq!(slug("alice"), "alice");
        assert_eq!(slug("a1-b2"), "a1-b2");
    }

    #[test]
    fn other_identities_map_to_distinct_labels() {
        let names = [
            "alice@example.com",
            "alice.example.com",
            "Alice",
            "alice--example",
            "kube-system",
            "default",
            "groundcrew-system",
            "山田",
            "josé",
            &"x".repeat(64),
        ];
        let mut slugs: Vec<String> = names.iter().map(|name| slug(name)).collect();
        for (name, slug) in names.iter().zip(&slugs) {
            assert!(is_label(slug), "{name} became {slug}");
            assert!(slug.contains("---"), "{name} became {slug}");
        }
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), names.len());
        assert_eq!(slug("alice@example.com"), "alice-example-com---ff8d9819");
    }

    #[test]
    fn hostile_names_are_refused() {
        let long = "a".repeat(65);
        let names = [
            "",
            "system:admin",
            "system:serviceaccount:kube-system:default",
            "kubeadm:cluster-admins",
            "alice/O=system:masters",
            "alice,O=x",
            "alice\n",
            "alice\u{0}",
            "al\u{200b}ice",
            "\u{202e}ecila",
            "-rf",
            ".",
            "alice g1",
            "onboard:alice:g1",
            "аlice", // a Cyrillic first letter
            "jose\u{301}",
            &long,
        ];
        for name in names {
            let error = UserName::parse(name).unwrap_err();
            assert_eq!(error.kind(), groundcrew::error::Kind::Usage, "{name:?}");
            assert!(!error.hints().is_empty());
        }
    }

    #[test]
    fn the_refusal_names_the_characters_once_each() {
        let error = UserName::parse("alice/O=system:masters=").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"alice/O=system:masters=\" cannot be a user name here: \"/\", \"=\" and \":\" are not allowed"
        );
    }

    #[test]
    fn groups_of_the_cluster_are_not_handed_out() {
        for group in [
            "system:masters",
            "kubeadm:cluster-admins",
            "onboard:bob:g1",
            "",
            " a",
            "a\n",
        ] {
            assert!(parse_group(group).is_err(), "{group:?}");
        }
        assert_eq!(
            parse_group("oidc:team/payments").unwrap(),
            "oidc:team/payments"
        );
    }
}
