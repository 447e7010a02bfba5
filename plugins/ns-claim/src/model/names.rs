//! Names for claims without one: `ana-brisk-otter`.

use groundcrew::tenancy::slug;

use crate::model::meta;

const ADJECTIVES: [&str; 48] = [
    "able", "amber", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "cool",
    "crisp", "deft", "eager", "early", "fair", "fast", "fine", "firm", "fresh", "gentle", "glad",
    "golden", "grand", "green", "happy", "jolly", "keen", "kind", "light", "lively", "lucky",
    "mellow", "merry", "mild", "neat", "noble", "proud", "quick", "quiet", "rapid", "ready",
    "silver", "smart", "snug", "steady", "sunny", "swift", "warm",
];

const ANIMALS: [&str; 48] = [
    "badger", "beaver", "bison", "camel", "cat", "crane", "crow", "deer", "dingo", "dove", "duck",
    "eagle", "falcon", "ferret", "finch", "fox", "gecko", "goat", "goose", "hare", "hawk", "heron",
    "ibex", "jay", "koala", "lark", "lemur", "lion", "llama", "lynx", "marten", "mole", "moose",
    "newt", "otter", "owl", "panda", "puffin", "quail", "raven", "robin", "seal", "stork", "swan",
    "tapir", "tern", "tiger", "wren",
];

/// Longest part of a user name in front, in bytes.
const MAX_USER: usize = 30;

/// Returns a readable name; `pick` returns a number below the one it is given.
#[must_use]
pub fn suggest(user: &str, mut pick: impl FnMut(usize) -> usize) -> String {
    // What stands behind the @ is the same for everybody here.
    let local = user.split('@').next().unwrap_or_default();
    // A service account is known by its own name.
    let local = local.rsplit(':').next().unwrap_or_default();
    let mut front = slug(local, MAX_USER);
    if front.is_empty() || meta::is_reserved(&format!("{front}-")) {
        front = "claim".to_owned();
    }
    let adjective = ADJECTIVES[pick(ADJECTIVES.len())];
    let animal = ANIMALS[pick(ANIMALS.len())];
    format!("{front}-{adjective}-{animal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_readable_and_always_claimable() {
        assert_eq!(suggest("ana", |_| 5), "ana-brisk-crane");
        assert_eq!(suggest("ana@example.com", |_| 0), "ana-able-badger");
        assert_eq!(
            suggest("system:serviceaccount:ci:runner", |_| 0),
            "runner-able-badger"
        );
        for user in [
            "山田",
            "",
            "kube",
            "openshift",
            "groundcrew",
            "-",
            &"x".repeat(99),
        ] {
            for last in [0, usize::MAX] {
                let name = suggest(user, |below| last.min(below - 1));
                assert_eq!(meta::why_not(&name), None, "{user}: {name}");
            }
        }
    }
}
