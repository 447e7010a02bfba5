//! `-o` of the findings.

use clap::ValueEnum;

/// The format of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Wide,
    Json,
    Yaml,
    Markdown,
    Sarif,
}
