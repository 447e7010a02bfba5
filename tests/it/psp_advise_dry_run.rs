//! A dry run of `kubectl psp-advise` says of each object what the run right after it says.

use std::collections::BTreeSet;

use harness::{Case, Need, Output, Suite};
use serde_json::json;

use crate::psp_advise::world::{apply, namespaces, template};

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new("fix_says_what_it_does", cluster, fix),
        Case::new("label_says_what_it_does", cluster, label),
        Case::new(
            "fix_in_place_says_what_it_does_and_writes_nothing_before",
            &[Need::Plugins],
            in_place,
        ),
    ]
}

/// Objects and what becomes of each.
type Told = BTreeSet<(String, String)>;

/// Reads `OBJECT OUTCOME` lines; each has the ending, and none has another one.
#[track_caller]
fn told<'a>(lines: impl Iterator<Item = &'a str>, ending: &str, output: &Output) -> Told {
    let told: Told = lines
        .map(|line| {
            let (object, outcome) = line.split_once(' ').expect("an object and an outcome");
            let rest = outcome.trim().replacen(ending, "", 1);
            assert!(outcome.contains(ending), "{line:?} of {output}");
            assert!(!rest.contains("dry run)"), "{line:?} of {output}");
            (object.to_owned(), rest)
        })
        .collect();
    told
}

/// What progress lines say.
#[track_caller]
fn progress(output: &Output, ending: &str) -> Told {
    let lines = output.stderr.lines();
    told(lines.filter_map(|it| it.strip_prefix("✔ ")), ending, output)
}

/// Runs both dry runs and then the command itself: all three say the same.
#[track_caller]
fn same(run: impl Fn(&str) -> Output, read: impl Fn(&Output, &str) -> Told) -> Told {
    let client = read(&run("--dry-run=client"), " (dry run)");
    let server = read(&run("--dry-run=server"), " (server dry run)");
    let real = run("");
    let done = read(&real, "");
    assert_eq!(client, done, "client, {real}");
    assert_eq!(server, done, "server, {real}");
    done
}

fn of(told: &Told, object: &str) -> Option<String> {
    let found = told.iter().find(|(name, _)| name.ends_with(object));
    found.map(|(_, outcome)| outcome.clone())
}

fn fix(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let spec = json!({"containers": [{"name": "c", "image": "i"}]});
    let mut objects = vec![
        template("Deployment", &namespace, "api", &spec),
        template("StatefulSet", &namespace, "db", &spec),
    ];
    for object in &mut objects {
        object["spec"]["replicas"] = json!(0);
    }
    // Its template cannot be changed.
    let mut pod = spec.clone();
    pod["restartPolicy"] = json!("Never");
    objects.push(json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "once", "namespace": namespace},
        "spec": {"suspend": true, "template": {"spec": pod}}}));
    apply(suite, &objects);
    let words = format!("psp-advise fix --apply --yes --risk all -n {namespace}");
    let run = |mode: &str| suite.admin(&format!("{words} {mode}")).run();
    let read = |output: &Output, ending: &str| told(output.stdout.lines(), ending, output);

    let fresh = same(run, read);
    assert_eq!(of(&fresh, "/api").as_deref(), Some("patched"));
    assert_eq!(of(&fresh, "/db").as_deref(), Some("patched"));
    let once = of(&fresh, "/once").expect("the job is named");
    assert!(once.starts_with("left alone"), "{once}");

    let done = same(run, read);
    assert_eq!(of(&done, "/api").as_deref(), Some("unchanged"));
    assert_eq!(of(&done, "/db").as_deref(), Some("unchanged"));

    apply(suite, &[template("Deployment", &namespace, "new", &spec)]);
    let half = same(run, read);
    assert_eq!(of(&half, "/api").as_deref(), Some("unchanged"));
    assert_eq!(of(&half, "/new").as_deref(), Some("patched"));

    let drift = json!({"spec": {"template": {"spec": {"containers": [{"name": "c",
        "securityContext": {"allowPrivilegeEscalation": true}}]}}}});
    suite
        .admin(&format!("patch deployment api -n {namespace} -p"))
        .args([drift.to_string()])
        .run()
        .success();
    let drifted = same(run, read);
    assert_eq!(of(&drifted, "/api").as_deref(), Some("patched"));
    assert_eq!(of(&drifted, "/new").as_deref(), Some("unchanged"));
}

fn label(suite: &Suite) {
    let names: Vec<String> = (0..2).map(|_| suite.name("label")).collect();
    for name in &names {
        let line = format!("create namespace {name}");
        suite.admin(&line).run().success();
    }
    let (one, other) = (&names[0], &names[1]);
    let words = |names: &str| format!("psp-advise label {names} --strategy enforce --apply --yes");
    let both = words(&names.join(" "));
    let run = |mode: &str| suite.admin(&format!("{both} {mode}")).run();

    // One of the two: what is half done for both.
    let first = words(one);
    let fresh = same(
        |mode| suite.admin(&format!("{first} {mode}")).run(),
        progress,
    );
    assert_eq!(of(&fresh, one).as_deref(), Some("labeled"));

    let half = same(run, progress);
    assert_eq!(of(&half, one).as_deref(), Some("unchanged"));
    assert_eq!(of(&half, other).as_deref(), Some("labeled"));

    let done = same(run, progress);
    assert!(
        done.iter().all(|(_, outcome)| outcome == "unchanged"),
        "{done:?}"
    );

    let label = "pod-security.kubernetes.io/warn=baseline --overwrite";
    let line = format!("label namespace {one} {label}");
    suite.admin(&line).run().success();
    let drifted = same(run, progress);
    assert_eq!(of(&drifted, one).as_deref(), Some("labeled"));
    assert_eq!(of(&drifted, other).as_deref(), Some("unchanged"));
}

fn in_place(suite: &Suite) {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  \
        - name: c\n    image: i\n";
    let file = suite.file("pod.yaml", text);
    let run = |mode: &str| {
        suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("fix --format inplace -f")
            .args([&file])
            .line(mode)
            .run()
    };
    let read = |output: &Output, ending: &str| {
        if output.stderr.contains("✔ ") {
            let now = std::fs::read_to_string(&file).expect("it can be read");
            assert_eq!(now == text, !ending.is_empty(), "{output}");
        }
        progress(output, ending)
    };
    let fresh = same(run, read);
    assert_eq!(of(&fresh, "pod.yaml").as_deref(), Some("changed"));
    let done = same(run, progress);
    assert!(
        done.is_empty(),
        "a file that is not changed is not named: {done:?}"
    );
}
