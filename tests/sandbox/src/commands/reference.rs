//! `reference`: the pages of docs/reference, from what the plugins say of themselves.

use std::fs;
use std::process::Command;

use super::cargo;
use crate::error::{Context as _, Error, Result};
use crate::release::plugins;
use crate::{layout, ui};

/// Writes the reference page of every plugin anew.
///
/// # Errors
///
/// When a plugin does not compile or cannot be run, or a page cannot be written.
pub(crate) fn run() -> Result<()> {
    let programs = cargo::build_plugins()?;
    let pages = layout::workspace_root().join("docs/reference");
    fs::create_dir_all(&pages).context(|| format!("cannot make {}", pages.display()))?;
    for plugin in plugins(&layout::workspace_root(), &cargo::host()?)? {
        let name = &plugin.package.name;
        let program = programs.join(name);
        let output = Command::new(&program)
            .arg("manual")
            .output()
            .context(|| format!("cannot run {}", program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::new(format!("{name} manual failed")).hint(said));
        }
        let page = pages.join(format!("{}.md", plugin.word()));
        fs::write(&page, &output.stdout).context(|| format!("cannot write {}", page.display()))?;
        ui::answer(&page.display().to_string());
    }
    Ok(())
}
