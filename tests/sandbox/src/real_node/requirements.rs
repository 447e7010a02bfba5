//! Whether this machine can have a real node.

use std::fmt;
use std::process::{Command, Stdio};

use super::{cgroup, network};

/// Why this machine cannot have a real node, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
    hint: Option<&'static str>,
}

impl Unavailable {
    /// What is missing, without a hint.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What to do about it, if anything can be done.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    fn new(reason: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self {
            reason: reason.into(),
            hint,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)?;
        self.hint
            .map_or(Ok(()), |hint| write!(formatter, " ({hint})"))
    }
}

impl std::error::Error for Unavailable {}

/// The programs of the machine that a real node uses, and how to get them on Debian and Ubuntu.
const TOOLS: [(&str, &str); 5] = [
    ("runc", "apt-get install runc"),
    ("ip", "apt-get install iproute2"),
    ("unshare", "apt-get install util-linux"),
    ("nsenter", "apt-get install util-linux"),
    ("mount", "apt-get install mount"),
];

/// Checks whether this machine can have a real node; asks the machine, changes nothing.
///
/// # Errors
///
/// Returns the first thing that is missing.
pub fn available() -> Result<(), Unavailable> {
    if !cfg!(target_os = "linux") {
        return Err(Unavailable::new("a real node needs Linux", None));
    }
    if !rustix::process::geteuid().is_root() {
        let hint = "run as root, or leave out --real-node";
        return Err(Unavailable::new("a real node needs root", Some(hint)));
    }
    for (tool, hint) in TOOLS {
        if which::which(tool).is_err() {
            let reason = format!("a real node needs {tool}, which is not on PATH");
            return Err(Unavailable::new(reason, Some(hint)));
        }
    }
    let quiet = || Stdio::null();
    let unshare = ["--mount", "--propagation", "slave", "true"];
    let unshared = Command::new("unshare")
        .args(unshare)
        .stdin(quiet())
        .stderr(quiet())
        .status();
    if !unshared.is_ok_and(|status| status.success()) {
        let reason = "a real node needs mount namespaces, which this machine forbids";
        return Err(Unavailable::new(reason, None));
    }
    match cgroup::obstacle() {
        Ok(None) => {}
        Ok(Some(cause)) => {
            let reason = format!("a real node needs control groups, and {cause}");
            return Err(Unavailable::new(reason, None));
        }
        Err(error) => {
            let reason = format!("a real node needs control groups: {error}");
            return Err(Unavailable::new(reason, None));
        }
    }
    match network::conflict() {
        Ok(None) => Ok(()),
        Ok(Some(route)) => {
            let (pods, api) = (network::POD_NET, network::API_IP);
            let reason = format!(
                "a real node needs the addresses {pods} and {api}, which this machine uses: {route}"
            );
            Err(Unavailable::new(reason, None))
        }
        Err(error) => Err(Unavailable::new(
            format!("a real node needs to know the routes: {error}"),
            None,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line_and_names_the_way_out() {
        let unavailable = Unavailable::new("a real node needs runc", Some("apt-get install runc"));
        assert_eq!(
            unavailable.to_string(),
            "a real node needs runc (apt-get install runc)"
        );
        assert_eq!(
            Unavailable::new("a real node needs Linux", None).hint(),
            None
        );
    }
}
