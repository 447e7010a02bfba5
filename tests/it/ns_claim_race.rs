//! An owner who extends at the very moment at which the reaper deletes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use harness::{Case, Fault, Match, Need, Output, Proxied, Rule, Suite, moment};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "an_extend_that_returned_0_is_never_overtaken",
        &[Need::Plugins, Need::Controllers, Need::Sandbox],
        race,
    )]
}

/// Claims that one run of the reaper finds due; each is a round.
const WAVE: usize = 25;

/// How long the reaper is held before a deletion. Its last look and its deletion are some ten
/// requests of the owner's apart, so the short ones are the close ones.
const HOLDS: [u64; 6] = [0, 10, 20, 40, 80, 160];

/// The one deletion of a run that is held for so long that the owner is first.
const LONG: Duration = Duration::from_secs(3);

/// Rounds of the race; `GROUNDCREW_RACE_ROUNDS` asks for more.
fn rounds() -> usize {
    let asked = std::env::var("GROUNDCREW_RACE_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(25)
}

#[expect(
    clippy::print_stdout,
    reason = "how the rounds ended is the figure that a long run is for"
)]
fn race(suite: &Suite) {
    let _claims = suite.claims_alone();
    let through = suite.proxied();
    let (mut extended, mut reaped, mut run) = (0, 0, 0);
    while run < rounds() {
        let names: Vec<String> = (0..WAVE).map(|_| suite.name("race")).collect();
        claims(suite, &names, &moment(-60), &moment(-30));
        let (reap, extends) = wave(suite, &through, &names);
        let found = suite.get("namespaces -l groundcrew.dev/claim=true");
        let found = found.expect("a list")["items"].clone();
        let alive: BTreeSet<&str> = found
            .as_array()
            .expect("a list")
            .iter()
            .filter(|namespace| namespace["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|namespace| namespace["metadata"]["name"].as_str())
            .collect();
        for (name, extend) in &extends {
            let alive = alive.contains(name.as_str());
            extended += usize::from(extend.code == Some(0));
            reaped += usize::from(!alive);
            assert!(
                alive || extend.code != Some(0),
                "{name}: deleted after an extend that returned 0\n{reap}\n{extend}"
            );
        }
        // The reaper came to every one of them, and so did its owner.
        assert_eq!(extends.len(), WAVE, "{reap}");
        run += WAVE;
    }
    println!("{run} rounds: {extended} extended, {reaped} reaped");
    assert!(extended > 0, "no owner was ever first: {reaped} reaped");
}

/// Makes many claims at once, as the plugin would one by one.
pub(crate) fn claims(suite: &Suite, names: &[String], ends: &str, warned: &str) {
    let rbac = "rbac.authorization.k8s.io";
    let objects: Vec<Value> = names
        .iter()
        .flat_map(|name| {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": name,
                "labels": {"groundcrew.dev/claim": "true"},
                "annotations": {
                    "groundcrew.dev/owner": name,
                    "groundcrew.dev/expires-at": ends,
                    "groundcrew.dev/warned-at": warned,
                },
            }});
            let binding = json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
                "metadata": {"name": "claim-owner", "namespace": name},
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "groundcrew:claim-owner"},
                "subjects": [{"apiGroup": rbac, "kind": "User", "name": name}],
            });
            [namespace, binding]
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    suite.admin("create -f -").stdin(&list).run().success();
    let entries: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!(name)))
        .collect();
    let patch = suite.admin("patch configmap claims -n groundcrew-system --type merge");
    let patch = patch.args([format!("--patch={}", json!({"data": entries}))]);
    patch.run().success();
}

/// One run of the reaper. Whenever it looks for the last time at a claim, or sends its deletion,
/// the owner extends.
fn wave(suite: &Suite, through: &Proxied, names: &[String]) -> (Output, Vec<(String, Output)>) {
    through.proxy.heal();
    through.proxy.forget();
    for (number, name) in names.iter().enumerate() {
        let hold = match number {
            0 => LONG,
            _ => Duration::from_millis(HOLDS[number % HOLDS.len()]),
        };
        let delete = Match::request("DELETE".parse().expect("a method"), &path(name));
        through.proxy.add(Rule::once(delete, Fault::Delay(hold)));
    }
    let reap = suite
        .admin("ns-claim reap --yes --grace 0s --max-deletes 1000 -o json")
        .kubeconfig(&through.kubeconfig);
    let plugin = suite.plugin("kubectl-ns_claim");
    let cluster = suite.cluster().kubeconfig();
    let extends: Vec<_> = names
        .iter()
        .map(|name| extend(suite, &plugin, cluster, name))
        .collect();
    std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel();
        let reaper = scope.spawn(move || {
            let output = reap.run();
            // Nobody listens when the case has failed already.
            let _ = ended.send(());
            output
        });
        let mut waiting: Vec<_> = names.iter().zip(extends).enumerate().collect();
        let mut running = Vec::new();
        let mut over = false;
        while !over {
            over = end.recv_timeout(Duration::from_millis(2)).is_ok();
            let log = through.proxy.log();
            let (now, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(number, (name, _))| {
                    // Half of the owners come before the deletion, at the last look.
                    let method = if number % 2 == 0 { "DELETE" } else { "GET" };
                    let path = path(name);
                    log.iter()
                        .any(|entry| entry.method == method && entry.path == path)
                });
            waiting = later;
            for (_, (name, extend)) in now {
                running.push((name.clone(), scope.spawn(move || extend.run())));
            }
        }
        let extends = running
            .into_iter()
            .map(|(name, extend)| (name, extend.join().expect("an owner")))
            .collect();
        (reaper.join().expect("the reaper"), extends)
    })
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// The owner's extend, without kubectl in between: it would always be late.
fn extend(suite: &Suite, plugin: &Path, cluster: &Path, name: &str) -> harness::Run {
    suite
        .program(plugin)
        .kubeconfig(cluster)
        .line(&format!("extend {name} --by 4h --as={name}"))
        .args([
            "--as-group=groundcrew:claimers",
            "--as-group=system:authenticated",
        ])
}
