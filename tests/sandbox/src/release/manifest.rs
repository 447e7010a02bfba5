//! krew's manifests, from the templates in `krew-manifests/`.
//!
//! The templates are in the language of krew-release-bot, of which two words are used:
//! `{{ .TagName }}` and `{{addURIAndSha "URI" .TagName }}`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use groundcrew_images::archive::hex_digest;

use crate::error::{Context as _, Error, Result};

const TAG: &str = "{{ .TagName }}";
const SUM: &str = "{{addURIAndSha ";

/// The SHA-256 of archives, by file name.
#[derive(Clone, Debug, Default)]
pub struct Sums(BTreeMap<String, String>);

impl Sums {
    /// Reads every archive of a directory.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn of(directory: &Path) -> Result<Self> {
        let read = |path: &Path| format!("cannot read {}", path.display());
        let mut sums = BTreeMap::new();
        for entry in fs::read_dir(directory).context(|| read(directory))? {
            let path = entry.context(|| read(directory))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".tar.gz") {
                let bytes = fs::read(&path).context(|| read(&path))?;
                sums.insert(name.into_owned(), hex_digest(&bytes));
            }
        }
        Ok(Self(sums))
    }

    /// Returns the lines of `sha256sum`, for `sha256sum --check`.
    #[must_use]
    pub fn lines(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|(name, sum)| format!("{sum}  {name}\n"))
            .collect()
    }
}

/// Renders a template; archives come from `base` instead of the stated address when it is given.
///
/// With `partial`, platforms without an archive are left out.
///
/// # Errors
///
/// When an archive is missing (without `partial`: any; with it: all), or the template has words
/// that are not known.
pub fn render(
    template: &str,
    tag: &str,
    sums: &Sums,
    base: Option<&str>,
    partial: bool,
) -> Result<String> {
    let mut manifest = String::new();
    let mut block = String::new();
    let mut missing = None;
    let mut platforms = 0;
    let mut inside = false;
    let mut close = |block: &mut String, missing: &mut Option<String>, inside: bool| {
        let gap = missing.take();
        match gap {
            Some(_) if partial => {}
            Some(file) => {
                return Err(Error::new(format!("there is no archive {file}"))
                    .hint("build it, or leave its platform out with --partial"));
            }
            None => {
                platforms += u32::from(inside);
                manifest.push_str(block);
            }
        }
        block.clear();
        Ok(())
    };
    for line in template.lines() {
        if line.starts_with("  - ") {
            close(&mut block, &mut missing, inside)?;
            inside = true;
        }
        let line = match line.trim_start().strip_prefix(SUM) {
            None => line.replace(TAG, tag),
            Some(rest) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                let quoted = rest.split('"').nth(1).unwrap_or_default();
                let stated = quoted.replace(TAG, tag);
                let file = stated.rsplit('/').next().unwrap_or_default();
                let sum = sums.0.get(file);
                if sum.is_none() {
                    missing = Some(file.to_owned());
                }
                let uri = base.map_or_else(
                    || stated.clone(),
                    |base| format!("{}/{file}", base.trim_end_matches('/')),
                );
                let sum = sum.map_or("", String::as_str);
                format!("{indent}uri: {uri}\n{indent}sha256: {sum}")
            }
        };
        if line.contains("{{") {
            return Err(Error::new(format!(
                "the template has an unknown word: {line}"
            )));
        }
        block.push_str(&line);
        block.push('\n');
    }
    close(&mut block, &mut missing, inside)?;
    if platforms == 0 {
        return Err(Error::new("no platform of the manifest has an archive"));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
spec:
  version: {{ .TagName }}
  platforms:
  - selector: linux
    {{addURIAndSha \"https://example.com/{{ .TagName }}/a_{{ .TagName }}_linux.tar.gz\" .TagName }}
    bin: a
  - selector: darwin
    {{addURIAndSha \"https://example.com/{{ .TagName }}/a_{{ .TagName }}_darwin.tar.gz\" .TagName }}
    bin: a
";

    fn sums(names: &[&str]) -> Sums {
        let sum = |name: &&str| ((*name).to_owned(), "0a".to_owned());
        Sums(names.iter().map(sum).collect())
    }

    #[test]
    fn each_platform_gets_its_address_and_sum() {
        let all = sums(&["a_v1.0.0_linux.tar.gz", "a_v1.0.0_darwin.tar.gz"]);
        let manifest = render(TEMPLATE, "v1.0.0", &all, None, false).unwrap();
        assert!(manifest.contains(
            "  - selector: linux\n    uri: https://example.com/v1.0.0/a_v1.0.0_linux.tar.gz\n    sha256: 0a\n    bin: a\n"
        ), "{manifest}");
        assert!(manifest.contains("version: v1.0.0\n"), "{manifest}");
    }

    #[test]
    fn a_missing_archive_is_an_error_or_leaves_its_platform_out() {
        let some = sums(&["a_v1.0.0_darwin.tar.gz"]);
        let error = render(TEMPLATE, "v1.0.0", &some, None, false).unwrap_err();
        assert!(
            error.to_string().contains("a_v1.0.0_linux.tar.gz"),
            "{error}"
        );
        let base = Some("http://127.0.0.1:1/");
        let manifest = render(TEMPLATE, "v1.0.0", &some, base, true).unwrap();
        assert!(!manifest.contains("linux"), "{manifest}");
        assert!(
            manifest.contains("uri: http://127.0.0.1:1/a_v1.0.0_darwin.tar.gz\n"),
            "{manifest}"
        );
        assert!(render(TEMPLATE, "v1.0.0", &sums(&[]), None, true).is_err());
    }
}
