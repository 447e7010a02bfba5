//! Files are replaced as a whole: a reader sees the old text or the new one.

use std::fs;
use std::io::Write;
use std::path::Path;

use psp_advise::model::manifest::Encoding;

/// Writes `text` in the place of the bytes that were read, in their encoding.
///
/// # Errors
///
/// That the file was changed in between, or cannot be written.
pub fn replace(path: &Path, read: &[u8], text: &str) -> std::io::Result<()> {
    // A link stays one: its target is replaced.
    let path = fs::canonicalize(path)?;
    if fs::read(&path)? != read {
        return Err(std::io::Error::other("it changed in the meantime"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&Encoding::of(read).bytes(text))?;
    file.as_file().sync_all()?;
    fs::set_permissions(file.path(), fs::metadata(&path)?.permissions())?;
    file.persist(&path)?;
    Ok(())
}
