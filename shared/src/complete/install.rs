//! `completion`: the second name, under which kubectl asks for candidates, beside the first.
//!
//! krew links one name for a plugin and has no place for another (krew#812), so the plugin makes
//! the link itself when it is asked to.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ui::Ui;

/// What every plugin's name begins with.
const PLUGIN: &str = "kubectl-";

/// What the name begins with that kubectl asks for candidates
/// (kubectl's `pkg/cmd/plugin/plugin_completion.go`).
pub(super) const COMPLETION: &str = "kubectl_complete-";

/// What is to be done about completion; without a flag it is only looked at.
#[derive(Debug, Args)]
#[command(
    after_help = "Your shell must already complete kubectl itself:  source <(kubectl completion bash)"
)]
pub(crate) struct CompletionArgs {
    /// Install the completion link (kubectl_complete-…) next to the plugin
    #[arg(long, conflicts_with = "uninstall")]
    install: bool,
    /// Remove the completion link
    #[arg(long)]
    uninstall: bool,
    /// Directory on PATH for the link, instead of the plugin's own
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace an existing file of that name
    #[arg(long, requires = "install")]
    force: bool,
}

/// What stands at the place of the second name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Ours,
    Foreign,
}

/// Where the plugin is, and where its second name goes.
#[derive(Debug)]
struct Place {
    plugin: PathBuf,
    second: PathBuf,
}

/// Looks, installs or uninstalls.
pub(crate) fn run(args: &CompletionArgs, program: &OsStr, ui: &Ui) -> Result<Exit> {
    let place = Place::of(&find(program)?, args.dir.as_deref())?;
    let second = place.second.display();
    if args.install {
        let line = match place.there() {
            There::Ours => format!("{second} is there already"),
            There::Foreign if !args.force => return Err(place.foreign()),
            There::Nothing | There::Foreign => {
                place.make()?;
                format!("{second} made, for {}", place.plugin.display())
            }
        };
        ui.answer(format_args!("{line}\n"))?;
        place.warn_unless_on_path(ui);
        return Ok(Exit::Done);
    }
    if args.uninstall {
        let line = match place.there() {
            There::Nothing => format!("{second} is not there"),
            There::Foreign => return Err(place.foreign()),
            There::Ours => {
                let removed = fs::remove_file(&place.second);
                removed.map_err(|error| {
                    Error::failed(format!("cannot remove {second}")).with_source(error)
                })?;
                format!("{second} removed")
            }
        };
        ui.answer(format_args!("{line}\n"))?;
        return Ok(Exit::Done);
    }
    match place.there() {
        There::Ours => {
            ui.answer(format_args!("installed: {second}\n"))?;
            place.warn_unless_on_path(ui);
            Ok(Exit::Done)
        }
        There::Foreign => Err(place.foreign()),
        There::Nothing => {
            ui.answer(format_args!("not installed: {second}\n"))?;
            ui.hint("to install it, add --install");
            Ok(Exit::No)
        }
    }
}

/// Returns the file that the process was started from, as PATH has it: with krew that is a link,
/// and the second name belongs beside the link.
fn find(program: &OsStr) -> Result<PathBuf> {
    let path = Path::new(program);
    let has_directory = path
        .parent()
        .is_some_and(|parent| !parent.as_os_str().is_empty());
    if has_directory {
        let absolute = std::path::absolute(path);
        return absolute.map_err(|error| {
            Error::failed(format!("cannot find {}", path.display())).with_source(error)
        });
    }
    which::which(path).map_err(|error| {
        Error::failed(format!("cannot find {} on PATH", path.display()))
            .with_source(error)
            .with_hint("call it with its whole path")
    })
}

impl Place {
    fn of(plugin: &Path, directory: Option<&Path>) -> Result<Self> {
        let name = plugin.file_name().unwrap_or_default().to_string_lossy();
        let Some(rest) = name.strip_prefix(PLUGIN) else {
            return Err(
                Error::usage(format!("{} is not a plugin's name", plugin.display()))
                    .with_hint(format!("kubectl finds plugins that are called {PLUGIN}…")),
            );
        };
        let name = format!("{COMPLETION}{rest}");
        let own = plugin.parent().unwrap_or(Path::new("."));
        let directory = match directory {
            None => own.to_owned(),
            Some(given) => std::path::absolute(given).map_err(|error| {
                Error::failed(format!("cannot find {}", given.display())).with_source(error)
            })?,
        };
        if !directory.is_dir() {
            return Err(Error::usage(format!(
                "{} is not a directory",
                directory.display()
            )));
        }
        Ok(Self {
            plugin: plugin.to_owned(),
            second: directory.join(name),
        })
    }

    #[cfg(unix)]
    fn there(&self) -> There {
        match fs::read_link(&self.second) {
            Ok(target) if target == self.target() => There::Ours,
            Err(error) if error.kind() == io::ErrorKind::NotFound => There::Nothing,
            Ok(_) | Err(_) => There::Foreign,
        }
    }

    /// Returns what the link says: the name alone where both stand in one directory, so that it
    /// goes on to work when krew replaces the first.
    #[cfg(unix)]
    fn target(&self) -> PathBuf {
        let name = self.plugin.file_name().map(PathBuf::from);
        match name {
            Some(name) if self.plugin.parent() == self.second.parent() => name,
            _ => self.plugin.clone(),
        }
    }

    #[cfg(unix)]
    fn write(&self) -> io::Result<()> {
        std::os::unix::fs::symlink(self.target(), &self.second)
    }

    /// Links need a privilege there, so the second name is a copy.
    #[cfg(not(unix))]
    fn there(&self) -> There {
        match (fs::read(&self.second), fs::read(&self.plugin)) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => There::Nothing,
            (Ok(second), Ok(first)) if second == first => There::Ours,
            _ => There::Foreign,
        }
    }

    #[cfg(not(unix))]
    fn write(&self) -> io::Result<()> {
        fs::copy(&self.plugin, &self.second).map(drop)
    }

    fn make(&self) -> Result<()> {
        let removed = match fs::remove_file(&self.second) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        removed.and_then(|()| self.write()).map_err(|error| {
            let second = self.second.display();
            Error::failed(format!("cannot make {second}"))
                .with_source(error)
                .with_hint("name another directory of PATH with --dir")
        })
    }

    fn foreign(&self) -> Error {
        let (second, plugin) = (self.second.display(), self.plugin.display());
        Error::conflict(format!("{second} is there and does not belong to {plugin}"))
            .with_hint("look at it, and replace it with --install --force")
    }

    fn warn_unless_on_path(&self, ui: &Ui) {
        let directory = self.second.parent().unwrap_or(Path::new("."));
        let path = std::env::var_os("PATH").unwrap_or_default();
        if std::env::split_paths(&path).all(|entry| entry != directory) {
            let directory = directory.display();
            ui.warning(format_args!(
                "{directory} is not on PATH, so kubectl does not find it"
            ));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn place(directory: &Path, other: Option<&Path>) -> Place {
        let plugin = directory.join("kubectl-ns_claim");
        fs::write(&plugin, "").expect("a file");
        Place::of(&plugin, other).expect("a place")
    }

    #[test]
    fn the_second_name_keeps_the_underscores_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path(), None);
        assert_eq!(
            place.second,
            directory.path().join("kubectl_complete-ns_claim")
        );
        assert_eq!(place.there(), There::Nothing);
        place.make().unwrap();
        assert_eq!(place.there(), There::Ours);
        let link = fs::read_link(&place.second).unwrap();
        assert_eq!(
            link,
            Path::new("kubectl-ns_claim"),
            "it moves with its directory"
        );
    }

    #[test]
    fn in_another_directory_the_link_names_the_whole_path() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = place(first.path(), Some(second.path()));
        place.make().unwrap();
        assert_eq!(place.there(), There::Ours);
        assert_eq!(fs::read_link(&place.second).unwrap(), place.plugin);
    }

    #[test]
    fn a_file_or_a_link_of_somebody_else_is_foreign() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path(), None);
        fs::write(&place.second, "mine").unwrap();
        assert_eq!(place.there(), There::Foreign);
        fs::remove_file(&place.second).unwrap();
        std::os::unix::fs::symlink("elsewhere", &place.second).unwrap();
        assert_eq!(place.there(), There::Foreign);
    }

    #[test]
    fn a_program_with_another_name_has_no_second_one() {
        let error = Place::of(Path::new("/bin/onboard"), None).unwrap_err();
        assert!(error.headline().contains("not a plugin's name"), "{error}");
    }
}
