//! A claimer who sends requests on several connections at once, to win by timing what the guard
//! refuses one by one: rights in a claim that no entry of the index counts.

use std::time::Duration;

use groundcrew::client::{self, Product, Session};
use groundcrew::flags::KubeArgs;
use groundcrew::ui::{ColorChoice, Ui};
use harness::{Case, Need, Suite, moment};
use serde_json::{Value, json};

use crate::ns_claim_guard::{binding, namespace, user};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new("no_claimer_wins_a_claim_without_an_entry", needs, duel),
        Case::new(
            "no_claimer_wins_against_the_reaper_that_frees",
            needs,
            freed,
        ),
    ]
}

/// Names that one wave of a duel with the reaper is about.
const WAVE: usize = 10;
/// The index.
const INDEX: &str = "/api/v1/namespaces/groundcrew-system/configmaps/claims";

/// Rounds of the duel; `GROUNDCREW_DUEL_ROUNDS` asks for more.
fn rounds() -> usize {
    let asked = std::env::var("GROUNDCREW_DUEL_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// One claimer on one connection of their own.
struct Connection {
    session: Session,
}

impl Connection {
    /// Connects to the API server, or, for every other connection, to a second one where
    /// `GROUNDCREW_DUEL_SECOND` has the address of one that shares the first one's etcd.
    async fn open(suite: &Suite, user: &str, number: usize) -> Self {
        let second = std::env::var("GROUNDCREW_DUEL_SECOND").ok();
        let args = KubeArgs {
            kubeconfig: Some(suite.cluster().kubeconfig().to_owned()),
            server: second.filter(|_| number % 2 == 1),
            impersonate: Some(user.to_owned()),
            // What a certificate of `onboard --claims` has.
            impersonate_groups: vec![
                "groundcrew:claimers".to_owned(),
                "system:authenticated".to_owned(),
            ],
            ..KubeArgs::default()
        };
        let ui = Ui::new(ColorChoice::Never);
        let session = client::connect(&args, &Product::new("ns-claim"), &ui)
            .await
            .expect("a connection");
        Self { session }
    }

    /// Sends one request; says whether the server took it.
    async fn send(&self, method: &str, path: &str, body: &Value) -> bool {
        let content = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .body(body.to_string().into_bytes())
            .expect("a request");
        let sent = self.session.client.request::<Value>(request).await;
        sent.is_ok()
    }

    async fn entry(&self, name: &str, user: Option<&str>) -> bool {
        let body = json!({"data": {name: user}});
        self.send("PATCH", INDEX, &body).await
    }

    async fn make(&self, name: &str, user: &str, dry: bool) -> bool {
        let path = match dry {
            true => "/api/v1/namespaces?dryRun=All",
            false => "/api/v1/namespaces",
        };
        let object = namespace(name, user, &moment(7200));
        self.send("POST", path, &object).await
    }

    async fn bind(&self, name: &str, owner: &str) -> bool {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{name}/rolebindings");
        let object = binding(name, "groundcrew:claim-owner", &user(owner));
        self.send("POST", &path, &object).await
    }
}

/// Returns those that are there as claims and that no entry of the index counts.
fn uncounted(suite: &Suite, names: &[String]) -> Vec<String> {
    let found = suite.get("namespaces -l groundcrew.dev/claim=true");
    let found = found.expect("a list")["items"].clone();
    let index = suite.get("configmap claims -n groundcrew-system");
    let data = index.expect("the index")["data"].clone();
    let items = found.as_array().cloned().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .filter(|name| names.iter().any(|own| own == name))
        .filter(|name| data[*name].is_null() && data[format!("{name}.closing")].is_null())
        .map(str::to_owned)
        .collect()
}

fn clear(suite: &Suite, names: &[String]) {
    let gone = format!(
        "delete namespace --ignore-not-found --wait=false {}",
        names.join(" ")
    );
    suite.admin(&gone).run().success();
    let removed: serde_json::Map<String, Value> = names
        .iter()
        .flat_map(|name| [name.clone(), format!("{name}.closing")])
        .map(|name| (name, Value::Null))
        .collect();
    let patch = suite.admin("patch configmap claims -n groundcrew-system --type merge");
    let patch = patch.args([format!("--patch={}", json!({"data": removed}))]);
    patch.run().success();
}

#[expect(
    clippy::print_stdout,
    reason = "how the rounds ended is the figure that a long run is for"
)]
fn duel(suite: &Suite) {
    let _claims = suite.claims_alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mallory = suite.name("mallory");
    let (mut won, mut made, mut sent) = (Vec::new(), 0, 0);
    let mut names = Vec::new();
    runtime.block_on(async {
        let connections: Vec<Connection> = {
            let mut open = Vec::new();
            for number in 0..4 {
                open.push(Connection::open(suite, &mallory, number).await);
            }
            open
        };
        let [a, b, c, d] = connections.as_slice() else {
            panic!("four connections")
        };
        for round in 0..rounds() {
            let name = format!("{mallory}-{round}");
            names.push(name.clone());
            sent += 1;
            assert!(a.entry(&name, Some(&mallory)).await, "her own entry");
            // Both of the servers that are asked know the entry.
            for one in [a, b] {
                while !one.make(&name, &mallory, true).await {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            let late = |millis: u64| tokio::time::sleep(Duration::from_millis(millis));
            let remove = async {
                late(2 + (round as u64 % 7)).await;
                b.entry(&name, None).await
            };
            let again = async {
                late(4 + (round as u64 % 5)).await;
                d.entry(&name, None).await
            };
            let bound = async {
                for _ in 0..8 {
                    if c.bind(&name, &mallory).await {
                        return true;
                    }
                }
                false
            };
            let (new, ..) = tokio::join!(a.make(&name, &mallory, false), bound, remove, again);
            made += usize::from(new);
            // The cap holds three; the admin clears away what stands, as a user's time would.
            if round % 3 == 2 || round + 1 == rounds() {
                won.extend(uncounted(suite, &names));
                clear(suite, &names);
                names.clear();
            }
        }
    });
    println!("{sent} rounds: {made} namespaces made, {} won", won.len());
    assert_eq!(made, sent, "each round is one of a claim that was made");
    assert!(won.is_empty(), "without an entry: {won:?}");
}

/// The reaper frees places of claims that are gone, and each of their owners tries without a pause to
/// make the namespace again.
fn freed(suite: &Suite) {
    let _claims = suite.claims_alone();
    let names: Vec<String> = (0..WAVE).map(|_| suite.name("phoenix")).collect();
    for name in &names {
        let _ = suite.claim(name, &format!("{name} --ttl 2h"));
    }
    let _ = suite.reap("");
    let gone = format!("delete namespace {}", names.join(" "));
    suite.admin(&gone).run().success();
    let reap = suite.admin("ns-claim reap --yes -o json");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let made = runtime.block_on(async {
        let reaper = tokio::task::spawn_blocking(move || reap.run());
        let mut tries = 0;
        let mut made = Vec::new();
        let mut connections = Vec::new();
        for (number, name) in names.iter().enumerate() {
            connections.push((name, Connection::open(suite, name, number).await));
        }
        while !reaper.is_finished() {
            for (number, (name, connection)) in connections.iter().enumerate() {
                // Some come at once, and some as late as they can.
                if tries >= number * 40 && connection.make(name, name, false).await {
                    let _ = connection.bind(name, name).await;
                    made.push((*name).clone());
                }
            }
            tries += 1;
        }
        let run = reaper.await.expect("the reaper");
        assert!(matches!(run.code, Some(0 | 3)), "{run}");
        made
    });
    assert!(!made.is_empty(), "nobody ever made it again");
    assert_eq!(
        uncounted(suite, &names),
        Vec::<String>::new(),
        "{made:?} were made"
    );
    clear(suite, &names);
}
