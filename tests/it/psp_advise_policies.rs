//! `kubectl psp-advise explain --engine psp` against a server that still has PodSecurityPolicy.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use crate::psp_advise::corpus::{Dice, pod};
use crate::psp_advise::policies::{old, policy, rights};
use crate::psp_advise::world::list;

/// Sets of policies and rights.
const ROUNDS: usize = 40;
/// Pods per set.
const PODS: usize = 12;
const SEED: u64 = 0x0124;

pub(crate) fn cases() -> Vec<Case> {
    let server = &[Need::Plugins, Need::PodSecurityPolicy];
    vec![
        Case::new(
            "verdict_policy_changes_and_reasons_are_those_of_the_server",
            server,
            decisions,
        ),
        Case::new(
            "a_generated_policy_admits_its_own_input_unchanged",
            server,
            generated,
        ),
    ]
}

/// Policies belong to the whole cluster: one case at a time.
static CLUSTER: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn decisions(suite: &Suite) {
    let _alone = alone();
    let mut dice = Dice::new(SEED);
    let namespace = suite.name("psp");
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    suite
        .admin(&format!(
            "create rolebinding edit --clusterrole=edit --user=tester -n {namespace}"
        ))
        .run()
        .success();
    eventually("the namespace has its service account", || {
        suite
            .get(&format!("serviceaccount default -n {namespace}"))
            .is_some()
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..ROUNDS {
        let names: Vec<String> = (0..1 + dice.below(4))
            .map(|index| format!("{namespace}-{}-{round}", dice.below(9) * 10 + index))
            .collect();
        let policies: Vec<Value> = names.iter().map(|name| policy(&mut dice, name)).collect();
        let rights: Vec<Value> = names
            .iter()
            .flat_map(|name| rights(&mut dice, &namespace, name))
            .collect();
        let objects: Vec<Value> = policies.iter().chain(&rights).cloned().collect();
        suite
            .admin("apply --validate=false -f -")
            .stdin(&list(&objects))
            .run()
            .success();
        let pods: Vec<Value> = (0..PODS)
            .map(|index| old(pod(&mut dice, &format!("p{index}"))))
            .collect();
        // The server's own caches follow within moments; what they answer is not to be guessed.
        std::thread::sleep(Duration::from_millis(500));
        compare(suite, &namespace, &pods, &mut counts);
        suite
            .admin("delete --wait=true -f -")
            .stdin(&list(&objects))
            .run()
            .success();
    }
    for (what, least) in [("admitted", 60), ("changed", 20), ("refused", 60)] {
        let count = counts.get(what).copied().unwrap_or_default();
        assert!(count >= least, "{what}: {counts:?}");
    }
}

fn compare(
    suite: &Suite,
    namespace: &str,
    pods: &[Value],
    counts: &mut BTreeMap<&'static str, usize>,
) {
    let server = suite
        .admin("create --dry-run=server --validate=false -o json -f - --as tester -n")
        .args([namespace])
        .stdin(&list(pods))
        .run();
    let mut stored: BTreeMap<String, Value> = BTreeMap::new();
    for document in serde_json::Deserializer::from_str(&server.stdout).into_iter::<Value>() {
        let document = document.expect("kubectl prints JSON");
        let items = match document["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![document],
        };
        for item in items {
            let name = item["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            stored.insert(name, item);
        }
    }
    let refusals: BTreeMap<&str, &str> = server
        .stderr
        .lines()
        .filter_map(|line| {
            line.split_once("pods \"")
                .and_then(|(_, rest)| rest.split_once("\" is forbidden: "))
        })
        .collect();
    let plugin = suite
        .admin("psp-advise explain --engine psp --psp cluster --rbac cluster --as tester -o jsonl -f - -n")
        .args([namespace])
        .stdin(&list(pods))
        .run();
    let decisions: Vec<Value> = plugin
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is a document"))
        .collect();
    assert_eq!(decisions.len(), pods.len(), "{plugin}");
    for decision in &decisions {
        let name = decision["object"]["name"].as_str().unwrap_or_default();
        if let Some(item) = stored.get(name) {
            assert_eq!(decision["allowed"], true, "{name}\n{decision:#}\n{item:#}");
            let chosen = &item["metadata"]["annotations"]["kubernetes.io/psp"];
            assert_eq!(&decision["policy"], chosen, "{name}\n{decision:#}");
            same(&decision["pod"], item);
            *counts.entry("admitted").or_default() += 1;
            if decision["mutated"] == true {
                *counts.entry("changed").or_default() += 1;
            }
        } else if let Some(message) = refusals.get(name) {
            assert_eq!(
                decision["allowed"], false,
                "{name}: {message}\n{decision:#}"
            );
            let wanted = messages(decision);
            assert!(
                wanted.iter().any(|wanted| wanted == message),
                "{name}\n{message}\n{wanted:#?}"
            );
            *counts.entry("refused").or_default() += 1;
        } else {
            // Validation refused it: no policy has a say.
            assert!(
                server
                    .stderr
                    .contains(&format!("Pod \"{name}\" is invalid")),
                "{server}"
            );
            *counts.entry("invalid").or_default() += 1;
        }
    }
}

/// Every order in which the server may print its reasons: it walks over a map.
fn messages(decision: &Value) -> Vec<String> {
    let refusal = decision["refusal"].as_str().unwrap_or_default();
    if refusal.contains("no providers") {
        return vec![refusal.to_owned()];
    }
    let parts: Vec<String> = decision["reasons"]
        .as_object()
        .into_iter()
        .flat_map(|reasons| reasons.values())
        .map(|list| {
            let list = list.as_array().cloned().unwrap_or_default();
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.join(" ")
        })
        .collect();
    orders(parts)
        .into_iter()
        .map(|order| format!("{refusal}: [{}]", order.join(" ")))
        .collect()
}

fn orders(parts: Vec<String>) -> Vec<Vec<String>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..parts.len() {
        let mut rest = parts.clone();
        let first = rest.remove(index);
        for mut order in orders(rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// Compares annotations and the whole specification, but for the name of the token's volume.
#[track_caller]
fn same(ours: &Value, servers: &Value) {
    let annotations = |pod: &Value| pod["metadata"]["annotations"].clone();
    assert_eq!(annotations(ours), annotations(servers));
    let (ours, servers) = (&ours["spec"], &unlettered(&servers["spec"]));
    let names = |spec: &Value| -> Vec<String> {
        spec.as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    for field in names(ours).into_iter().chain(names(servers)) {
        let (mine, its) = (tidy(&ours[&field]), tidy(&servers[&field]));
        assert_eq!(mine, its, "spec.{field}\n{ours:#}\n{servers:#}");
    }
}

/// Takes the random letters out of the name of the token's volume.
fn unlettered(spec: &Value) -> Value {
    const NAME: &str = "kube-api-access";
    let mut spec = spec.clone();
    let mut shorten = |value: &mut Value| {
        let name = value["name"].as_str().unwrap_or_default();
        if name.starts_with(NAME) {
            value["name"] = NAME.into();
        }
    };
    for volume in spec["volumes"].as_array_mut().into_iter().flatten() {
        shorten(volume);
    }
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            let mounts = container["volumeMounts"].as_array_mut();
            mounts.into_iter().flatten().for_each(&mut shorten);
        }
    }
    spec
}

/// Takes out what JSON may leave out.
fn tidy(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null() && **value != json!([]) && **value != json!(""))
            .map(|(key, value)| (key.clone(), tidy(value)))
            .collect(),
        Value::Array(list) => list.iter().map(tidy).collect(),
        other => other.clone(),
    }
}

fn generated(suite: &Suite) {
    let _alone = alone();
    let mut dice = Dice::new(SEED + 1);
    let namespace = suite.name("pspgen");
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    eventually("the namespace has its service account", || {
        suite
            .get(&format!("serviceaccount default -n {namespace}"))
            .is_some()
    });
    // Somebody who may make pods and use no policy: only the account's right counts.
    suite
        .admin(&format!(
            "create rolebinding edit --clusterrole=edit --serviceaccount={namespace}:maker -n {namespace}"
        ))
        .run()
        .success();
    let mut admitted = 0;
    for round in 0..12 {
        let name = format!("{namespace}-{round}");
        let count = 1 + dice.below(5);
        let mut pods: Vec<Value> = (0..count)
            .map(|index| old(pod(&mut dice, &format!("p{index}"))))
            .collect();
        for pod in &mut pods {
            pod["metadata"]["namespace"] = json!(namespace);
            // No policy of 1.24 can allow another.
            let text = pod.to_string().replace("Unmasked", "Default");
            *pod = serde_json::from_str(&text).expect("it was JSON");
        }
        let policy = suite
            .admin("psp-advise generate psp --grant -f - --name")
            .args([&name])
            .stdin(&list(&pods))
            .run();
        assert!(policy.code == Some(0) || policy.code == Some(3), "{policy}");
        suite
            .admin("apply --validate=false -f -")
            .stdin(&policy.stdout)
            .run()
            .success();
        std::thread::sleep(Duration::from_millis(500));
        let server = suite
            .admin("create --dry-run=server --validate=false -o json -f -")
            .args(["--as", &format!("system:serviceaccount:{namespace}:maker")])
            .args([
                "--as-group=system:serviceaccounts",
                "--as-group=system:authenticated",
            ])
            .stdin(&list(&pods))
            .run();
        assert!(
            !server.stderr.contains("PodSecurityPolicy: unable"),
            "{policy}\n{server}"
        );
        for document in serde_json::Deserializer::from_str(&server.stdout).into_iter::<Value>() {
            let document = document.expect("kubectl prints JSON");
            let items = document["items"]
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![document]);
            for item in items {
                assert_eq!(
                    item["metadata"]["annotations"]["kubernetes.io/psp"], name,
                    "{item:#}"
                );
                admitted += 1;
            }
        }
        suite
            .admin("delete --wait=true -f -")
            .stdin(&policy.stdout)
            .run()
            .success();
    }
    assert!(admitted > 10, "{admitted}");
}
