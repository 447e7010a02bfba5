//! Which API server decides.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::flags::KubeArgs;
use groundcrew::ui::Ui;
use psp_advise::model::standards::{NEWEST, OLDEST_SERVER, Server};
use serde::Deserialize;

use super::session::connect;

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
        Some(minor) if minor <= NEWEST => Server::new(minor).map(Choice::Given).ok_or_else(|| {
            format!("servers before v1.{OLDEST_SERVER} decide in a way that is not known here")
        }),
        Some(_) => Err(format!(
            "the newest server that is known here is v1.{NEWEST}"
        )),
        None => Err("a server version is v1.31, or `cluster`".to_owned()),
    }
}

/// Returns the server that decides and, where `needed` or asked about, the session with it.
///
/// # Errors
///
/// That the cluster cannot be reached, or is too old.
pub async fn open(
    choice: Option<Choice>,
    needed: bool,
    kube: &KubeArgs,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<(Option<Session>, Server)> {
    let session = if needed || choice == Some(Choice::Cluster) {
        Some(connect(kube, ui, interrupt).await?)
    } else {
        None
    };
    let server = match (choice, &session) {
        (Some(Choice::Given(server)), _) => server,
        (_, Some(session)) => interrupt.guard(ask(session)).await?,
        (_, None) => Server::default(),
    };
    Ok((session, server))
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
    let doing = Doing::new("get", "/version");
    let request = http::Request::get("/version")
        .body(Vec::new())
        .map_err(|error| Error::failed("cannot ask for the version").with_source(error))?;
    let info: Info = session
        .client
        .request(request)
        .await
        .map_err(|error| explain(error, &doing))?;
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
                "the server calls its version {:?}",
                info.git_version
            ))
        })?;
    Server::new(minor).ok_or_else(|| {
        Error::failed(format!(
            "the server is {}; what servers before v1.{OLDEST_SERVER} decide is not known here",
            info.git_version
        ))
        .with_hint("state another one: --server-version v1.31")
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
