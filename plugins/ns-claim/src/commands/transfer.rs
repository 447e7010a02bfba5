//! `kubectl ns-claim protect` and `transfer`: what only admins may change.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{self, Session, access, outcome_unknown};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use groundcrew::write::{Writer, is_conflict};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::claim::Claim;
use crate::index::{self, Put};
use crate::objects::Holder;
use crate::one::{self, Look};
use crate::settings::Settings;
use crate::take::document;
use crate::view::View;
use crate::{FIELD_MANAGER, meta, objects, refusal};

/// Tries against others who change the same at the same time.
const TRIES: usize = 20;
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

/// Let a claim last for good, or end that again
///
/// A protected claim is never reaped, and its owner cannot delete it. For admins.
#[derive(Args, Debug)]
pub struct ProtectArgs {
    /// Which claim
    #[arg(value_name = "NAME", add = one::names())]
    name: String,

    /// Let it end again
    #[arg(long)]
    off: bool,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Make a claim somebody else's
///
/// The new owner gets the rights and the old one loses them; the end stays. For admins. Running it
/// again finishes what was interrupted.
#[derive(Args, Debug)]
pub struct TransferArgs {
    /// Which claim
    #[arg(value_name = "NAME", add = one::names())]
    name: String,

    /// The new owner's user name
    #[arg(long, value_name = "USER")]
    to: String,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Protects, or ends that.
///
/// # Errors
///
/// What the server says.
pub async fn protect(args: ProtectArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let session = client::connect(&args.kube, &crate::product(), ui).await?;
    let look = async {
        let me = access::who_am_i(&session).await?.username;
        Ok((me, one::look(&session, Some(&args.name)).await?))
    };
    let (me, look) = interrupt.guard(look).await?;
    let Look {
        claim,
        settings,
        clock,
    } = look;
    let by = (!args.off).then_some(me);
    let as_wanted = |claim: &Claim| claim.protected_by.is_some() == by.is_some();
    let note = json!({meta::PROTECTED: by});
    let claim = annotate(&session, claim, &note, as_wanted, &args.write).await?;
    let word = if args.off {
        "ends again"
    } else {
        "lasts for good"
    };
    let view = View::of(&claim, &settings, clock.now());
    answer(&view, word, &args.write, &args.output, ui)?;
    session.finish()?;
    Ok(Exit::Done)
}

/// Transfers.
///
/// # Errors
///
/// What the server says.
pub async fn transfer(args: TransferArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.to.is_empty() {
        return Err(Error::usage("--to names nobody"));
    }
    let session = client::connect(&args.kube, &crate::product(), ui).await?;
    let Look {
        claim,
        settings,
        clock,
    } = interrupt
        .guard(one::look(&session, Some(&args.name)))
        .await?;
    let to = &args.to;
    let note = json!({meta::OWNER: to});
    let as_wanted = |claim: &Claim| claim.owner.as_ref() == Some(to);
    let claim = annotate(&session, claim, &note, as_wanted, &args.write).await?;
    if args.write.dry_run == DryRun::None {
        entry(&session, &args.name, to).await?;
        bind(&session, &args.name, to, &settings).await?;
    }
    let view = View::of(&claim, &settings, clock.now());
    answer(&view, &format!("is {to}'s"), &args.write, &args.output, ui)?;
    session.finish()?;
    Ok(Exit::Done)
}

fn answer(view: &View, word: &str, write: &WriteArgs, output: &OutputArgs, ui: &Ui) -> Result<()> {
    let text = match document(view, output)? {
        Some(text) => text,
        None => format!("{} {word}{}\n", view.name, write.dry_run.suffix()),
    };
    ui.answer(text)
}

/// Writes annotations if the namespace is still what was read; what changed is read again.
async fn annotate(
    session: &Session,
    mut claim: Claim,
    notes: &Value,
    as_wanted: impl Fn(&Claim) -> bool,
    write: &WriteArgs,
) -> Result<Claim> {
    let api = Api::<Namespace>::all(session.client.clone());
    let params = PatchParams {
        dry_run: write.dry_run == DryRun::Server,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    for _ in 0..TRIES {
        if claim.terminating.is_some() {
            return Err(Error::conflict(format!("{} is being deleted", claim.name)));
        }
        if as_wanted(&claim) || write.dry_run == DryRun::Client {
            return Ok(claim);
        }
        let patch = json!({"metadata": {
            "uid": claim.uid,
            "resourceVersion": claim.resource_version,
            "annotations": notes,
        }});
        match api.patch(&claim.name, &params, &Patch::Merge(patch)).await {
            Ok(changed) => return Ok(Claim::of(&changed).unwrap_or(claim)),
            Err(error) if is_conflict(&error) || outcome_unknown(&error) => {
                let uid = std::mem::take(&mut claim.uid);
                let name = std::mem::take(&mut claim.name);
                claim = one::read(session, &name).await?;
                if claim.uid != uid {
                    return Err(Error::conflict(format!("{name} was made anew in between")));
                }
            }
            Err(error) => {
                let doing = Doing::new("patch", "namespaces").named(&claim.name);
                return Err(refusal::told(error, &doing));
            }
        }
    }
    Err(Error::conflict(format!(
        "{} is being changed by others all the time",
        claim.name
    )))
}

/// Puts the new owner into the index.
async fn entry(session: &Session, name: &str, to: &str) -> Result<()> {
    for _ in 0..TRIES {
        let (index, _) = index::read(session).await?;
        if index.holders.get(name).map(String::as_str) == Some(to) {
            return Ok(());
        }
        match index::put(session, &index, name, Some(to), false).await {
            Ok(Put::Done) => return Ok(()),
            Ok(Put::Raced) => {}
            Err(error) => {
                let doing = Doing::new("patch", "configmaps").named(meta::INDEX);
                return Err(refusal::told(error, &doing.within(SYSTEM_NAMESPACE)));
            }
        }
    }
    Err(Error::conflict(
        "the index is being changed by others all the time",
    ))
}

/// Gives the rights to the new owner alone.
async fn bind(session: &Session, name: &str, to: &str, settings: &Settings) -> Result<()> {
    let api = Api::<RoleBinding>::namespaced(session.client.clone(), name);
    let holder = [Holder::User(to.to_owned())];
    let wanted = objects::role_binding(meta::OWNER_BINDING, name, &settings.owner_role, &holder);
    let writer = Writer {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run: false,
        force_conflicts: false,
    };
    let doing = |verb| {
        Doing::new(verb, BINDINGS)
            .named(meta::OWNER_BINDING)
            .within(name)
    };
    let found = api
        .get_opt(meta::OWNER_BINDING)
        .await
        .map_err(|error| explain(error, &doing("get")))?;
    if let Some(found) = found {
        if found.subjects == wanted.subjects && found.role_ref == wanted.role_ref {
            return Ok(());
        }
        writer
            .delete(&api, &found.metadata)
            .await
            .map_err(|error| explain(error, &doing("delete")))?;
    }
    writer
        .create(&api, &wanted, |found| found.subjects == wanted.subjects)
        .await
        .map(drop)
        .map_err(|error| explain(error, &doing("create")))
}
