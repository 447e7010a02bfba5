//! Which API server decides.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::level::{NEWEST, OLDEST_SERVER, Server};
use serde::Deserialize;

use super::requests::{get, refused};

/// `--server-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The cluster's.
    Cluster,
    /// A given one.
    Given(Server),
}

/// Reads `v1.31`, `1.31` or `cluster`.
///
/// # Errors
///
/// How it is written, and what is known.
pub fn parse(text: &str) -> Result<Choice, String> {
    if text == "cluster" {
        return Ok(Choice::Cluster);
    }
    let minor = text
        .strip_prefix('v')
        .unwrap_or(text)
        .strip_prefix("1.")
        .and_then(|minor| minor.parse().ok());
    match minor {
        Some(minor) if minor <= NEWEST => Server::new(minor)
            .map(Choice::Given)
            .ok_or_else(|| format!("the oldest supported server is v1.{OLDEST_SERVER}")),
        Some(_) => Err(format!("the newest supported server is v1.{NEWEST}")),
        None => Err("expected a server version such as v1.31, or `cluster`".to_owned()),
    }
}

/// `/version`, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    minor: String,
    git_version: String,
    emulation_minor: Option<String>,
}

/// Asks the API server; one that emulates an older one decides as that.
///
/// # Errors
///
/// That it cannot be reached, or is too old.
pub async fn ask(session: &Session) -> Result<Server> {
    let info: Info = get(session, "/version")
        .await
        .map_err(|error| refused(error, "get", "/version", "", ""))?;
    let number = |text: &str| -> Option<u32> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..digits].parse().ok()
    };
    let minor = number(&info.minor)
        .map(|minor| {
            let emulated = info.emulation_minor.as_deref().and_then(number);
            emulated.map_or(minor, |emulated| emulated.min(minor))
        })
        .ok_or_else(|| {
            Error::failed(format!(
                "cannot read the server version {:?}",
                info.git_version
            ))
        })?;
    Server::new(minor).ok_or_else(|| {
        Error::failed(format!(
            "the server is {}; the oldest supported server is v1.{OLDEST_SERVER}",
            info.git_version
        ))
        .with_hint("set another one:  --server-version v1.31")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_given_with_or_without_v() {
        assert_eq!(parse("cluster"), Ok(Choice::Cluster));
        let given = parse("v1.31").unwrap();
        assert_eq!(parse("1.31"), Ok(given));
        for wrong in ["1.22", "v1.99", "31", "v2.0", "latest"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
