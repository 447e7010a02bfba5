//! What the server is able to do.

use groundcrew::client::Session;

/// A server's version.
#[derive(Debug)]
pub struct Version {
    /// As it writes it.
    pub text: String,
    /// It has ValidatingAdmissionPolicies: Kubernetes 1.30.
    pub can_guard: bool,
}

/// Asks the server for its version.
///
/// # Errors
///
/// What the server says.
pub async fn version(session: &Session) -> kube::Result<Version> {
    let version = session.client.apiserver_version().await?;
    Ok(Version {
        can_guard: (number(&version.major), number(&version.minor)) >= (1, 30),
        text: version.git_version,
    })
}

/// Clouds write `30+`.
fn number(text: &str) -> u32 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clouds_minor_version_is_read() {
        assert_eq!(number("30+"), 30);
        assert_eq!(number("9"), 9);
        assert_eq!(number(""), 0);
    }
}
