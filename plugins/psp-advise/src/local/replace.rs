//! Files are replaced as a whole: whoever reads one sees the old text or the new one.

use std::fs;
use std::io::Write;
use std::path::Path;

use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use super::Changed;

/// Writes what was changed; stdin's text goes to stdout.
///
/// # Errors
///
/// Which file cannot be written; those named before it are.
pub(super) fn write(changed: &[Changed], ui: &Ui) -> Result<()> {
    for one in changed {
        let Some(path) = &one.file.path else {
            ui.answer(&one.after)?;
            continue;
        };
        if one.before == one.after {
            continue;
        }
        replace(path, one).map_err(|error| {
            Error::failed(format!("cannot write {}", path.display())).with_source(error)
        })?;
        ui.done(format_args!("{} changed", path.display()), "");
    }
    Ok(())
}

fn replace(path: &Path, one: &Changed) -> std::io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let path = fs::canonicalize(path)?;
    let bytes = one.file.content.as_deref().unwrap_or_default();
    if fs::read(&path)? != bytes {
        return Err(std::io::Error::other("it changed in between"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        file.write_all(b"\xef\xbb\xbf")?;
    }
    file.write_all(one.after.as_bytes())?;
    file.as_file().sync_all()?;
    fs::set_permissions(file.path(), fs::metadata(&path)?.permissions())?;
    file.persist(&path)?;
    Ok(())
}
