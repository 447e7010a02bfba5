//! What `install` takes, and the settings that it makes of it.

use clap::{Args, ValueEnum};
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::{self, Span};

use crate::model::meta;
use crate::model::settings::Settings;

/// What may differ from one installation to another.
#[derive(Args, Debug)]
#[command(next_help_heading = "Installation")]
pub(super) struct SettingsArgs {
    /// Schedule of the reaper, in cron format [default: */15 * * * *]
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,

    /// Image of the reaper, by digest if you can; without one, no reaper is scheduled
    #[arg(long, value_name = "REF")]
    image: Option<String>,

    /// Schedule no reaper: `kubectl ns-claim reap --yes` runs regularly elsewhere
    #[arg(long, conflicts_with = "image")]
    no_reaper: bool,

    /// Highest number of claims that one user can hold at once [default: 3]
    #[arg(long, value_name = "COUNT")]
    max_claims: Option<u32>,

    /// Lifetime of a claim if none is given [default: 8h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    default_ttl: Option<Span>,

    /// Shortest lifetime of a claim [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    min_ttl: Option<Span>,

    /// Longest lifetime of a claim, including extensions [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    max_total: Option<Span>,

    /// How long before the expiry owners are warned [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// Grace period after the warning [default: 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete nothing if more than this many claims are due at once [default: 20]
    #[arg(long, value_name = "COUNT")]
    max_deletes: Option<u32>,

    /// How long records of deleted claims are kept [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    keep_records: Option<Span>,

    /// Beginning of every claim's name, such as claim-; "" for none
    #[arg(long, value_name = "PREFIX")]
    name_prefix: Option<String>,

    /// Guard that restricts claimers to their own claims [default: vap]
    #[arg(long, value_name = "GUARD", value_enum)]
    guard: Option<Guard>,
}

/// Who keeps claimers to their own claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Guard {
    /// ValidatingAdmissionPolicies; requires Kubernetes 1.30.
    Vap,
    /// No guard: only admins and CI can claim.
    None,
}

/// Checks that names can begin so, and that enough of them is left.
fn checked(prefix: &str) -> Result<String> {
    let name = format!("{prefix}x");
    if let Some(why) = meta::why_not(&name) {
        return Err(Error::usage(format!("no name can begin with {prefix:?}")).with_hint(why));
    }
    if prefix.len() > MAX_PREFIX {
        return Err(Error::usage(format!(
            "{prefix:?} is longer than {MAX_PREFIX} characters"
        )));
    }
    Ok(prefix.to_owned())
}

/// Longest beginning of names.
const MAX_PREFIX: usize = 16;

impl SettingsArgs {
    /// Returns what holds from now on: what is given, otherwise what held before.
    pub(super) fn over(&self, before: Settings, installed: bool) -> Result<Settings> {
        let seconds = |span: Option<Span>, before| span.map_or(before, |span| span.0.as_secs());
        let guarded = match self.guard {
            Some(guard) => guard == Guard::Vap,
            None => before.self_service || !installed,
        };
        let settings = Settings {
            min_ttl_seconds: seconds(self.min_ttl, before.min_ttl_seconds),
            default_ttl_seconds: seconds(self.default_ttl, before.default_ttl_seconds),
            max_total_seconds: seconds(self.max_total, before.max_total_seconds),
            warn_seconds: seconds(self.warn, before.warn_seconds),
            grace_seconds: seconds(self.grace, before.grace_seconds),
            keep_records_seconds: seconds(self.keep_records, before.keep_records_seconds),
            max_claims: self.max_claims.unwrap_or(before.max_claims),
            max_deletes: self.max_deletes.unwrap_or(before.max_deletes),
            schedule: self
                .schedule
                .clone()
                .unwrap_or_else(|| before.schedule.clone()),
            name_prefix: match self.name_prefix.as_deref() {
                None => before.name_prefix.clone(),
                Some("") => None,
                Some(prefix) => Some(checked(prefix)?),
            },
            image: match self.no_reaper {
                true => None,
                false => self.image.clone().or_else(|| before.image.clone()),
            },
            reaped_elsewhere: self.no_reaper || (before.reaped_elsewhere && self.image.is_none()),
            self_service: guarded,
            owner_role: meta::OWNER_ROLE.to_owned(),
            ..before
        };
        settings.check().map_err(Error::usage)?;
        if settings.schedule.split_whitespace().count() != 5 && !settings.schedule.starts_with('@')
        {
            return Err(
                Error::usage(format!("{:?} is not a cron schedule", settings.schedule))
                    .with_hint("every 15 minutes:  --schedule '*/15 * * * *'"),
            );
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: SettingsArgs,
    }

    fn over(words: &[&str], before: Settings) -> Settings {
        let words = std::iter::once(&"install").chain(words);
        let line = Line::try_parse_from(words).unwrap();
        line.settings.over(before, true).unwrap()
    }

    #[test]
    fn who_runs_the_reaper_is_kept_until_something_else_is_given() {
        let scheduled = over(&["--image", "x"], Settings::default());
        let who = |settings: &Settings| (settings.image.clone(), settings.reaped_elsewhere);
        assert_eq!(who(&scheduled), (Some("x".to_owned()), false));
        assert_eq!(who(&over(&[], scheduled.clone())), who(&scheduled));
        let elsewhere = over(&["--no-reaper"], scheduled.clone());
        assert_eq!(who(&elsewhere), (None, true));
        assert_eq!(who(&over(&[], elsewhere.clone())), who(&elsewhere));
        let back = over(&["--image", "x"], elsewhere);
        assert_eq!(who(&back), who(&scheduled));
        assert!(Line::try_parse_from(["install", "--image", "x", "--no-reaper"]).is_err());
    }
}
