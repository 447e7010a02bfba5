//! What a built binary depends on, as a short name.

use sha2::{Digest as _, Sha256};

use super::groups::Group;
use super::module::Module;

/// Digests everything that decides what is built: requirements, sums, flags and platform.
pub(super) fn of(group: &Group, module: &Module) -> String {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let flags = group.flags(module);
    let envs = group
        .envs
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let mut parts = vec![module.go_mod.clone(), module.go_sum.clone(), platform];
    parts.extend(flags);
    parts.extend(envs);
    short(&parts)
}

/// Lengths are part of it: `ab`+`c` is not `a`+`bc`.
fn short(parts: &[String]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&str]) -> String {
        short(
            &parts
                .iter()
                .map(|part| (*part).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_digest_is_stable_across_releases_of_this_program() {
        assert_eq!(digest(&["go.mod", "go.sum"]), digest(&["go.mod", "go.sum"]));
        assert_eq!(digest(&["a"]).len(), 12);
        assert_eq!(digest(&["a"]), "3b196fd4907b");
    }

    #[test]
    fn every_part_and_its_border_counts() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a", "b"]), digest(&["a", "c"]));
    }

    #[test]
    fn two_groups_differ() {
        let digest = |name| {
            let group = Group::named(name).unwrap();
            of(group, &Module::read(group).unwrap())
        };
        assert_ne!(digest("kwok"), digest("cni"));
    }
}
