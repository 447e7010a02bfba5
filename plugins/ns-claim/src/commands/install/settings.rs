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
    /// When the reaper runs, as cron writes it [default: */15 * * * *]
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,

    /// Image of the reaper; without one it is not scheduled
    #[arg(long, value_name = "REF")]
    image: Option<String>,

    /// Claims that one person may hold at once [default: 3]
    #[arg(long, value_name = "COUNT")]
    max_claims: Option<u32>,

    /// Lifetime of a claim that states none [default: 8h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    default_ttl: Option<Span>,

    /// Shortest lifetime [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    min_ttl: Option<Span>,

    /// Longest lifetime, extensions included [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    max_total: Option<Span>,

    /// How long before its end an owner is warned [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// How long after the warning nothing is deleted [default: 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete nothing when more than this many are due at once [default: 20]
    #[arg(long, value_name = "COUNT")]
    max_deletes: Option<u32>,

    /// How long the records of ended claims are kept [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    keep_records: Option<Span>,

    /// Who keeps claimers to their own claims: the server's policies, or nobody, and then only
    /// admins and CI may claim [default: vap]
    #[arg(long, value_name = "GUARD", value_enum)]
    guard: Option<Guard>,
}

/// Who keeps claimers to their own claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Guard {
    /// ValidatingAdmissionPolicies, from Kubernetes 1.30 on.
    Vap,
    /// Nobody: only admins and CI may claim.
    None,
}

impl SettingsArgs {
    /// Returns what holds from now on: what is stated, else what held before.
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
            image: self.image.clone().or_else(|| before.image.clone()),
            self_service: guarded,
            owner_role: meta::OWNER_ROLE.to_owned(),
            ..before
        };
        settings.check().map_err(Error::usage)?;
        if settings.schedule.split_whitespace().count() != 5 && !settings.schedule.starts_with('@')
        {
            return Err(
                Error::usage(format!("{:?} is no schedule", settings.schedule))
                    .with_hint("--schedule '*/15 * * * *' is every quarter of an hour"),
            );
        }
        Ok(settings)
    }
}
