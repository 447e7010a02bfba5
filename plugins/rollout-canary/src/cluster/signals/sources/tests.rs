use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::fetch::refusal;
use crate::cluster::signals::sources::{Counts, REQUESTS, Sources, samples};
use crate::model::pod::Pod;
use crate::model::verdict::asked::Options;
use crate::model::verdict::settings::{Indicator, Unit};

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn refused(options: &Options) -> String {
    Sources::new(options).unwrap_err().to_string()
}

#[test]
fn flags_that_do_not_go_together_are_refused_before_anything_is_asked() {
    let lone = Options {
        bad: text("r"),
        ..Options::default()
    };
    assert!(refused(&lone).contains("need a source"));
    let half = Options {
        scrape: text(":8080"),
        bad: text("r"),
        ..Options::default()
    };
    assert!(refused(&half).contains("--total is missing"));
    let both = Options {
        prometheus: text("svc:a/b:1"),
        ..half.clone()
    };
    assert!(refused(&both).contains("cannot be combined"));
    let expression = Options {
        total: text("sum(r)"),
        ..half
    };
    assert!(refused(&expression).contains("--scrape supports selectors only"));
}

#[test]
fn kubernetes_is_always_asked_and_metrics_add_an_indicator() {
    let plain = Sources::new(&Options::default()).unwrap();
    assert_eq!(plain.indicators().len(), 4);
    let scraped = Options {
        scrape: text(":8080"),
        bad: text(r#"r{code="500"}"#),
        total: text("r"),
        ..Options::default()
    };
    let indicators = Sources::new(&scraped).unwrap().indicators();
    assert_eq!(indicators[4], Indicator::new(REQUESTS, Unit::Requests));
}

#[test]
fn an_arm_without_counts_is_a_reason_and_a_foreign_pod_is_left_out() {
    let pod = |name: &str, hash: &str| -> Pod {
        let pod: serde_json::Result<Pod> =
            serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": [
            {"apiVersion": "", "kind": "", "name": "", "uid": hash, "controller": true}]}}));
        pod.unwrap()
    };
    let pods = [pod("a", "old"), pod("b", "new")];
    let arms = Arms::by_owner("shop", &pods, "old", "new");
    let count = |pods: &[&str]| -> Counts {
        pods.iter()
            .map(|pod| ((*pod).to_owned(), (9.0, 1.0)))
            .collect()
    };
    let now = Timestamp::UNIX_EPOCH;
    let found = samples(&arms, &count(&["a", "b", "c"]), now).unwrap();
    assert_eq!(found.len(), 2);
    let why = samples(&arms, &count(&["a"]), now).unwrap_err();
    assert_eq!(why, "--total finds no series of the canary pods");
}

#[test]
fn a_refusal_is_the_servers_message_or_its_status() {
    let body = json!({"kind": "Status", "message": "pods \"a\" not found"}).to_string();
    assert_eq!(
        refusal(StatusCode::NOT_FOUND, &body),
        "answered 404: pods \"a\" not found"
    );
    let page = refusal(StatusCode::BAD_GATEWAY, "<html>\nx");
    assert_eq!(page, "answered 502 Bad Gateway: <html>");
    assert_eq!(
        refusal(StatusCode::BAD_GATEWAY, ""),
        "answered 502 Bad Gateway"
    );
}
