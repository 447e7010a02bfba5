//! `record`: the picture in the README, from a real run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anstyle_svg::Term;

use super::{cargo, down, up};
use crate::addons::Addons;
use crate::error::{Context as _, Error, Result};
use crate::kubernetes;
use crate::layout::RunDir;
use crate::lifecycle::RealNode;
use crate::state::State;
use crate::{layout, ui};

const NAME: &str = "record";
/// Where the picture goes, in the workspace.
const PICTURE: &str = "docs/onboard.svg";
/// What is typed. `--color always` is added, because nobody sees the terminal.
const TYPED: [&str; 4] = [
    "kubectl onboard alice --team payments",
    "kubectl --kubeconfig alice.kubeconfig auth can-i create deployments",
    "kubectl onboard status alice",
    "kubectl onboard offboard alice --yes",
];

/// Types a few commands on a fresh sandbox and draws what a person sees.
///
/// # Errors
///
/// When a command fails or the picture cannot be written.
pub(crate) fn run() -> Result<()> {
    let programs = cargo::build_plugins()?;
    let state = up::run(&up::Options {
        name: NAME.to_owned(),
        nodes: 1,
        real_node: RealNode::No,
        kubernetes: kubernetes::NEWEST.to_owned(),
        signer: true,
        slow_controllers: false,
        addons: Addons::default(),
    })?;
    let typed = type_all(&programs, &state);
    down::run(NAME)?;
    let picture = layout::workspace_root().join(PICTURE);
    fs::write(&picture, Term::new().render_svg(&typed?))
        .context(|| format!("cannot write {}", picture.display()))?;
    ui::answer(&picture.display().to_string());
    Ok(())
}

fn type_all(programs: &Path, state: &State) -> Result<String> {
    let mut path: Vec<PathBuf> = vec![programs.to_owned(), state.bin_dir.clone()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path).context(|| "cannot set PATH".to_owned())?;
    let directory = RunDir::of(NAME)?;
    let mut screen = String::new();
    for line in TYPED {
        let color = if line.contains("onboard ") && !line.contains("--kubeconfig") {
            " --color always"
        } else {
            ""
        };
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("{line}{color} 2>&1")])
            .current_dir(directory.path())
            .env("PATH", &path)
            .env("KUBECONFIG", &state.kubeconfig)
            .output()
            .context(|| format!("cannot run {line}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(Error::new(format!("{line} failed")).cause(said));
        }
        // In bold, as what is typed stands out.
        screen.push_str(&format!("\u{1b}[1m$ {line}\u{1b}[0m\n{said}"));
    }
    Ok(screen)
}
