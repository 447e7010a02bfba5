//! The node's control group: which processes are the node's, and their end.
//!
//! Every process of the node (containerd, shims, kubelet, containers) is born in this group and
//! cannot leave it, so it tells what is ours even after a crash of everything that kept books.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::Identity;

/// Where the kubelet and runc look for control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Pause between two looks at a group that is ending.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the kubelet limits. In version 2 a group has only what its parent hands down.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "hugetlb", "memory", "pids"];

/// A control group of one name in every hierarchy (one in version 2, about ten in version 1).
#[derive(Debug)]
pub(super) struct Group {
    dirs: Vec<PathBuf>,
}

impl Group {
    /// Returns the group `name`, which need not exist yet.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let found = mounted()?;
        Ok(Self {
            dirs: found
                .into_iter()
                .map(|hierarchy| hierarchy.path.join(name))
                .collect(),
        })
    }

    /// Whether the group is there in any hierarchy.
    pub(super) fn exists(&self) -> bool {
        self.dirs.iter().any(|dir| dir.exists())
    }

    /// Makes the group with two parts: `node` for the daemons, `pods` for what they run.
    ///
    /// Version 2 allows processes in leaves only, hence two.
    pub(super) fn create(&self) -> io::Result<()> {
        for dir in &self.dirs {
            // A second hierarchy beside those of version 1 has nothing the kubelet asks for.
            let limits = dir.parent() == Some(Path::new(ROOT));
            if limits {
                hand_down(Path::new(ROOT))?;
            }
            for part in [dir.clone(), dir.join("node"), dir.join("pods")] {
                fs::create_dir_all(&part)?;
                seed_cpuset(&part)?;
            }
            if limits {
                hand_down(dir)?;
            }
        }
        Ok(())
    }

    /// The files into which a daemon writes its process id to be born in the group.
    pub(super) fn entrances(&self) -> Vec<PathBuf> {
        self.dirs
            .iter()
            .map(|dir| dir.join("node/cgroup.procs"))
            .collect()
    }

    /// The ids of all processes in the group.
    pub(super) fn members(&self) -> io::Result<BTreeSet<i32>> {
        let mut members = BTreeSet::new();
        for dir in self.dirs.iter().flat_map(|dir| tree(dir)) {
            match fs::read_to_string(dir.join("cgroup.procs")) {
                Ok(list) => members.extend(list.lines().filter_map(|pid| pid.parse::<i32>().ok())),
                // Pods end while we look.
                Err(error) if gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        // One that only left its exit status is listed by older kernels until somebody reads it.
        members.retain(|pid| Identity::of(*pid).is_some());
        Ok(members)
    }

    /// Kills every member and waits until none is left; returns how many there were. New ones born
    /// meanwhile are killed too.
    pub(super) fn kill(&self, patience: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + patience;
        let mut seen: BTreeSet<i32> = BTreeSet::new();
        loop {
            let members = self.members()?;
            if members.is_empty() {
                return Ok(seen.len());
            }
            seen.extend(&members);
            if Instant::now() > deadline {
                let message = format!("processes that do not end: {members:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
            for pid in members.into_iter().filter_map(Pid::from_raw) {
                // One that ended by itself is what we want; the next look tells.
                let _ = kill_process(pid, Signal::KILL);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Removes the group, which must have no members.
    pub(super) fn remove(&self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        for dir in self.dirs.iter().flat_map(|dir| tree(dir)) {
            loop {
                match fs::remove_dir(&dir) {
                    Ok(()) => break,
                    Err(error) if gone(&error) => break,
                    // The kernel frees a group a moment after its last process.
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                        if Instant::now() > deadline {
                            return Err(error);
                        }
                        thread::sleep(LOOK_AGAIN);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// A directory that vanished: ENOENT when it is opened, ENODEV when it is read.
fn gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// `dir` and all directories below it, children before parents; none when it does not exist.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .flat_map(|entry| tree(&entry.path()))
        .collect();
    found.push(dir.to_owned());
    found
}

/// Copies the processors and memory nodes of the parent: in version 1 a new cpuset has none, and
/// no process can enter it.
fn seed_cpuset(dir: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let Ok(own) = fs::read_to_string(dir.join(file)) else {
            continue;
        };
        // Version 2 reads "empty" as "as the parent".
        let version_2 = dir.join("cgroup.controllers").exists();
        if !own.trim().is_empty() || version_2 {
            continue;
        }
        if let Some(parent) = dir.parent() {
            fs::write(dir.join(file), fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

/// Why no group can be made on this machine, if so. Changes nothing.
pub(super) fn obstacle() -> io::Result<Option<String>> {
    Ok(mounted()?.iter().find_map(Hierarchy::obstacle))
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    path: PathBuf,
    read_only: bool,
}

impl Hierarchy {
    fn obstacle(&self) -> Option<String> {
        let path = self.path.display();
        if self.read_only {
            return Some(format!("{path} is read-only"));
        }
        // In a container the root is a group as every other, which cannot have both processes and
        // groups with limits. The true root has no type.
        let is_true_root = !self.path.join("cgroup.type").exists();
        let is_empty = words(&self.path.join("cgroup.procs")).is_empty();
        let missing = not_handed_down(&self.path);
        (!is_true_root && !is_empty && !missing.is_empty())
            .then(|| format!("{path} does not hand down {}", missing.join(", ")))
    }
}

/// Lets the groups below `dir` have what `dir` has (version 2; nothing to do in version 1).
fn hand_down(dir: &Path) -> io::Result<()> {
    let missing = not_handed_down(dir);
    if missing.is_empty() {
        return Ok(());
    }
    let wanted: Vec<String> = missing.iter().map(|name| format!("+{name}")).collect();
    let path = dir.join("cgroup.subtree_control");
    fs::write(&path, wanted.join(" ")).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{}: {}: {error}", path.display(), wanted.join(" ")),
        )
    })
}

/// The controllers that `dir` has and the groups below it have not.
fn not_handed_down(dir: &Path) -> Vec<String> {
    let handed_down = words(&dir.join("cgroup.subtree_control"));
    words(&dir.join("cgroup.controllers"))
        .into_iter()
        .filter(|name| CONTROLLERS.contains(&name.as_str()) && !handed_down.contains(name))
        .collect()
}

/// The words of a file; none when it cannot be read, as in version 1.
fn words(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn mounted() -> io::Result<Vec<Hierarchy>> {
    let found = hierarchies(&fs::read_to_string("/proc/self/mountinfo")?);
    if found.is_empty() {
        let message = format!("no control groups are mounted below {ROOT}");
        return Err(io::Error::new(ErrorKind::NotFound, message));
    }
    Ok(found)
}

/// The hierarchies below [`ROOT`], from the text of a mountinfo file.
fn hierarchies(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = mountinfo.lines().filter_map(hierarchy).collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    found
}

fn hierarchy(line: &str) -> Option<Hierarchy> {
    // "ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [TAGS…] - TYPE SOURCE OPTIONS"
    let (mount, system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let path = PathBuf::from(unescape(mount.next()?));
    let read_only = mount.next()?.split(',').any(|option| option == "ro");
    let is_hierarchy = matches!(system.split(' ').next()?, "cgroup" | "cgroup2");
    (is_hierarchy && path.starts_with(ROOT)).then_some(Hierarchy { path, read_only })
}

/// Undoes mountinfo's escapes: blank, tab, line break and backslash as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escape = rest
            .get(at + 1..at + 4)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        if let Some(byte) = escape.filter(u8::is_ascii) {
            plain.push(char::from(byte));
            rest = &rest[at + 4..];
        } else {
            plain.push('\\');
            rest = &rest[at + 1..];
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_1: &str = "\
23 28 0:21 / /sys rw,relatime shared:2 - sysfs sysfs rw
30 23 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 master:1 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
34 28 0:27 / /srv/other/pids rw,relatime - cgroup cgroup rw,pids
";

    #[test]
    fn version_1_has_a_hierarchy_per_controller_and_mounts_elsewhere_do_not_count() {
        let found: Vec<PathBuf> = hierarchies(VERSION_1)
            .into_iter()
            .map(|hierarchy| hierarchy.path)
            .collect();
        let expected = ["cpu,cpuacct", "pids", "unified"].map(|name| Path::new(ROOT).join(name));
        assert_eq!(found, expected);
    }

    #[test]
    fn version_2_has_one_hierarchy_and_a_read_only_one_is_an_obstacle() {
        let mountinfo = "35 24 0:30 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let found = hierarchies(mountinfo);
        assert_eq!(
            found,
            [Hierarchy {
                path: PathBuf::from(ROOT),
                read_only: true
            }]
        );
        assert_eq!(
            found[0].obstacle().as_deref(),
            Some("/sys/fs/cgroup is read-only")
        );
    }

    fn version_2(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn what_the_kubelet_limits_is_handed_down_and_nothing_twice() {
        let controllers = ("cgroup.controllers", "cpuset cpu io memory pids rdma\n");
        let group = version_2(&[controllers, ("cgroup.subtree_control", "memory io\n")]);
        hand_down(group.path()).unwrap();
        let asked = fs::read_to_string(group.path().join("cgroup.subtree_control")).unwrap();
        assert_eq!(asked, "+cpuset +cpu +pids");
        let version_1 = version_2(&[]);
        hand_down(version_1.path()).unwrap();
        assert!(!version_1.path().join("cgroup.subtree_control").exists());
    }

    #[test]
    fn a_containers_root_with_processes_that_hands_nothing_down_is_an_obstacle() {
        let obstacle = |files: &[(&str, &str)]| {
            let dir = version_2(files);
            Hierarchy {
                path: dir.path().to_owned(),
                read_only: false,
            }
            .obstacle()
        };
        let (type_, procs) = (("cgroup.type", "domain\n"), ("cgroup.procs", "1\n"));
        let controllers = ("cgroup.controllers", "cpu memory\n");
        let handed_down = ("cgroup.subtree_control", "cpu memory\n");
        assert!(
            obstacle(&[type_, procs, controllers])
                .unwrap()
                .ends_with("hand down cpu, memory")
        );
        assert_eq!(obstacle(&[type_, procs, controllers, handed_down]), None);
        assert_eq!(obstacle(&[type_, controllers]), None);
        assert_eq!(obstacle(&[procs, controllers]), None);
    }

    #[test]
    fn a_machine_without_control_groups_has_no_hierarchy() {
        assert!(hierarchies("22 27 0:21 / /proc rw - proc proc rw\ngarbage\n").is_empty());
    }

    #[test]
    fn escapes_of_mountinfo_are_undone() {
        assert_eq!(unescape(r"/a\040b\134c"), r"/a b\c");
        assert_eq!(unescape(r"/odd\9x\"), r"/odd\9x\");
    }

    #[test]
    fn a_tree_is_walked_children_first_and_a_missing_one_is_empty() {
        let base = tempfile::tempdir().unwrap();
        let inner = base.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(base.path().join("a/file"), "").unwrap();
        assert_eq!(tree(&base.path().join("a")), [inner, base.path().join("a")]);
        assert!(tree(&base.path().join("missing")).is_empty());
    }
}
