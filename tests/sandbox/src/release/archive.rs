//! One archive per plugin and platform: the program, its licence, its manual pages, and the
//! licences of what it is made of.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use groundcrew_images::archive::{append, hex_digest};

use super::packages::Plugin;
use super::platform::Platform;
use super::spdx;
use crate::error::{Context as _, Error, Result};

/// An archive that was written.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

/// Packs a plugin's program into `out`. The same input gives the same bytes.
///
/// `manuals` is the directory that holds its manual pages.
///
/// # Errors
///
/// When something cannot be read or written.
pub fn pack(
    plugin: &Plugin,
    tag: &str,
    platform: Platform,
    program: &Path,
    manuals: &Path,
    workspace: &Path,
    out: &Path,
) -> Result<Archive> {
    let name = &plugin.package.name;
    let read = |path: &Path| fs::read(path).context(|| format!("cannot read {}", path.display()));
    let spdx = serde_json::to_vec_pretty(&spdx::document(plugin))
        .map_err(|error| Error::new("cannot write the licence list").cause(error))?;
    let mut files = vec![
        (platform.program(name), read(program)?, 0o755),
        // krew takes no archive without a file of exactly this name.
        (
            "LICENSE".to_owned(),
            read(&workspace.join("LICENSE"))?,
            0o644,
        ),
        ("NOTICE".to_owned(), read(&workspace.join("NOTICE"))?, 0o644),
        (format!("{name}.spdx.json"), spdx, 0o644),
    ];
    for page in pages(manuals)? {
        let file = page.file_name().unwrap_or_default().to_string_lossy();
        files.push((format!("man/{file}"), read(&page)?, 0o644));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let bytes = compressed(&files)
        .map_err(|error| Error::new(format!("cannot pack {name}")).cause(error))?;
    let file = format!("{name}_{tag}_{}_{}.tar.gz", platform.os, platform.arch);
    let path = out.join(file);
    fs::create_dir_all(out).context(|| format!("cannot make {}", out.display()))?;
    fs::write(&path, &bytes).context(|| format!("cannot write {}", path.display()))?;
    Ok(Archive {
        path,
        sha256: hex_digest(&bytes),
    })
}

fn pages(manuals: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(manuals).context(|| format!("cannot read {}", manuals.display()))?;
    let mut pages: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    pages.sort();
    Ok(pages)
}

fn compressed(files: &[(String, Vec<u8>, u32)]) -> io::Result<Vec<u8>> {
    // Neither a time nor a name of the machine goes into the header.
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (name, content, mode) in files {
        append(&mut archive, name, content, *mode)?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_without_a_time() {
        let files = vec![("LICENSE".to_owned(), b"text".to_vec(), 0o644)];
        let first = compressed(&files).unwrap();
        assert_eq!(first, compressed(&files).unwrap());
        assert_eq!(first[4..8], [0; 4], "gzip's time stamp");
    }
}
