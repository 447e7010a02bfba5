//! To a ValidatingAdmissionPolicy.

use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::flags::Format;
use groundcrew::output::{Document, json, yaml};
use psp_advise::model::kind::Kind;
use psp_advise::model::psp::{Policy, admission_policy, guaranteed, losses, too_many};
use psp_advise::model::trial::Compared;
use psp_advise::model::vap::binding;
use serde::Serialize;
use serde_json::Value;

use super::args::{MigrateArgs, OnLoss};
use super::templates::{self, Template};
use super::verify;
use super::workloads::Pods;
use crate::commands::{answer, flags};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    complete: bool,
    unseen: Vec<Unseen>,
    objects: Vec<Value>,
    lost: Vec<Loss>,
    templates: Vec<Template>,
    /// `None` is not compared.
    verified: Option<Compared>,
}

#[derive(Serialize)]
struct Loss {
    policy: String,
    field: &'static str,
    what: &'static str,
}

/// Translates, compares if asked, and prints.
///
/// # Errors
///
/// What cannot be read; that the comparison failed, in which case nothing is printed.
pub(super) async fn run(
    args: &MigrateArgs,
    policies: &[Policy],
    pods: &Pods,
    session: Option<&Session>,
    frame: &Frame,
) -> Result<Exit> {
    let ui = &frame.ui;
    let rights = frame
        .interrupt
        .guard(flags::rbac(&args.rbac, session))
        .await?;
    let (subjects, unseen) = pods.read(session, frame).await?;
    answer::unseen(&unseen, ui);
    let policy = admission_policy(&args.name, policies);
    let verified = match (args.verify, session) {
        (true, Some(session)) => {
            let asked = verify::Asked {
                session,
                policies,
                subjects: &subjects,
            };
            Some(verify::run(&asked, args.yes, frame).await?)
        }
        _ => None,
    };
    let mut lost = Vec::new();
    for policy in policies {
        let name = &policy.metadata.name;
        for (field, what) in losses(policy) {
            ui.warning(format_args!("{name}: {field} is lost: {what}"));
            lost.push(Loss {
                policy: name.clone(),
                field,
                what,
            });
        }
        if subjects.is_empty() {
            let mutating = guaranteed(policy).mutating;
            if !mutating.is_empty() && policy.dead().is_none() {
                let fields = mutating.join(", ");
                ui.status(format_args!(
                    "{name} set {fields} in pods; now templates must set this themselves (--pods \
                     FILE|cluster shows what)."
                ));
            }
        }
    }
    if let Some(what) = too_many(policies) {
        ui.warning(what);
        lost.push(Loss {
            policy: String::new(),
            field: "rights",
            what,
        });
    }
    let incomplete = templates::incomplete(policies, rights.as_ref(), &subjects);
    for template in &incomplete {
        let place = format!("{}/{}", template.namespace, template.object);
        match (&template.policy, &template.patch) {
            (Some(policy), Some(patch)) => {
                ui.warning(format_args!(
                    "{place} was changed by {policy} and now needs the patch {patch}"
                ));
            }
            (Some(policy), None) => ui.warning(format_args!(
                "{place} was changed by {policy} in a way that no patch can express"
            )),
            (None, _) => ui.warning(format_args!("{place} is not admitted by any policy")),
        }
    }
    let objects = vec![policy, binding(&args.name)];
    let no = (!lost.is_empty() && args.on_loss == OnLoss::Error) || !incomplete.is_empty();
    let body = Body {
        complete: unseen.is_empty(),
        unseen,
        objects,
        lost,
        templates: incomplete,
        verified,
    };
    ui.answer(answer(&body, args)?)?;
    match &body.verified {
        Some(compared) => ui.status(compared),
        None => ui.hint("--verify compares it with the policies on a real server"),
    }
    Ok(match (body.complete, no) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::No,
        (true, false) => Exit::Done,
    })
}

fn answer(body: &Body, args: &MigrateArgs) -> Result<String> {
    match args.output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityMigration, body)),
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityMigration, body)),
        Format::Name => Ok(format!(
            "validatingadmissionpolicy/{0}\nvalidatingadmissionpolicybinding/{0}\n",
            args.name
        )),
        Format::Table => body.objects.iter().try_fold(String::new(), |text, object| {
            Ok(format!("{text}---\n{}", yaml(object)?))
        }),
        Format::Wide => Err(Error::usage("--to vap does not support -o wide")),
    }
}
