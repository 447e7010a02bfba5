//! What a run would do, as text.

use groundcrew::error::Result;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, Format};
use groundcrew::output::{Document, Kind, json, yaml};
use serde::Serialize;

use crate::model::objects::namespace;
use crate::model::onboarding::options::{KeySource, Options};
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep, Plan};
use crate::model::{holder, labels};

/// Renders what a run would do.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn plan(options: &Options, plan: &Plan, as_user: &[String]) -> Result<String> {
    let lines = plan_lines(options, plan, as_user);
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
pub fn preview(options: &Options, plan: &Plan, as_user: &[String]) -> String {
    text(&plan_lines(options, plan, as_user), DryRun::Client)
}

pub fn text(lines: &[String], mode: DryRun) -> String {
    let suffix = mode.suffix();
    lines
        .iter()
        .map(|line| format!("{line}{suffix}\n"))
        .collect()
}

fn plan_lines(options: &Options, plan: &Plan, as_user: &[String]) -> Vec<String> {
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
            lines.push(format!("limitrange/{} applied", namespace::LIMITS));
        }
        if profile.quota().is_some() {
            let summary = profile.summary();
            lines.push(format!(
                "resourcequota/{} applied: {summary}",
                namespace::LIMITS
            ));
        }
    }
    if own && namespace::network_policy(plan.network, &plan.namespace, user).is_some() {
        lines.push(format!(
            "networkpolicy/{} applied: {}",
            namespace::DEFAULT_DENY,
            plan.network.summary()
        ));
    }
    let holders: Vec<String> = plan
        .holders
        .after
        .iter()
        .map(holder::Holder::describe)
        .collect();
    let name = labels::binding_name(user);
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
            if let KeySource::External(request) = &options.key {
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
    lines.extend_from_slice(as_user);
    lines
}
