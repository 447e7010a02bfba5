//! What `kubectl onboard` says in a dry run is what the run after it says.

use std::collections::BTreeSet;

use harness::{Case, Need, Output, Run, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("an_onboarding_does_what_its_dry_run_says", needs, issues),
        Case::new(
            "an_onboarding_with_everything_does_what_its_dry_run_says",
            needs,
            issues_with_everything,
        ),
        Case::new(
            "a_file_of_people_does_what_its_dry_run_says",
            needs,
            applies,
        ),
        Case::new("a_renewal_does_what_its_dry_run_says", needs, renews),
        Case::new(
            "joining_and_leaving_do_what_their_dry_runs_say",
            needs,
            joins_and_leaves,
        ),
    ]
}

/// What can become of a thing.
const CHANGES: [&str; 8] = [
    "created",
    "configured",
    "unchanged",
    "deleted",
    "replaced",
    "issued",
    "revoked",
    "denied",
];

/// Reads `OBJECT CHANGE` out of a line; what is tried out or proved changes nothing.
fn told(line: &str) -> Option<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.first() == Some(&"verified") {
        return None;
    }
    let change = words.iter().position(|word| CHANGES.contains(word))?;
    Some((words[..change].join(" "), words[change].to_owned()))
}

/// Returns what a dry run says, on either stream: every line that bears its mark.
fn rehearsed(output: &Output, mark: &str) -> BTreeSet<(String, String)> {
    let lines = output.stdout.lines().chain(output.stderr.lines());
    lines
        .filter(|line| line.contains(mark))
        .filter_map(|line| told(line.trim_start_matches('✔')))
        .collect()
}

/// Returns what a run says.
fn done(output: &Output) -> BTreeSet<(String, String)> {
    let lines = output.stderr.lines();
    lines
        .filter_map(|line| told(line.strip_prefix('✔')?))
        .collect()
}

/// Lets both dry runs and then the run speak, and returns what all of them say.
fn alike(what: &str, run: impl Fn() -> Run) -> BTreeSet<(String, String)> {
    let client = run().line("--dry-run=client").run();
    let server = run().line("--dry-run=server").run();
    let real = run().run();
    let said = done(real.success());
    assert!(!said.is_empty(), "{what}: {real}");
    let client_said = rehearsed(client.success(), "(dry run)");
    assert_eq!(client_said, said, "{what}, client\n{client}\n{real}");
    let server_said = rehearsed(server.success(), "(server dry run)");
    assert_eq!(server_said, said, "{what}, server\n{server}\n{real}");
    said
}

fn is_unchanged(what: &str, said: &BTreeSet<(String, String)>) {
    let changed: Vec<_> = said.iter().filter(|(_, how)| how != "unchanged").collect();
    assert!(changed.is_empty(), "{what}: {changed:?}");
}

fn has(said: &BTreeSet<(String, String)>, object: &str, change: &str) {
    let wanted = (object.to_owned(), change.to_owned());
    assert!(said.contains(&wanted), "{wanted:?} in {said:?}");
}

fn issues(suite: &Suite) {
    let alice = suite.name("alice");
    let run = || suite.onboard(&alice);
    // What a run that died has left.
    let admin = |words: &str| suite.admin(words).run().success().stdout.clone();
    admin(&format!("create namespace {alice}"));
    admin(&format!(
        "annotate namespace {alice} groundcrew.dev/owner={alice}"
    ));
    let said = alike("half-done", run);
    has(&said, &format!("namespace/{alice}"), "configured");
    has(&said, &format!("resourcequota/{alice}/onboard"), "created");
    has(&said, "generation 1", "issued");

    is_unchanged("done", &alike("done", run));

    admin(&format!("delete networkpolicy default-deny -n {alice}"));
    let patch = r#"{"spec":{"hard":{"pods":"7"}}}"#;
    let quota = suite.admin(&format!("patch resourcequota onboard -n {alice} -p"));
    quota.args([patch]).run().success();
    admin(&format!("delete rolebinding onboard-{alice} -n {alice}"));
    // The patch made kubectl the owner of the field, which only a server can know.
    let forced = || run().line("--force-conflicts");
    let said = alike("drifted", forced);
    has(
        &said,
        &format!("networkpolicy/{alice}/default-deny"),
        "created",
    );
    has(
        &said,
        &format!("resourcequota/{alice}/onboard"),
        "configured",
    );
    has(&said, &format!("limitrange/{alice}/onboard"), "unchanged");
    has(
        &said,
        &format!("rolebinding/{alice}/onboard-{alice}"),
        "created",
    );

    let said = alike("another role", || run().line("--role view"));
    let object = format!("rolebinding/{alice}/onboard-{alice}");
    has(&said, &object, "replaced");

    let said = alike("replaced", || run().line("--force"));
    has(&said, "generation 2", "issued");
    has(&said, "generation 1", "revoked");
}

fn issues_with_everything(suite: &Suite) {
    let (alice, web) = (suite.name("alice"), suite.name("web"));
    let create = suite.admin(&format!("create namespace {web}"));
    create.run().success();
    let line = format!("--join {web}:view --self-renewal --profile large --network open");
    let run = || suite.onboard(&alice).line(&line);
    let said = alike("fresh", run);
    has(&said, &format!("namespace/{alice}"), "created");
    let object = format!("clusterrolebinding/onboard-{alice}-renewal");
    has(&said, &object, "created");
    is_unchanged("done", &alike("done", run));
    let delete = suite.admin(&format!("delete {object}"));
    delete.run().success();
    has(&alike("drifted", run), &object, "created");

    // The key elsewhere, and a token.
    let bob = suite.name("bob");
    let _laptop = suite.requested(&bob, 1);
    let request = suite.path(&format!("laptop-{bob}/{bob}.csr"));
    let said = alike("signed", || suite.sign(&bob, &request));
    has(&said, "generation 1", "issued");
    is_unchanged(
        "signed again",
        &alike("done", || suite.sign(&bob, &request)),
    );
    let carol = suite.name("carol");
    alike("token", || suite.onboard(&carol).line("--auth token"));
}

/// Returns who is changed by a dry run, or was by a run.
fn people(document: &Value, is_changed: impl Fn(&Value) -> bool) -> Vec<String> {
    let all = document["people"].as_array().expect("people");
    let changed = all.iter().filter(|one| is_changed(one));
    changed
        .map(|one| one["user"].as_str().expect("a name").to_owned())
        .collect()
}

fn applies(suite: &Suite) {
    let (alice, bob) = (suite.name("alice"), suite.name("bob"));
    let text = format!(
        "apiVersion: groundcrew.dev/v1alpha1\nkind: Onboarding\nmetadata: {{name: {alice}}}\n\
         people:\n- user: {alice}\n- user: {bob}\n"
    );
    let path = suite.file("team.yaml", &text);
    let apply = |flags: &str| {
        let run = suite.admin(&format!("onboard apply -o json {flags} --filename"));
        let run = run.args([&path]).args(["--out-dir"]).args([suite.path("")]);
        run.run().success().json()
    };
    let same = |what: &str| -> Vec<String> {
        let planned = ["client", "server"].map(|mode| {
            people(&apply(&format!("--dry-run={mode}")), |one| {
                one["changes"] != json!([])
            })
        });
        let changed = people(&apply(""), |one| one["result"] != "unchanged");
        assert_eq!(planned, [changed.clone(), changed.clone()], "{what}");
        changed
    };
    suite.onboard(&bob).run().success();
    // Bob is there already, but not yet of this file.
    assert_eq!(same("half-done"), [alice.clone(), bob.clone()]);
    assert_eq!(same("done"), Vec::<String>::new());
    let delete = suite.admin(&format!("delete networkpolicy default-deny -n {bob}"));
    delete.run().success();
    assert_eq!(same("drifted"), [bob]);
}

fn renews(suite: &Suite) {
    let name = suite.name("renewed");
    suite.onboard(&name).run().success();
    let new = suite.path("new");
    let run = |flags: &str| {
        let run = suite.admin(&format!("onboard renew {name} {flags} --out"));
        run.args([&new])
    };
    let said = alike("with a grace", || run(""));
    has(&said, "generation 2", "issued");
    has(
        &said,
        &format!("rolebinding/{name}/onboard-{name}"),
        "configured",
    );
    let said = alike("without a grace", || run("--grace 0"));
    has(&said, "generation 3", "issued");
    has(&said, "generation 1", "revoked");
    has(&said, "generation 2", "revoked");
    let delete = suite.admin(&format!("delete resourcequota onboard -n {name}"));
    delete.run().success();
    let said = alike("drifted", || run("--grace 0"));
    has(&said, &format!("resourcequota/{name}/onboard"), "created");
}

fn joins_and_leaves(suite: &Suite) {
    let (name, web) = (suite.name("joiner"), suite.name("web"));
    let create = suite.admin(&format!("create namespace {web}"));
    create.run().success();
    suite.onboard(&name).run().success();
    let object = format!("rolebinding/{web}/onboard-{name}");
    let join = || suite.admin(&format!("onboard join {name} {web}:view"));
    has(&alike("fresh", join), &object, "created");
    is_unchanged("done", &alike("done", join));
    let delete = suite.admin(&format!("delete rolebinding onboard-{name} -n {web}"));
    delete.run().success();
    has(&alike("drifted", join), &object, "created");
    let said = alike("another role", || {
        suite.admin(&format!("onboard join {name} {web}:edit"))
    });
    has(&said, &object, "replaced");
    let leave = || suite.admin(&format!("onboard leave {name} {web}"));
    has(&alike("joined", leave), &object, "deleted");
    is_unchanged("left", &alike("left", leave));
}
