//! A dry run of `kubectl ns-claim` says what the run after it says, object by object.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::{Case, Need, Output, Run, Suite, eventually, moment};
use serde_json::{Value, json};

use crate::ns_claim_records::gone;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_dry_run_of_a_claim_says_what_the_run_says", claim),
        case("a_dry_run_of_extend_says_what_the_run_says", extend),
        case("a_dry_run_of_protect_says_what_the_run_says", protect),
        case("a_dry_run_of_transfer_says_what_the_run_says", transfer),
        case("a_dry_run_of_release_says_what_the_run_says", release),
        case("a_dry_run_of_reap_says_what_the_run_says", reap),
        case("a_dry_run_of_install_says_what_the_run_says", install),
    ]
}

/// What a run says: of objects on stderr, of the claim or the objects on stdout.
type Said = BTreeSet<(String, String)>;

/// Runs it dry in both ways and then for good, compares what the three say, and returns that.
#[track_caller]
fn same(state: &str, run: impl Fn() -> Run) -> Said {
    let dry = |mode: &str| run().args([format!("--dry-run={mode}")]).run();
    let (client, server) = (dry("client"), dry("server"));
    let real = run().run();
    for (mode, dry) in [("client", &client), ("server", &server)] {
        assert_eq!(dry.code, real.code, "{state}, {mode}\n{dry}\n{real}");
        assert_eq!(said(dry), said(&real), "{state}, {mode}\n{dry}\n{real}");
    }
    said(&real)
}

fn said(output: &Output) -> Said {
    let mut said: Said = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("✔ "))
        .filter_map(|line| line.split_once(' '))
        .map(|(object, outcome)| (object.to_owned(), plain(outcome)))
        .collect();
    if output.stdout.is_empty() {
        let error = output.stderr.lines().next().unwrap_or_default();
        said.insert(("error".to_owned(), plain(error)));
        return said;
    }
    let document = output.json();
    for key in ["name", "owner", "expiresAt", "state"] {
        said.extend(text(&document[key]).map(|value| (key.to_owned(), value)));
    }
    let protected = !document["protectedBy"].is_null();
    said.insert(("protected".to_owned(), protected.to_string()));
    for row in document["rows"].as_array().into_iter().flatten() {
        let action = text(&row["action"]).unwrap_or_default();
        // When it will be deleted is counted from now.
        let detail = text(&row["detail"]).unwrap_or_default();
        let detail = detail.split(" after ").next().unwrap_or_default();
        said.extend(text(&row["claim"]["name"]).map(|name| (name, format!("{action} {detail}"))));
    }
    for object in document["objects"].as_array().into_iter().flatten() {
        said.extend(text(&object["object"]).zip(text(&object["state"])));
    }
    if let Some(removed) = document["recordsRemoved"].as_u64() {
        said.insert(("records removed".to_owned(), removed.to_string()));
    }
    said
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Leaves out what only a dry run says, and how much time is left.
fn plain(words: &str) -> String {
    let words = words
        .replace(" (server dry run)", "")
        .replace(" (dry run)", "");
    let words = words.split(" for another ").next().unwrap_or_default();
    words.trim().to_owned()
}

#[track_caller]
fn says(said: &Said, object: &str, outcome: &str) {
    let pair = (object.to_owned(), outcome.to_owned());
    assert!(said.contains(&pair), "{pair:?} is not in {said:#?}");
}

const INDEX: &str = "configmap/groundcrew-system/claims";

/// Takes a name out of the index, as no claimer could.
fn drop_entry(suite: &Suite, name: &str) {
    let patch = json!({"data": {name: null}});
    let run = suite.admin("patch configmap claims -n groundcrew-system --type merge");
    run.args([format!("--patch={patch}")]).run().success();
}

fn claim(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let run = |words: &str| suite.claimer(&ana, &format!("ns-claim {ana} {words} -o json"));
    let until = moment(7200);
    let first = format!("--until {until} --with {bo} --wait");
    let fresh = same("fresh", || run(&first));
    says(&fresh, INDEX, "configured");
    says(&fresh, &format!("namespace/{ana}"), "created");
    says(&fresh, &format!("resourcequota/{ana}/claim"), "created");
    says(&fresh, &format!("rolebinding/{ana}/claim-owner"), "created");

    let done = same("done", || run(""));
    assert!(
        done.iter()
            .any(|(_, words)| words.contains("already yours"))
    );
    let reused = same("done and reused", || run("--reuse"));
    says(&reused, &format!("namespace/{ana}"), "unchanged");
    says(
        &reused,
        &format!("rolebinding/{ana}/claim-owner"),
        "unchanged",
    );

    let delete = format!("delete resourcequota,limitrange claim -n {ana}");
    suite.admin(&delete).run().success();
    let half = same("half-done", || run(""));
    says(&half, &format!("resourcequota/{ana}/claim"), "created");
    says(
        &half,
        &format!("networkpolicy/{ana}/default-deny"),
        "unchanged",
    );

    drop_entry(suite, &ana);
    let drifted = same("drifted", || run("--reuse"));
    says(&drifted, INDEX, "configured");
    says(&drifted, &format!("namespace/{ana}"), "unchanged");

    // Somebody else's, and what is not a claim.
    let held = same("held", || {
        suite.claimer(&bo, &format!("ns-claim {ana} -o json"))
    });
    assert!(held.iter().any(|(_, words)| words.contains("is held by")));
    let other = suite.name("payments");
    let create = format!("create namespace {other}");
    suite.admin(&create).run().success();
    let not_a_claim = same("not a claim", || {
        suite.claimer(&bo, &format!("ns-claim {other} -o json"))
    });
    assert!(
        not_a_claim
            .iter()
            .any(|(_, words)| words.contains("is not a claim"))
    );
    suite
        .admin(&format!("delete namespace {other}"))
        .run()
        .success();
}

fn extend(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let extend = |until: &str| {
        suite.claimer(
            &ana,
            &format!("ns-claim extend {ana} --until {until} -o json"),
        )
    };
    let until = moment(4 * 3600);
    let fresh = same("fresh", || extend(&until));
    says(&fresh, "expiresAt", &until);
    same("done", || extend(&until));
    suite.annotate(&ana, "expires-at", &moment(3600));
    let drifted = same("drifted", || extend(&until));
    says(&drifted, "expiresAt", &until);
    let far = moment(9 * 86_400);
    same("too far", || extend(&far));
}

fn protect(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let protect = |off: &str| suite.admin(&format!("ns-claim protect {ana} {off} -o json"));
    for state in ["fresh", "done"] {
        says(&same(state, || protect("")), "protected", "true");
    }
    for state in ["protected", "unprotected"] {
        says(&same(state, || protect("--off")), "protected", "false");
    }
}

fn transfer(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let to = |user: &str| suite.admin(&format!("ns-claim transfer {ana} --to {user} -o json"));
    let binding = format!("rolebinding/{ana}/claim-owner");
    let namespace = format!("namespace/{ana}");
    let fresh = same("fresh", || to(&bo));
    for object in [INDEX, &binding, &namespace] {
        says(&fresh, object, "configured");
    }
    let done = same("done", || to(&bo));
    for object in [INDEX, &binding, &namespace] {
        says(&done, object, "unchanged");
    }
    suite.annotate(&ana, "owner", &ana);
    let half = same("half-done", || to(&bo));
    says(&half, &namespace, "configured");
    says(&half, &binding, "unchanged");
    let delete = format!("delete rolebinding claim-owner -n {ana}");
    suite.admin(&delete).run().success();
    let drifted = same("drifted", || to(&bo));
    says(&drifted, &binding, "created");
    says(&drifted, INDEX, "unchanged");
}

fn release(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let namespace = format!("namespace/{ana}");
    let mine = || suite.claimer(&ana, &format!("ns-claim release {ana} -o json"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let fresh = same("fresh", mine);
    says(&fresh, &namespace, "deleted");
    gone(suite, &ana);
    let none = suite.name("none");
    let done = same("done", || {
        suite.claimer(&ana, &format!("ns-claim release {none} -o json"))
    });
    assert!(
        done.iter()
            .any(|(_, words)| words.contains("there is no namespace"))
    );

    // An admin leaves a tombstone, and a second one is not needed.
    let bo = suite.name("bo");
    let _ = suite.claim(&bo, &format!("{bo} --ttl 2h"));
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "held", "namespace": bo, "finalizers": ["example.com/hold"],
    }});
    let create = suite.admin("create -f -").stdin(&held.to_string());
    create.run().success();
    let admin = || suite.admin(&format!("ns-claim release {bo} --yes -o json"));
    let fresh = same("fresh, by an admin", admin);
    let tombstone = |outcome: &'static str| {
        let prefix = format!("configmap/groundcrew-system/claim-tombstone-{bo}-");
        move |(object, found): &(String, String)| object.starts_with(&prefix) && found == outcome
    };
    assert!(fresh.iter().any(tombstone("created")), "{fresh:?}");
    eventually("it is going", || {
        let found = suite.get(&format!("namespace {bo}"));
        found.is_some_and(|found| !found["metadata"]["deletionTimestamp"].is_null())
    });
    let half = same("half-done", admin);
    says(&half, &format!("namespace/{bo}"), "unchanged");
    assert!(half.iter().any(tombstone("unchanged")), "{half:?}");
    let free = suite.admin(&format!("patch configmap held -n {bo} --type merge"));
    let patch = json!({"metadata": {"finalizers": null}});
    free.args([format!("--patch={patch}")]).run().success();
    gone(suite, &bo);
}

fn reap(suite: &Suite) {
    let _claims = suite.claims_alone();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    // Everything else that there is to say is said before; places of other cases would be freed at
    // any time.
    let index = suite
        .get("configmap claims -n groundcrew-system")
        .expect("the index");
    for name in index["data"]
        .as_object()
        .into_iter()
        .flat_map(|data| data.keys())
    {
        if suite.get(&format!("namespace {name}")).is_none() {
            drop_entry(suite, name);
        }
    }
    let _ = suite.reap("--grace 0s");
    let reap = |words: &str| {
        // The ledger says when a claim was seen last, in seconds.
        std::thread::sleep(Duration::from_millis(1100));
        suite.admin(&format!("ns-claim reap --yes -o json {words}"))
    };
    let action = |said: &Said, wanted: &str| {
        let found = said
            .iter()
            .find(|(name, _)| *name == ana)
            .expect("the claim");
        assert!(found.1.starts_with(wanted), "{found:?}");
    };
    suite.annotate(&ana, "expires-at", &moment(-60));
    drop_entry(suite, &ana);
    let drifted = same("drifted", || reap(""));
    says(&drifted, INDEX, "configured");
    says(
        &drifted,
        "configmap/groundcrew-system/claims-ledger",
        "configured",
    );
    action(&drifted, "warned");
    action(&same("half-done", || reap("")), "waiting");
    let many = same("more than allowed", || reap("--grace 0s --max-deletes 0"));
    action(&many, "due");
    let fresh = same("fresh", || reap("--grace 0s"));
    action(&fresh, "deleted");
    gone(suite, &ana);
    let done = same("done", || reap("--grace 0s"));
    assert!(done.iter().all(|(name, _)| *name != ana), "{done:?}");
}

fn install(suite: &Suite) {
    let _claims = suite.claims_alone();
    let settings = "--max-claims 3 --max-total 7d --default-ttl 8h -o json";
    let install = || suite.admin(&format!("ns-claim install {settings}"));
    let uninstall = || suite.admin("ns-claim uninstall --yes -o json");
    let binding = "clusterrolebinding/groundcrew:claimers";
    let policy = "validatingadmissionpolicy/groundcrew-claims-index";

    says(&same("done", install), policy, "unchanged");
    let delete = "delete clusterrolebinding groundcrew:claimers";
    suite.admin(delete).run().success();
    says(&same("half-done", install), binding, "created");
    let patch = json!({"spec": {"failurePolicy": "Ignore"}});
    let weaken =
        suite.admin("patch validatingadmissionpolicy groundcrew-claims-index --type merge");
    weaken.args([format!("--patch={patch}")]).run().success();
    says(&same("drifted", install), policy, "configured");

    suite.admin(delete).run().success();
    let half = same("half-done, removed", uninstall);
    says(&half, binding, "unchanged");
    says(&half, policy, "deleted");
    says(&half, INDEX, "configured");
    let done = same("removed", uninstall);
    says(&done, policy, "unchanged");
    says(&done, INDEX, "unchanged");
    let fresh = same("fresh", install);
    says(&fresh, policy, "created");
    says(&fresh, INDEX, "configured");
}
