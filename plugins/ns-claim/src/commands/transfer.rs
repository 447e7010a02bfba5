//! `kubectl ns-claim transfer`: a claim changes hands.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use serde_json::json;

use super::answer;
use crate::cluster::claims::{self, Look};
use crate::cluster::index::{self, Change};
use crate::cluster::session;
use crate::model::claim::Claim;
use crate::model::meta::{self, FIELD_MANAGER};
use crate::model::objects::{self, Holder};
use crate::model::settings::Settings;
use crate::model::view::View;

const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

/// Make a claim somebody else's
///
/// The new owner gets the rights and the old one loses them; the end stays. For admins. Running it
/// again finishes what was interrupted.
#[derive(Args, Debug)]
pub struct TransferArgs {
    /// Which claim
    #[arg(value_name = "NAME", add = claims::names())]
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

/// Transfers.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: TransferArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.to.is_empty() {
        return Err(Error::usage("--to names nobody"));
    }
    let session = session::connect(&args.kube, ui).await?;
    let Look {
        claim,
        settings,
        clock,
    } = interrupt
        .guard(claims::look(&session, Some(&args.name)))
        .await?;
    let to = &args.to;
    let note = json!({meta::OWNER: to});
    let as_wanted = |claim: &Claim| claim.owner.as_ref() == Some(to);
    let claim = claims::annotate(&session, claim, &note, as_wanted, &args.write).await?;
    if args.write.dry_run == DryRun::None {
        entry(&session, &args.name, to).await?;
        bind(&session, &args.name, to, &settings).await?;
    }
    let view = View::of(&claim, &settings, clock.now());
    answer::claim(&view, &format!("is {to}'s"), &args.write, &args.output, ui)?;
    session.finish()?;
    Ok(Exit::Done)
}

/// Puts the new owner into the index.
async fn entry(session: &Session, name: &str, to: &str) -> Result<()> {
    index::update(session, None, name, false, |index| {
        Ok(match index.holders.get(name) {
            Some(holder) if holder == to => Change::Keep,
            _ => Change::Put(to.to_owned()),
        })
    })
    .await
    .map(drop)
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
