//! `dist`: what a release is made of, for this machine's platform or a stated one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo;
use crate::error::{Context as _, Error, Result};
use crate::release::{Platform, Plugin, Sums, pack, plugins, render};
use crate::{layout, ui};

/// What is packed.
#[derive(Debug)]
pub(crate) struct Options {
    /// Rust's target triple; without it this machine's.
    pub(crate) target: Option<String>,
    /// Where the programs are, when they are built already.
    pub(crate) programs: Option<PathBuf>,
    /// Where archives and sums go.
    pub(crate) out: PathBuf,
}

/// What is told to krew.
#[derive(Debug)]
pub(crate) struct IndexOptions {
    /// Where the archives lie.
    pub(crate) archives: PathBuf,
    /// Where the manifests go, as `plugins/NAME.yaml`.
    pub(crate) out: PathBuf,
    /// Where the archives are fetched from, instead of the release's address.
    pub(crate) base_url: Option<String>,
    /// Leaves platforms without an archive out.
    pub(crate) partial: bool,
}

/// Builds and packs every plugin.
///
/// # Errors
///
/// When one does not compile, or something cannot be written.
pub(crate) fn run(options: &Options) -> Result<()> {
    let triple = match &options.target {
        Some(triple) => triple.clone(),
        None => cargo::host()?,
    };
    let platform = Platform::of(&triple)?;
    let workspace = layout::workspace_root();
    let plugins = plugins(&workspace, &triple)?;
    let programs = match &options.programs {
        Some(directory) => directory.clone(),
        None => cargo::build_release(&plugins, options.target.as_deref())?,
    };
    // The pages are the same everywhere; a program for another platform cannot be asked for them.
    let asked = match &options.target {
        Some(_) => cargo::build_plugins()?,
        None => programs.clone(),
    };
    let manuals = tempfile::tempdir().context(|| "cannot make a directory".to_owned())?;
    for plugin in &plugins {
        let name = &plugin.package.name;
        let program = programs.join(platform.program(name));
        let pages = manuals.path().join(name);
        write_manuals(&asked.join(name), &pages)?;
        let tag = tag(plugin);
        let archive = pack(
            plugin,
            &tag,
            platform,
            &program,
            &pages,
            &workspace,
            &options.out,
        )?;
        ui::answer(&format!("{}  {}", archive.sha256, archive.path.display()));
    }
    let sums = options.out.join("SHA256SUMS");
    fs::write(&sums, Sums::of(&options.out)?.lines())
        .context(|| format!("cannot write {}", sums.display()))
}

fn write_manuals(asked: &Path, pages: &Path) -> Result<()> {
    let status = Command::new(asked)
        .args(["manual", "--man"])
        .arg(pages)
        .status()
        .context(|| format!("cannot run {}", asked.display()))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!(
        "{} wrote no manual pages",
        asked.display()
    )))
}

/// Writes the manifests of every plugin as a krew index.
///
/// # Errors
///
/// When an archive is missing or something cannot be written.
pub(crate) fn index(options: &IndexOptions) -> Result<()> {
    let workspace = layout::workspace_root();
    let sums = Sums::of(&options.archives)?;
    let plugins = plugins(&workspace, &cargo::host()?)?;
    let out = options.out.join("plugins");
    fs::create_dir_all(&out).context(|| format!("cannot make {}", out.display()))?;
    for plugin in &plugins {
        let file = format!("{}.yaml", plugin.word());
        let template = workspace.join("krew-manifests").join(&file);
        let text = fs::read_to_string(&template)
            .context(|| format!("cannot read {}", template.display()))?;
        let base = options.base_url.as_deref();
        let manifest = render(&text, &tag(plugin), &sums, base, options.partial)?;
        let path = out.join(&file);
        fs::write(&path, manifest).context(|| format!("cannot write {}", path.display()))?;
        ui::answer(&path.display().to_string());
    }
    Ok(())
}

fn tag(plugin: &Plugin) -> String {
    format!("v{}", plugin.package.version)
}
