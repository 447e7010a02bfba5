//! `-o`, for the commands whose formats are their own.

use clap::{Args, ValueEnum};

/// The format of the answer; every such enum has a `Table`, which is the default.
#[derive(Args, Clone, Copy, Debug)]
pub struct FormatArgs<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// Format of the answer
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value = "table",
        help_heading = "Output options"
    )]
    pub format: F,
}
