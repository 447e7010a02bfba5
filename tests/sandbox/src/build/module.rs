//! The few facts read from a `go.mod`.

use std::fs;
use std::path::PathBuf;

use super::groups::Group;
use super::toolchain::GoVersion;
use crate::error::{Context as _, Error, Result};
use crate::layout;

/// A `go.mod` with its `go.sum`.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) dir: PathBuf,
    pub(super) go_mod: String,
    pub(super) go_sum: String,
}

impl Module {
    pub(super) fn read(group: &Group) -> Result<Self> {
        let dir = layout::go_module(group.name);
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self {
            go_mod: read("go.mod")?,
            go_sum: read("go.sum")?,
            dir,
        })
    }

    /// Returns the Go version the module needs.
    pub(super) fn go_version(&self) -> Result<GoVersion> {
        self.go_mod
            .lines()
            .find_map(|line| line.strip_prefix("go "))
            .and_then(GoVersion::parse)
            .ok_or_else(|| Error::new(format!("{} names no Go version", self.dir.display())))
    }

    /// Returns the version required of a module, without the `v`.
    pub(super) fn version_of(&self, module: &str) -> Option<&str> {
        self.go_mod.lines().find_map(|line| {
            let mut words = line
                .trim()
                .trim_start_matches("require ")
                .split_whitespace();
            let is_it = words.next() == Some(module);
            words.next().filter(|_| is_it)?.strip_prefix('v')
        })
    }

    /// Tells whether a package has a `tool` line.
    #[cfg(test)]
    pub(super) fn has_tool(&self, package: &str) -> bool {
        self.go_mod
            .lines()
            .any(|line| line.trim().trim_start_matches("tool ") == package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(go_mod: &str) -> Module {
        Module {
            dir: PathBuf::new(),
            go_mod: go_mod.to_owned(),
            go_sum: String::new(),
        }
    }

    #[test]
    fn a_version_is_that_of_the_requirement_not_of_a_replacement() {
        let module = module(
            "go 1.26.0\n\nrequire (\n\ta.io/b v1.2.3 // indirect\n)\n\nreplace a.io/c => a.io/c v9.9.9\n",
        );
        assert_eq!(module.version_of("a.io/b"), Some("1.2.3"));
        assert_eq!(module.version_of("a.io/c"), None);
        assert_eq!(module.go_version().unwrap().to_string(), "1.26.0");
    }
}
