//! A dry run of `kubectl onboard offboard` says what the run after it says, object by object.

use std::collections::BTreeSet;

use harness::{Case, Need, Output, Suite, eventually};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_dry_run_says_what_is_taken_and_then_nothing", fresh),
        case("a_dry_run_says_what_is_left_half_way", half_done),
        case("a_dry_run_says_what_was_given_elsewhere", drifted),
        case("a_dry_run_says_what_is_behind_a_token", token),
        case(
            "a_dry_run_says_what_a_user_without_record_loses",
            unrecorded,
        ),
    ]
}

/// Objects, and what becomes of each.
type Said = BTreeSet<(String, String)>;

/// Runs it dry in both ways and then for real, compares what the three say, and returns that.
#[track_caller]
fn same(suite: &Suite, state: &str, name: &str, flags: &str) -> Said {
    let run = |more: &str| {
        let run = suite.admin(&format!("onboard offboard {name} --yes {flags} {more}"));
        run.run()
    };
    let dry = [
        ("dry run", run("--dry-run=client")),
        ("server dry run", run("--dry-run=server")),
    ];
    let real = run("");
    real.success();
    for (suffix, dry) in &dry {
        let told = said(dry.success(), &format!(" ({suffix})"));
        assert_eq!(told, said(&real, ""), "{state}, {suffix}\n{dry}\n{real}");
    }
    said(&real, "")
}

/// Reads lines such as `✔ namespace/alice deleted (dry run)   including everything in it`.
fn said(output: &Output, suffix: &str) -> Said {
    const OUTCOMES: [&str; 5] = ["created", "configured", "unchanged", "deleted", "denied"];
    let read = |line: &str| {
        let (object, rest) = line.strip_prefix("✔ ")?.split_once(' ')?;
        let outcome = OUTCOMES.into_iter().find(|word| rest.starts_with(word))?;
        let rest = rest.strip_prefix(outcome)?.strip_prefix(suffix)?;
        assert!(rest.is_empty() || rest.starts_with("  "), "{line}");
        Some((object.to_owned(), outcome.to_owned()))
    };
    output.stderr.lines().filter_map(read).collect()
}

/// Checks that exactly this is said.
#[track_caller]
fn is(said: &Said, expected: &[(&str, &str)]) {
    let expected = expected
        .iter()
        .map(|(object, outcome)| ((*object).to_owned(), (*outcome).to_owned()));
    assert_eq!(*said, expected.collect::<Said>());
}

fn record(name: &str) -> String {
    format!("configmap/groundcrew-system/onboard-{name}")
}

fn fresh(suite: &Suite) {
    let name = suite.name("fresh");
    suite.onboard(&name).run().success();
    let said = same(suite, "fresh", &name, "");
    let (record, namespace) = (record(&name), format!("namespace/{name}"));
    let binding = format!("rolebinding/{name}/onboard-{name}");
    is(
        &said,
        &[
            (&record, "configured"),
            (&binding, "deleted"),
            (&namespace, "deleted"),
        ],
    );
    eventually("the namespace goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
    is(&same(suite, "done", &name, ""), &[(&record, "configured")]);
}

fn half_done(suite: &Suite) {
    let name = suite.name("half");
    suite.onboard(&name).run().success();
    let (record, namespace) = (record(&name), format!("namespace/{name}"));
    let binding = format!("rolebinding/{name}/onboard-{name}");
    let kept = same(suite, "kept", &name, "--keep-namespace");
    is(
        &kept,
        &[
            (&record, "configured"),
            (&binding, "deleted"),
            (&namespace, "unchanged"),
        ],
    );
    let rest = same(suite, "half-done", &name, "");
    is(&rest, &[(&record, "configured"), (&namespace, "deleted")]);
}

fn drifted(suite: &Suite) {
    let name = suite.name("drifted");
    suite.onboard(&name).run().success();
    for command in [
        format!("create rolebinding {name} -n default --clusterrole=view --user={name} --user=bob"),
        format!("create clusterrolebinding {name} --clusterrole=view --group=onboard:{name}:g7"),
        format!("annotate namespace {name} groundcrew.dev/owner=bob --overwrite"),
        format!("delete rolebinding onboard-{name} -n {name}"),
    ] {
        suite.admin(&command).run().success();
    }
    let said = same(suite, "drifted", &name, "");
    is(
        &said,
        &[
            (&record(&name), "configured"),
            (&format!("rolebinding/default/{name}"), "configured"),
            (&format!("clusterrolebinding/{name}"), "deleted"),
            (&format!("namespace/{name}"), "unchanged"),
        ],
    );
    let delete = format!("delete rolebinding {name} -n default");
    suite.admin(&delete).run().success();
}

fn token(suite: &Suite) {
    let name = suite.name("tokened");
    suite.onboard(&name).line("--auth token").run().success();
    let said = same(suite, "with a token", &name, "");
    is(
        &said,
        &[
            (&record(&name), "configured"),
            (&format!("rolebinding/{name}/onboard-{name}"), "deleted"),
            (
                &format!("secret/groundcrew-system/onboard-{name}-g1"),
                "deleted",
            ),
            (
                &format!("serviceaccount/groundcrew-system/onboard-{name}"),
                "deleted",
            ),
            (&format!("namespace/{name}"), "deleted"),
        ],
    );
}

fn unrecorded(suite: &Suite) {
    let name = suite.name("unrecorded");
    let create = format!("create clusterrolebinding {name} --clusterrole=view --user={name}");
    suite.admin(&create).run().success();
    let said = same(suite, "without a record", &name, "");
    is(
        &said,
        &[
            (&record(&name), "created"),
            (&format!("clusterrolebinding/{name}"), "deleted"),
        ],
    );
}
