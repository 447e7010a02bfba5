//! Shows plans and reports; knows nothing of the cluster.

use std::time::Duration;

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, Format, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::apply::Outcome;
use crate::options::{KeySource, Options};
use crate::plan::{CredentialStep, NamespaceStep, Plan};
use crate::proof::Check;
use crate::record::NEVER;
use crate::setup::SetupReport;
use crate::smoke::SmokeReport;

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
    #[serde(skip_serializing_if = "Option::is_none")]
    setup: Option<SetupReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    smoke: Option<SmokeReport>,
    elapsed_seconds: f64,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    requests: u64,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
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
        elapsed: Duration,
        requests: u64,
        now: Timestamp,
    ) -> Self {
        let file = outcome.file.map(|path| path.display().to_string());
        let is_hers = matches!(options.key, KeySource::Hers(_));
        let (kubeconfig, certificate) = if is_hers { (None, file) } else { (file, None) };
        Self {
            user: options.user.to_string(),
            namespace: plan.namespace.clone(),
            generation: outcome.generation,
            credential: Credential {
                r#type: outcome.kind.as_str(),
                groups: outcome.groups,
                not_after: outcome.not_after,
            },
            // With her key elsewhere her rights were reviewed, but nothing was tried out as her.
            verified: !is_hers
                && !outcome.kind.is_foreign()
                && !outcome.checks.is_empty()
                && Check::exit(&outcome.checks) == Exit::Done,
            setup: None,
            smoke: None,
            exit: Check::exit(&outcome.checks),
            kubeconfig,
            certificate,
            elapsed_seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
            requests,
            now,
        }
    }

    /// Adds what was done as her.
    #[must_use]
    pub fn with(self, setup: Option<SetupReport>, smoke: Option<SmokeReport>) -> Self {
        Self {
            setup,
            smoke,
            ..self
        }
    }

    /// Returns how the run ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.exit, &self.smoke) {
            (Exit::Done, Some(smoke)) => smoke.exit(),
            (exit, _) => exit,
        }
    }

    /// Renders the report.
    ///
    /// # Errors
    ///
    /// Only when a value has no form in that format.
    pub fn render(&self, output: &OutputArgs) -> Result<String> {
        match output.format {
            Format::Table => Ok(self.text()),
            Format::Wide => Ok(self.table(!output.no_headers)),
            Format::Json => json(&Document::new(Kind::OnboardReport, self)),
            Format::Yaml => yaml(&Document::new(Kind::OnboardReport, self)),
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

    fn text(&self) -> String {
        let user = &self.user;
        let head = match (&self.kubeconfig, self.exit()) {
            (None, Exit::Done) if self.certificate.is_some() => {
                format!("{user}'s certificate is ready.")
            }
            (None, _) if self.certificate.is_some() => {
                format!("{user} has a certificate, but not the rights that she should have.")
            }
            (None, _) => format!("{user} is set up; no new credential was issued."),
            (Some(_), Exit::Done) => format!("{user} can work."),
            (Some(_), Exit::Incomplete) => format!("{user} has access; not all of it was tried."),
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
            "as long as its issuer lets her log in".to_owned()
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
                &format!("{path}   (holds no secret; send it to {user})"),
            );
            line(
                "not tried",
                "what only her key can: accept proves it with her own file",
            );
            text.push_str(&format!("\n{user} joins it with her key:\n"));
            text.push_str(&format!(
                "  kubectl onboard accept {} --merge\n",
                file_name(path)
            ));
            return text;
        }
        let Some(path) = &self.kubeconfig else {
            line(
                "kubeconfig",
                &format!(
                    "with {} since it was issued; its key is nowhere else",
                    self.user
                ),
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
                "{path}   (0600; give it to {} over a safe channel)",
                self.user
            ),
        );
        if credential.not_after >= NEVER {
            line(
                "not tried",
                "her login; her rights are what the server says of them",
            );
        }
        if let Some(setup) = &self.setup {
            line("setup", &setup.summary());
        }
        if let Some(smoke) = &self.smoke {
            line("first pod", &smoke.summary());
        }
        text.push_str(&format!("\nSend {} these three commands:\n", self.user));
        let file = file_name(path);
        for command in [
            format!("export KUBECONFIG=$PWD/{file}"),
            "kubectl auth whoami".to_owned(),
            "kubectl create deployment hello --image=IMAGE".to_owned(),
        ] {
            text.push_str(&format!("  {command}\n"));
        }
        text
    }
}

/// Renders what a run would do.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn plan(options: &Options, plan: &Plan) -> Result<String> {
    let lines = plan_lines(options, plan);
    match options.output.format {
        Format::Json | Format::Yaml => {
            #[derive(Serialize)]
            struct Steps<'a> {
                user: &'a str,
                namespace: &'a str,
                steps: &'a [String],
            }
            let document = Document::new(
                Kind::OnboardPlan,
                Steps {
                    user: options.user.as_str(),
                    namespace: &plan.namespace,
                    steps: &lines,
                },
            );
            if options.output.format == Format::Json {
                json(&document)
            } else {
                yaml(&document)
            }
        }
        Format::Name => Ok(format!("namespace/{}\n", plan.namespace)),
        Format::Table | Format::Wide => Ok(text(&lines, options.dry_run)),
    }
}

/// Renders for people what a run would do, as `--dry-run=client` does.
#[must_use]
pub fn preview(options: &Options, plan: &Plan) -> String {
    text(&plan_lines(options, plan), DryRun::Client)
}

fn text(lines: &[String], mode: DryRun) -> String {
    let suffix = mode.suffix();
    lines
        .iter()
        .map(|line| format!("{line}{suffix}\n"))
        .collect()
}

fn plan_lines(options: &Options, plan: &Plan) -> Vec<String> {
    let user = &options.user;
    let mut lines = Vec::new();
    let step = match plan.namespace_step {
        NamespaceStep::None => None,
        NamespaceStep::Create => Some("created"),
        NamespaceStep::Update => Some("configured"),
        NamespaceStep::Keep => Some("unchanged"),
    };
    lines.extend(step.map(|step| format!("namespace/{} {step}", plan.namespace)));
    let own = step.is_some();
    if let Some(profile) = plan.profile.as_ref().filter(|_| own) {
        if profile.limit_range().is_some() {
            lines.push(format!("limitrange/{} applied", crate::objects::LIMITS));
        }
        if profile.quota().is_some() {
            let summary = profile.summary();
            lines.push(format!(
                "resourcequota/{} applied: {summary}",
                crate::objects::LIMITS
            ));
        }
    }
    if own && crate::objects::network_policy(plan.network, &plan.namespace, user).is_some() {
        lines.push(format!(
            "networkpolicy/{} applied: {}",
            crate::objects::DEFAULT_DENY,
            plan.network.summary()
        ));
    }
    let holders: Vec<String> = plan
        .holders
        .after
        .iter()
        .map(crate::objects::Holder::describe)
        .collect();
    let name = crate::objects::binding_name(user);
    for place in &plan.places {
        let what = if plan.replaced.contains(&place.namespace) {
            "replaced"
        } else {
            "applied"
        };
        let inside = if place.own {
            String::new()
        } else {
            format!(" in {}", place.namespace)
        };
        let (role, to) = (&place.role, holders.join(", "));
        lines.push(format!("rolebinding/{name}{inside} {what}: {role} → {to}"));
    }
    for extra in &plan.settings.extras {
        let (name, role) = (extra.binding_name(user), extra.role());
        let to = holders.join(", ");
        lines.push(format!("clusterrolebinding/{name} applied: {role} → {to}"));
    }
    for left in &plan.left {
        lines.push(format!("rolebinding/{name} in {left} removed"));
    }
    match &plan.credential {
        CredentialStep::KeepFile(held) => lines.push(format!(
            "{} kept: generation {}, until {}",
            options.out.display(),
            held.generation,
            held.not_after
        )),
        CredentialStep::KeepElsewhere(issue) => lines.push(format!(
            "credential kept: generation {}, until {}",
            issue.generation, issue.not_after
        )),
        CredentialStep::Issue { generation, .. } => {
            lines.push(format!(
                "credential issued: generation {generation}, for {}",
                Span(options.expires)
            ));
            lines.push(format!("{} written", options.out.display()));
            if let KeySource::Hers(request) = &options.key {
                let key = request.fingerprint();
                lines.push(format!("her key stays with her: SHA256:{key}"));
            }
            let old = plan
                .holders
                .during
                .iter()
                .filter(|old| !plan.holders.after.contains(old));
            lines.extend(old.map(|old| format!("rights of {} taken away", old.describe())));
        }
    }
    if let Some(setup) = &options.setup {
        lines.extend(setup.plan_lines(user.as_str()));
    }
    if let Some(smoke) = &options.smoke {
        lines.push(format!("pod of {} run as {user}, and removed", smoke.image));
    }
    lines
}

/// Returns `2026-12-21 09:14 UTC (30d)`.
#[must_use]
pub fn until(end: Timestamp, now: Timestamp) -> String {
    let at = end.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC");
    // To the nearest ten minutes: a certificate for 30 days is not one for "29d23h".
    let left = Duration::from_secs(left(end, now).as_secs().div_ceil(600) * 600);
    format!("{at} ({})", Span(left))
}

/// Returns the time from `now` to `end`; zero when it is over.
#[must_use]
pub fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(end.as_second() - now.as_second()).unwrap_or_default())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
