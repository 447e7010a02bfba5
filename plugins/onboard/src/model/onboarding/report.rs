//! Shows plans and reports; knows nothing of the cluster.

use std::time::Duration;

use groundcrew::client::access::{Access, granted};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, shell_word, yaml};
use jiff::Timestamp;
use serde::Serialize;

use crate::model::check::Check;
use crate::model::generation::NEVER;
use crate::model::kind::Kind;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::plan::Plan;
use crate::model::time::until;

/// What a run ends with; the body of the `OnboardReport` document.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    user: String,
    namespace: String,
    generation: u32,
    credential: Credential,
    kubeconfig: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    verified: bool,
    elapsed_seconds: f64,
    /// What the user is told to try first.
    #[serde(skip)]
    first: &'static str,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    requests: u64,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    r#type: &'static str,
    groups: Vec<String>,
    not_after: Timestamp,
}

impl Report {
    /// Puts a report together.
    #[must_use]
    pub fn new(
        options: &Options,
        plan: &Plan,
        outcome: Outcome,
        observed: &Observed,
        elapsed: Duration,
        requests: u64,
        now: Timestamp,
    ) -> Self {
        let file = outcome.file.map(|path| path.display().to_string());
        let is_theirs = options.request().is_some();
        let (kubeconfig, certificate) = if is_theirs {
            (None, file)
        } else {
            (file, None)
        };
        Self {
            user: options.user.to_string(),
            namespace: plan.namespace.clone(),
            generation: outcome.generation,
            credential: Credential {
                r#type: outcome.kind.as_str(),
                groups: outcome.groups,
                not_after: outcome.not_after,
            },
            // With the user's key elsewhere their rights were reviewed, but nothing was tried out
            // as them.
            verified: !is_theirs
                && !outcome.kind.is_foreign()
                && !outcome.checks.is_empty()
                && Check::exit(&outcome.checks) == Exit::Done,
            first: first_command(plan, observed),
            exit: Check::exit(&outcome.checks),
            kubeconfig,
            certificate,
            elapsed_seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
            requests,
            now,
        }
    }

    /// Returns how the run ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Renders it, with what else was done for the user.
    ///
    /// # Errors
    ///
    /// Only when a value has no form in that format.
    pub fn render_with<T: Serialize>(
        &self,
        output: &OutputArgs,
        whole: &T,
        lines: &[(&str, String)],
        exit: Exit,
    ) -> Result<String> {
        match output.format {
            Format::Table => Ok(self.text(lines, exit)),
            Format::Wide => Ok(self.table(!output.no_headers)),
            Format::Json => json(&Document::new(Kind::OnboardReport, whole)),
            Format::Yaml => yaml(&Document::new(Kind::OnboardReport, whole)),
            Format::Name => Ok(format!("namespace/{}\n", self.namespace)),
        }
    }

    fn file(&self) -> &str {
        let file = self.kubeconfig.as_deref().or(self.certificate.as_deref());
        file.unwrap_or_default()
    }

    fn table(&self, headers: bool) -> String {
        let names = [
            "USER",
            "NAMESPACE",
            "CREDENTIAL",
            "GENERATION",
            "GROUPS",
            "EXPIRES",
            if self.certificate.is_some() {
                "CERTIFICATE"
            } else {
                "KUBECONFIG"
            },
        ];
        let mut table = Table::new(headers.then_some(names.as_slice()));
        table.row([
            self.user.as_str(),
            &self.namespace,
            self.credential.r#type,
            &self.generation.to_string(),
            &self.credential.groups.join(","),
            &self.credential.not_after.to_string(),
            self.file(),
        ]);
        table.render()
    }

    fn text(&self, lines: &[(&str, String)], exit: Exit) -> String {
        let user = &self.user;
        let head = match (&self.kubeconfig, exit) {
            (None, Exit::Done) if self.certificate.is_some() => {
                format!("{user}'s certificate is ready.")
            }
            (None, _) if self.certificate.is_some() => {
                format!("{user} has a certificate, but not the right permissions.")
            }
            (None, _) => format!("{user} is set up; no new credential was issued."),
            (Some(_), Exit::Done) => format!("{user} is ready."),
            (Some(_), Exit::Incomplete) => {
                format!("{user} has access; not everything could be checked.")
            }
            (Some(_), _) => format!("{user} has access, but not as it should be."),
        };
        let requests = format!("{:.1}s, {} requests", self.elapsed_seconds, self.requests);
        let mut text = format!("{head:<54} {requests}\n");
        let mut line = |label: &str, value: &str| {
            text.push_str(format!("  {label:<12} {value}").trim_end());
            text.push('\n');
        };
        line("namespace", &self.namespace);
        if !self.credential.groups.is_empty() {
            line("groups", &self.credential.groups.join(", "));
        }
        let credential = &self.credential;
        let end = if credential.not_after >= NEVER {
            "for as long as the identity provider allows".to_owned()
        } else {
            format!("until {}", until(credential.not_after, self.now))
        };
        let (kind, generation) = (credential.r#type, self.generation);
        line(
            "credential",
            &format!("{kind}, generation {generation}, {end}"),
        );
        if let Some(path) = &self.certificate {
            line(
                "certificate",
                &format!("{path}   (contains no secret; send it to {user})"),
            );
            line(
                "not checked",
                "what needs the key: kubectl onboard accept verifies it",
            );
            text.push_str(&format!("\n{user} combines it with the key:\n"));
            text.push_str(&format!(
                "  kubectl onboard accept {} --merge\n",
                shell_word(file_name(path))
            ));
            return text;
        }
        let Some(path) = &self.kubeconfig else {
            line(
                "kubeconfig",
                &format!("{} already has it; no copy of the key is kept", self.user),
            );
            line(
                "replace it",
                &format!("kubectl onboard {} --force", self.user),
            );
            return text;
        };
        line(
            "kubeconfig",
            &format!(
                "{path}   (0600; send it to {} over a secure channel)",
                self.user
            ),
        );
        if credential.not_after >= NEVER {
            line(
                "not checked",
                "the login itself; rights are as reported by the server",
            );
        }
        for (label, value) in lines {
            line(label, value);
        }
        text.push_str(&format!("\nSend {} these three commands:\n", self.user));
        let file = shell_word(file_name(path));
        for command in [
            format!("export KUBECONFIG=$PWD/{file}"),
            "kubectl auth whoami".to_owned(),
            self.first.to_owned(),
        ] {
            text.push_str(&format!("  {command}\n"));
        }
        text
    }
}

/// Returns a command that shows that it works, and that the user's role allows.
fn first_command(plan: &Plan, observed: &Observed) -> &'static str {
    let place = plan.places.first();
    let rules = place.and_then(|place| observed.role_rules.get(&place.role));
    let may = |verb, resource| {
        let access = Access::new(verb, resource).within(&plan.namespace);
        rules.is_some_and(|rules| granted(rules, &access))
    };
    if may("create", "deployments.apps") {
        "kubectl create deployment hello --image=IMAGE"
    } else if may("list", "pods") {
        "kubectl get pods"
    } else {
        "kubectl auth can-i --list"
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
