//! `kubectl ns-claim [NAME]`: a namespace of one's own for some hours.

mod apply;
mod decide;
mod observe;
mod place;
mod render;
mod switch;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::access::{self, Access};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::moment::{Moment, shown};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::Profile;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cluster::index;
use crate::model::claim::Claim;
use crate::model::installation::guard::namespaces::MAX_TEXT;
use crate::model::objects::{Holder, Terms};
use crate::model::view::{View, between};
use crate::model::{meta, names};
use decide::{End, Wanted};

/// What `kubectl ns-claim [NAME]` takes.
#[derive(Args, Debug)]
pub struct ClaimArgs {
    /// Name of the namespace [default: your name, an adjective and an animal]
    #[arg(value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    terms: TermsArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Claim a namespace
///
/// The same as `kubectl ns-claim [NAME]`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    #[command(flatten)]
    claim: ClaimArgs,
}

/// The terms of a claim.
#[derive(Args, Debug)]
#[command(next_help_heading = "Claim")]
struct TermsArgs {
    /// Lifetime: 90m, 8h, 2d, 1w, 1d12h [default: the installation's, 8h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive, conflicts_with = "until")]
    ttl: Option<Span>,

    /// End time: 18:00, "fri 18:00", "tomorrow 9:30" (local), or RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// Purpose of the claim
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,

    /// Your team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,

    /// Address or channel for questions about the claim
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,

    /// Limits: small, medium, large, none, or a file
    #[arg(long, value_name = "PROFILE", default_value = "small")]
    profile: String,

    /// Also give `edit` to NAME, user:NAME or group:NAME; repeatable
    #[arg(long = "with", value_name = "WHO")]
    with: Vec<String>,

    /// Claim for another user; requires the right to impersonate them
    #[arg(long, value_name = "USER")]
    owner: Option<String>,

    /// Set the current context's namespace to the claim
    #[arg(long)]
    switch: bool,

    /// Continue with the claim if it is already yours
    #[arg(long)]
    reuse: bool,

    /// Wait until you can work in the claim
    #[arg(long)]
    wait: bool,
}

impl ClaimArgs {
    /// Says whether nothing was given that says what is wanted: then the user is asked.
    fn is_bare(&self) -> bool {
        let terms = &self.terms;
        let says_nothing = terms.ttl.is_none()
            && terms.until.is_none()
            && terms.purpose.is_none()
            && terms.team.is_none()
            && terms.contact.is_none()
            && terms.owner.is_none()
            && terms.with.is_empty();
        let does_nothing = !terms.switch && !terms.reuse && !terms.wait;
        let may_write = self.write.dry_run == DryRun::None && !self.write.yes;
        self.name.is_none() && says_nothing && does_nothing && may_write
    }

    /// Checks everything that can be checked without the cluster.
    fn resolve(self) -> Result<Wanted> {
        let Self {
            name,
            terms: claim,
            write,
            output,
        } = self;
        // `claim/status` is the claim of that name, where `status` alone is taken for a command.
        let name = name.map(|name| match name.strip_prefix("claim/") {
            Some(plain) => plain.to_owned(),
            None => name,
        });
        if let Some(name) = &name
            && let Some(why) = meta::why_not(name)
        {
            return Err(Error::usage(format!("{name:?} cannot be claimed")).with_hint(why));
        }
        let texts = [
            ("--team", &claim.team),
            ("--purpose", &claim.purpose),
            ("--contact", &claim.contact),
        ];
        for (flag, text) in texts {
            let Some(text) = text else { continue };
            if text.chars().count() > MAX_TEXT {
                return Err(Error::usage(format!(
                    "{flag} is longer than {MAX_TEXT} characters"
                )));
            }
            if text.chars().any(char::is_control) {
                return Err(Error::usage(format!("{flag} holds a control character")));
            }
        }
        let wanted = Wanted {
            name,
            end: match (claim.ttl, claim.until) {
                (Some(ttl), _) => End::In(ttl),
                (None, Some(moment)) => End::At(moment),
                (None, None) => End::Default,
            },
            purpose: claim.purpose,
            team: claim.team,
            contact: claim.contact,
            profile: Profile::parse(&claim.profile)?,
            with: claim
                .with
                .iter()
                .map(|text| holder(text))
                .collect::<Result<_>>()?,
            owner: claim.owner,
            switch: claim.switch,
            reuse: claim.reuse,
            wait: claim.wait,
            dry_run: write.dry_run,
            field_manager: write
                .field_manager
                .unwrap_or_else(|| meta::FIELD_MANAGER.to_owned()),
            output,
        };
        Ok(wanted)
    }
}

fn holder(text: &str) -> Result<Holder> {
    let (holder, name) = match text.split_once(':') {
        Some(("user", name)) => (Holder::User(name.to_owned()), name),
        Some(("group", name)) => (Holder::Group(name.to_owned()), name),
        _ => (Holder::User(text.to_owned()), text),
    };
    let everybody = matches!(&holder, Holder::Group(name) if name.starts_with("system:"));
    if name.is_empty() || everybody {
        return Err(
            Error::usage(format!("--with {text:?} is not a user or group"))
                .with_hint("--with bo, --with user:bo or --with group:payments"),
        );
    }
    Ok(holder)
}

/// Claims.
///
/// # Errors
///
/// Why there is no claim, or not a complete one.
pub async fn run(args: ClaimArgs, frame: &Frame) -> Result<Exit> {
    let bare = args.is_bare();
    claim(args.resolve()?, bare, frame).await
}

/// Claims, as the word `create` says.
///
/// # Errors
///
/// As [`run`].
pub async fn create(args: CreateArgs, frame: &Frame) -> Result<Exit> {
    claim(args.claim.resolve()?, false, frame).await
}

async fn claim(wanted: Wanted, bare: bool, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = interrupt.guard(frame.connect()).await?;
    if wanted.switch {
        switch::check(&session)?;
    }
    let look = async {
        // An entry cannot be taken back, so none is put for a name that is taken.
        let there = async {
            match &wanted.name {
                Some(name) => observe::namespace(&session, name).await,
                None => Ok(None),
            }
        };
        let (me, index, there) =
            futures::join!(access::who_am_i(&session), index::read(&session), there);
        // Of several refusals, the one that says who may claim.
        let index = index?;
        Ok((me?, index, there?))
    };
    let (me, (index, clock), there) = interrupt.guard(look).await?;
    let owner = wanted.owner.clone().unwrap_or_else(|| me.username.clone());
    if owner != me.username {
        let right = Access::new("impersonate", "users").named(&owner);
        let missing = access::missing(&session, &[right]).await?;
        if !missing.is_empty() {
            return Err(access::refused(
                &missing,
                &me.username,
                "groundcrew-claim-for",
            ));
        }
    }
    let zone = TimeZone::system();
    let now = clock.now();
    let prefix = index.settings.name_prefix.clone().unwrap_or_default();
    let suggest = || {
        let name = names::suggest(&owner, |below| fastrand::usize(..below));
        match name.starts_with(&prefix) {
            true => name,
            false => format!("{prefix}{name}"),
        }
    };
    if let Some(name) = wanted
        .name
        .as_ref()
        .filter(|name| !name.starts_with(&prefix))
    {
        return Err(
            Error::usage(format!("the name of a claim begins with {prefix:?} here"))
                .with_hint(format!("kubectl ns-claim {prefix}{name}")),
        );
    }
    let name = wanted.name.clone().unwrap_or_else(suggest);
    let terms = decide::terms(&wanted, &name, &owner, &index.settings, now, &zone)?;
    if let Some(holder) = index.holders.get(&name).filter(|holder| **holder != owner) {
        return Err(place::held(&session, &name, holder, &index.settings, now).await);
    }
    if bare {
        ask(&terms, now, &zone, frame)?;
    }
    if let Some(there) = there {
        let claim = Claim::of(&there);
        let mine = claim.as_ref().is_some_and(|claim| {
            claim.owner.as_ref() == Some(&owner) && claim.terminating.is_none()
        });
        if !mine {
            let view = claim.map(|claim| View::of(&claim, &index.settings, now));
            return Err(place::held_error(&name, view, now));
        }
    }
    let holder = if owner == me.username {
        Holder::of(&me.username, &me.groups)
    } else {
        Holder::User(owner.clone())
    };
    let run = apply::Run {
        session: &session,
        wanted: &wanted,
        holder,
        clock,
        ui,
        interrupt,
    };
    let installed = index.installed;
    let unreaped = index.unreaped_since(now);
    let claim = run.carry_out(terms, index, suggest).await?;
    if claim.was_mine {
        ui.status(format_args!("{} was already yours.", claim.view.name));
    }
    if !installed {
        ui.warning(
            "no reaper is installed in this cluster, so claims will not expire on their own",
        );
        ui.hint(
            "delete expired claims with `kubectl ns-claim reap`, or run: kubectl ns-claim install",
        );
    } else if let Some(unreaped) = unreaped {
        ui.warning(format_args!(
            "{unreaped}; this claim may not expire on its own"
        ));
        ui.hint(format_args!(
            "release it when it is not needed any more: kubectl ns-claim release {}; an admin can find \
             out why: kubectl ns-claim doctor",
            claim.view.name
        ));
    }
    if wanted.wait && wanted.dry_run == DryRun::None {
        run.wait(&claim.view.name).await?;
    }
    if wanted.switch {
        switch::to(&session, &frame.kube, &claim.view.name, wanted.dry_run, ui)?;
    }
    ui.answer(render::done(&claim, &wanted, clock.now(), &zone)?)?;
    session.finish()?;
    Ok(Exit::Done)
}

/// Asks whether the user meant to claim: they named nothing.
fn ask(terms: &Terms, now: Timestamp, zone: &TimeZone, frame: &Frame) -> Result<()> {
    let question = format!(
        "Claim {} until {} ({})?",
        terms.name,
        shown(terms.expires, zone),
        Span(between(now, terms.expires))
    );
    frame.confirm(&question, false).map_err(|error| {
        if error.kind() != Kind::Usage {
            return error;
        }
        Error::usage("nothing was claimed: without a terminal there is nobody to ask")
            .with_detail("`kubectl ns-claim` alone claims a namespace after a question")
            .with_hint("claim one:   kubectl ns-claim NAME --ttl 8h, or kubectl ns-claim --yes")
            .with_hint("list yours:  kubectl ns-claim list --mine")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharing_with_everybody_is_refused() {
        assert_eq!(holder("bo").unwrap(), Holder::User("bo".to_owned()));
        assert_eq!(holder("group:qa").unwrap(), Holder::Group("qa".to_owned()));
        for nobody in ["", "user:", "group:", "group:system:authenticated"] {
            assert!(holder(nobody).is_err(), "{nobody}");
        }
    }
}
