//! How the answer is shown, how much is logged, what a write may do.

use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::ui::ColorChoice;

/// The flags that concern every run.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output options")]
pub struct Globals {
    /// When to use color
    #[arg(long, value_name = "WHEN", default_value = "auto", value_enum)]
    pub color: ColorChoice,

    /// Log level on stderr: 6 shows every request, 8 also headers and bodies
    #[arg(short = 'v', long = "v", value_name = "N", default_value_t = 0)]
    pub verbosity: u8,
}

/// The format of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people with a wide terminal.
    Wide,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// `resource/name`, one per line.
    Name,
}

impl Format {
    const NAMES: [(&'static str, Self); 5] = [
        ("table", Self::Table),
        ("wide", Self::Wide),
        ("json", Self::Json),
        ("yaml", Self::Yaml),
        ("name", Self::Name),
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES
            .iter()
            .find(|(_, format)| format == self)
            .map(|(name, _)| name);
        f.write_str(name.copied().unwrap_or_default())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, format)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*format);
        }
        // kubectl's template dialects have no faithful engine outside Go; half of one would
        // mislead.
        let template = ["jsonpath", "go-template", "template", "custom-columns"]
            .iter()
            .any(|dialect| text.starts_with(dialect));
        let hint = if template {
            "; for a template, pipe `-o json` into jq"
        } else {
            ""
        };
        Err(format!(
            "the formats are table, wide, json, yaml, name{hint}"
        ))
    }
}

/// `-o` and what goes with it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output options")]
pub struct OutputArgs {
    /// Output format: table, wide, json, yaml or name
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value_t)]
    pub format: Format,

    /// Omit the header line of tables
    #[arg(long)]
    pub no_headers: bool,
}

/// What a run may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Write.
    #[default]
    None,
    /// Show the plan; send no write.
    Client,
    /// Send requests in server-side dry-run mode; nothing is stored.
    Server,
}

impl DryRun {
    /// Returns the ending of a result line, as kubectl prints it.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}

/// Flags of a command that writes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Write options")]
pub struct WriteArgs {
    /// Show what would be done: none, client (sends no writes) or server (the server checks them)
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        hide_default_value = true,
        default_missing_value = "client"
    )]
    pub dry_run: DryRun,

    /// Field manager name recorded by the server [default: kubectl-PLUGIN]
    #[arg(long, value_name = "NAME")]
    pub field_manager: Option<String>,

    /// Take over fields that another manager has set to a different value
    #[arg(long)]
    pub force_conflicts: bool,

    /// Answer yes to every question
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_back_what_it_prints() {
        for (name, format) in Format::NAMES {
            assert_eq!(name.parse::<Format>(), Ok(format));
            assert_eq!(format.to_string(), name);
        }
    }

    #[test]
    fn a_template_is_refused_with_the_way_round() {
        let error = "jsonpath={.kind}".parse::<Format>().unwrap_err();
        assert!(error.contains("jq"), "{error}");
    }
}
