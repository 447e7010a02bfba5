//! Where a plugin runs, in Go's words, which are krew's.

use crate::error::{Error, Result};

/// An operating system with an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// As Go spells it: `linux`, `darwin`, `windows`.
    pub os: &'static str,
    /// As Go spells it: `amd64`, `arm64`.
    pub arch: &'static str,
}

impl Platform {
    /// Every platform of a release.
    pub const ALL: [Self; 5] = [
        Self::new("linux", "amd64"),
        Self::new("linux", "arm64"),
        Self::new("darwin", "amd64"),
        Self::new("darwin", "arm64"),
        Self::new("windows", "amd64"),
    ];

    const fn new(os: &'static str, arch: &'static str) -> Self {
        Self { os, arch }
    }

    /// Returns the platform that a Rust target triple is for.
    ///
    /// # Errors
    ///
    /// When no release has it.
    pub fn of(triple: &str) -> Result<Self> {
        let arch = match triple.split('-').next() {
            Some("x86_64") => "amd64",
            Some("aarch64") => "arm64",
            _ => "",
        };
        let os = ["linux", "darwin", "windows"]
            .into_iter()
            .find(|os| triple.contains(os))
            .unwrap_or_default();
        let known = Self::ALL.into_iter();
        known
            .into_iter()
            .find(|one| one.os == os && one.arch == arch)
            .ok_or_else(|| {
                Error::usage(format!("no release has the platform {triple}"))
                    .hint("x86_64 and aarch64 of Linux and macOS, and x86_64 of Windows")
            })
    }

    /// Returns the file name of a program there.
    #[must_use]
    pub fn program(self, name: &str) -> String {
        match self.os {
            "windows" => format!("{name}.exe"),
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_are_told_in_gos_words() {
        let of = |triple| {
            Platform::of(triple)
                .map(|it| (it.os, it.arch))
                .map_err(drop)
        };
        assert_eq!(of("x86_64-unknown-linux-musl"), Ok(("linux", "amd64")));
        assert_eq!(of("aarch64-apple-darwin"), Ok(("darwin", "arm64")));
        assert_eq!(of("x86_64-pc-windows-msvc"), Ok(("windows", "amd64")));
        assert_eq!(of("aarch64-pc-windows-msvc"), Err(()));
        assert_eq!(of("riscv64gc-unknown-linux-gnu"), Err(()));
    }
}
