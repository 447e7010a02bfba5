//! What was accepted, as people and programs read it.

use std::path::Path;

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, shell_word, yaml};
use jiff::Timestamp;
use serde::Serialize;

use crate::commands::accept::combine::Joined;
use crate::model::check::Check;
use crate::model::kind::Kind;
use crate::model::time::until;

/// The body of the `OnboardAccept` document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    user: String,
    namespace: String,
    generation: u32,
    cluster: String,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
    context: String,
    kubeconfig: String,
    merged: bool,
    not_after: Timestamp,
    verified: bool,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    now: Timestamp,
}

impl Accepted {
    /// Puts it together.
    #[must_use]
    pub fn new(
        joined: &Joined,
        path: &Path,
        merged: bool,
        checks: &[Check],
        now: Timestamp,
    ) -> Self {
        let exit = Check::exit(checks);
        Self {
            user: joined.user.to_string(),
            namespace: joined.head.namespace.clone(),
            generation: joined.head.generation,
            cluster: joined.head.cluster.clone(),
            server: joined.endpoint().server.clone(),
            tls_server_name: joined.endpoint().tls_server_name.clone(),
            proxy_url: joined.endpoint().proxy_url.clone(),
            context: joined.context(),
            kubeconfig: path.display().to_string(),
            merged,
            not_after: joined.issued.not_after,
            verified: exit == Exit::Done,
            exit,
            now,
        }
    }

    /// Renders it.
    ///
    /// # Errors
    ///
    /// Only when a value cannot be written in that format.
    pub fn render(&self, output: &OutputArgs) -> Result<String> {
        match output.format {
            Format::Json => json(&Document::new(Kind::OnboardAccept, self)),
            Format::Yaml => yaml(&Document::new(Kind::OnboardAccept, self)),
            Format::Name => Ok(format!("context/{}\n", self.context)),
            Format::Wide => {
                let names = [
                    "USER",
                    "NAMESPACE",
                    "CONTEXT",
                    "SERVER",
                    "EXPIRES",
                    "KUBECONFIG",
                ];
                let mut table = Table::new((!output.no_headers).then_some(names.as_slice()));
                table.row([
                    self.user.as_str(),
                    &self.namespace,
                    &self.context,
                    &self.server,
                    &self.not_after.to_string(),
                    &self.kubeconfig,
                ]);
                Ok(table.render())
            }
            Format::Table => Ok(self.text()),
        }
    }

    fn text(&self) -> String {
        let head = match self.exit {
            Exit::Done => "You are ready.",
            Exit::Incomplete => "You have access; not all of it could be checked.",
            _ => "You have access, but not exactly what you should have.",
        };
        let mut text = format!("{head}\n");
        let mut rows = vec![
            ("namespace", self.namespace.clone()),
            ("cluster", self.cluster.clone()),
            ("address", self.server.clone()),
        ];
        let name = self.tls_server_name.clone();
        rows.extend(name.map(|name| ("server name", name)));
        rows.extend(self.proxy_url.clone().map(|url| ("proxy", url)));
        rows.extend([
            (
                "credential",
                format!(
                    "certificate, generation {}, until {}",
                    self.generation,
                    until(self.not_after, self.now)
                ),
            ),
            ("kubeconfig", self.kubeconfig.clone()),
            ("context", self.context.clone()),
        ]);
        for (label, value) in rows {
            text.push_str(&format!("  {label:<12} {value}\n"));
        }
        text.push_str("\nNext:\n");
        if self.merged {
            let context = shell_word(&self.context);
            text.push_str(&format!("  kubectl config use-context {context}\n"));
        } else {
            let here = if Path::new(&self.kubeconfig).is_absolute() {
                ""
            } else {
                "\"$PWD\"/"
            };
            let file = shell_word(&self.kubeconfig);
            text.push_str(&format!("  export KUBECONFIG={here}{file}\n"));
        }
        text.push_str("  kubectl auth whoami\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_for_people_and_for_programs() {
        let accepted = Accepted {
            user: "alice".to_owned(),
            namespace: "alice".to_owned(),
            generation: 1,
            cluster: "prod".to_owned(),
            server: "https://api.example.com:6443".to_owned(),
            tls_server_name: None,
            proxy_url: None,
            context: "alice@prod".to_owned(),
            kubeconfig: "alice.kubeconfig".to_owned(),
            merged: false,
            not_after: "2026-12-21T09:14:00Z".parse().unwrap(),
            verified: true,
            exit: Exit::Done,
            now: "2026-11-21T09:14:03Z".parse().unwrap(),
        };
        let shown = |format| {
            let output = OutputArgs {
                format,
                no_headers: false,
            };
            accepted.render(&output).unwrap()
        };
        insta::assert_snapshot!(shown(Format::Table) + "---\n" + &shown(Format::Json));
    }
}
