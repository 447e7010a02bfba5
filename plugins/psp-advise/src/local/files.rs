//! Manifests from files, directories and stdin.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::error::{Error, Result};
use groundcrew::limits;
use psp_advise::model::manifest::text;
use psp_advise::model::workload::TemplatePath;

/// `-f` and the flags that belong to it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Manifests (instead of the cluster)")]
pub struct FileArgs {
    /// File or directory, or - for stdin; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    pub filename: Vec<PathBuf>,

    /// Include subdirectories of -f
    #[arg(short = 'R', long)]
    pub recursive: bool,

    /// Pod template of another kind, as KIND.GROUP=PATH; repeatable
    #[arg(long = "pod-template-path", value_name = "KIND=PATH", value_parser = TemplatePath::parse)]
    pub pod_template_path: Vec<TemplatePath>,
}

impl FileArgs {
    /// Returns everything below some paths.
    #[must_use]
    pub fn below(paths: Vec<PathBuf>) -> Self {
        Self {
            filename: paths,
            recursive: true,
            pod_template_path: Vec::new(),
        }
    }
}

/// A file as it was read.
#[derive(Debug)]
pub struct File {
    /// What messages call it.
    pub name: String,
    /// Where it is; `None` is stdin.
    pub path: Option<PathBuf>,
    /// Its bytes, or why they could not be read.
    pub content: Result<Vec<u8>, String>,
}

impl File {
    /// Returns its text without a byte order mark.
    ///
    /// # Errors
    ///
    /// That it cannot be read or is not text.
    pub fn text(&self) -> Result<Cow<'_, str>, String> {
        text(self.content.as_deref().map_err(Clone::clone)?)
    }
}

/// Endings that kubectl reads in a directory.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// Reads everything that `-f` names, in a stable order. `take` gets one file at a time, so that a
/// large tree is never in memory as a whole.
///
/// # Errors
///
/// A path that is not there, or what `take` returns.
pub fn each(args: &FileArgs, mut take: impl FnMut(File) -> Result<()>) -> Result<()> {
    for path in &args.filename {
        if path == Path::new("-") {
            let content = limits::read(std::io::stdin().lock(), limits::MANIFESTS)
                .map_err(|error| error.to_string());
            take(File {
                name: "<stdin>".to_owned(),
                path: None,
                content,
            })?;
            continue;
        }
        let meta = fs::metadata(path).map_err(|error| {
            Error::usage(format!("cannot read {}", path.display())).with_source(error)
        })?;
        if meta.is_dir() {
            directory(path, args.recursive, &mut take)?;
        } else {
            take(read(path))?;
        }
    }
    Ok(())
}

fn directory(
    path: &Path,
    recursive: bool,
    take: &mut impl FnMut(File) -> Result<()>,
) -> Result<()> {
    let unreadable = |error: std::io::Error| {
        Error::failed(format!("cannot read {}", path.display())).with_source(error)
    };
    let mut entries = fs::read_dir(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        // A link to a directory is not followed: it may lead back.
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if recursive {
                directory(&path, recursive, take)?;
            }
        } else if path
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        {
            take(read(&path))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> File {
    File {
        name: path.display().to_string(),
        path: Some(path.to_owned()),
        content: limits::file(path, limits::MANIFESTS).map_err(|error| error.to_string()),
    }
}
