//! One real node at a time per machine: its bridge and its addresses exist once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// Who has the machine's real node. It outlives the process that started the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// Name of the sandbox.
    pub(super) sandbox: String,
    /// The sandbox's state directory, which tells two sandboxes of one name apart.
    pub(super) state_dir: PathBuf,
}

/// What somebody who wants the real node may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody has it.
    Free,
    /// It is ours already.
    Ours,
    /// Somebody had it and is gone; what is left of it is to be cleared away first.
    Abandoned(Holder),
    /// Somebody has it.
    Taken(Holder),
}

/// Decides from what the lock says and whether the holder shows signs of life.
///
/// A holder without processes is gone, and so is one whose state directory was deleted: nobody
/// could end it by name any more.
pub(super) fn decide(
    held_by: Option<Holder>,
    wanted_by: &Holder,
    has_processes: impl FnOnce(&Holder) -> bool,
    has_state: impl FnOnce(&Holder) -> bool,
) -> Verdict {
    match held_by {
        None => Verdict::Free,
        Some(holder) if holder.state_dir == wanted_by.state_dir => Verdict::Ours,
        Some(holder) if has_state(&holder) && has_processes(&holder) => Verdict::Taken(holder),
        Some(holder) => Verdict::Abandoned(holder),
    }
}

/// The machine's lock file, locked against others who start or stop a real node at this moment.
///
/// The kernel lets go of the lock when its process ends, however that ends; who has the node in the
/// long run is written into the file.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Returns the locked file, or `None` when somebody else is at it.
    pub(super) fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { file })),
            Err(error) if io::Error::from(error).kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Who has the node. A file cut short by a crash holds nobody.
    pub(super) fn holder(&mut self) -> io::Result<Option<Holder>> {
        let mut text = String::new();
        self.file.rewind()?;
        self.file.read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text).ok())
    }

    /// Writes down who has the node from now on.
    pub(super) fn give_to(&mut self, holder: Option<&Holder>) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        if let Some(holder) = holder {
            self.file.write_all(&serde_json::to_vec(holder)?)?;
        }
        self.file.sync_data()
    }
}

/// Returns who has the node without waiting for anybody.
pub(super) fn peek(path: &Path) -> Option<Holder> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        Holder {
            sandbox: name.into(),
            state_dir: PathBuf::from(format!("/src/{name}")),
        }
    }

    fn verdict(held_by: Option<Holder>, has_processes: bool, has_state: bool) -> Verdict {
        decide(held_by, &holder("me"), |_| has_processes, |_| has_state)
    }

    #[test]
    fn a_living_holder_keeps_the_node() {
        assert_eq!(
            verdict(Some(holder("other")), true, true),
            Verdict::Taken(holder("other"))
        );
    }

    #[test]
    fn a_holder_without_processes_or_without_state_has_abandoned_it() {
        let abandoned = Verdict::Abandoned(holder("other"));
        assert_eq!(verdict(Some(holder("other")), false, true), abandoned);
        assert_eq!(verdict(Some(holder("other")), true, false), abandoned);
    }

    #[test]
    fn the_holder_itself_may_always_go_on() {
        assert_eq!(verdict(Some(holder("me")), true, true), Verdict::Ours);
        assert_eq!(verdict(Some(holder("me")), false, false), Verdict::Ours);
        assert_eq!(verdict(None, false, false), Verdict::Free);
    }

    #[test]
    fn sandboxes_of_one_name_in_two_checkouts_are_two() {
        let other = Holder {
            sandbox: "me".into(),
            state_dir: "/elsewhere/me".into(),
        };
        assert_eq!(
            verdict(Some(other.clone()), true, true),
            Verdict::Taken(other)
        );
    }

    #[test]
    fn only_one_at_a_time_has_the_file_and_what_it_wrote_is_found_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut first = Lock::try_acquire(&path).unwrap().unwrap();
        assert!(Lock::try_acquire(&path).unwrap().is_none());
        assert_eq!(first.holder().unwrap(), None);
        first.give_to(Some(&holder("a-rather-long-name"))).unwrap();
        first.give_to(Some(&holder("me"))).unwrap();
        drop(first);
        let mut second = Lock::try_acquire(&path).unwrap().unwrap();
        assert_eq!(second.holder().unwrap(), Some(holder("me")));
        second.give_to(None).unwrap();
        assert_eq!(peek(&path), None);
    }

    #[test]
    fn a_file_cut_short_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, r#"{"sandbox":"m"#).unwrap();
        assert_eq!(
            Lock::try_acquire(&path).unwrap().unwrap().holder().unwrap(),
            None
        );
    }
}
