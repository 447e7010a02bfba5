use http::StatusCode;
use serde_json::json;

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::prometheus::{Endpoint, Query, read};
use crate::model::pod::Pod;

fn vector(result: serde_json::Value) -> String {
    json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
}

fn pods() -> Vec<Pod> {
    let pod = |name: &str, stem: serde_json::Value, hash: &str| {
        let pod: serde_json::Result<Pod> = serde_json::from_value(json!({"metadata": {
            "name": name, "uid": name, "generateName": stem, "ownerReferences": [
                {"apiVersion": "", "kind": "", "name": "", "uid": hash, "controller": true}]}}));
        pod.unwrap()
    };
    vec![
        pod("my.web-old-aaaaa", json!("my.web-old-"), "old"),
        pod("my.web-old-bbbbb", json!("my.web-old-"), "old"),
        pod("my.web-new-ccccc", json!(null), "new"),
    ]
}

#[test]
fn one_query_asks_for_both_arms_by_pod_name() {
    let pods = pods();
    let arms = Arms::by_owner("shop", &pods, "old", "new");
    let selector = Query::parse("--bad", r#"r{code=~"5.."}"#).unwrap();
    assert_eq!(
        selector.render(&arms, "pod"),
        r#"sum by (pod) (r{code=~"5..",namespace="shop",pod=~"my[.]web-new-ccccc|my[.]web-old-.+"})"#
    );
    let template = Query::parse(
        "--bad",
        r#"sum by (k) (r{k=~"{{pods}}",ns="{{namespace}}"})"#,
    );
    assert_eq!(
        template.unwrap().render(&arms, "k"),
        r#"sum by (k) (r{k=~"my[.]web-new-ccccc|my[.]web-old-.+",ns="shop"})"#
    );
}

#[test]
fn rates_and_queries_without_pods_are_refused_with_an_example() {
    let refused = |text: &str| Query::parse("--bad", text).unwrap_err().to_string();
    assert!(refused("sum(rate(r{pod=~\"{{pods}}\"}[5m]))").contains("rate() is not a counter"));
    assert!(refused("increase (r[5m])").contains("increase() is not a counter"));
    assert!(refused("sum(r)").contains("{{pods}}"));
    assert!(Query::parse("--bad", "sum(error_rate{pod=~\"{{pods}}\"}) by (pod)").is_ok());
}

#[test]
fn an_answer_gives_one_count_per_pod() {
    let body = vector(json!([
        {"metric": {"pod": "a", "code": "500"}, "value": [1_800_000_000.25, "3"]},
        {"metric": {"pod": "a", "code": "503"}, "value": [1_800_000_000.25, "2"]},
        {"metric": {"pod": "b"}, "value": [1_800_000_000.25, "0"]},
    ]));
    let counters = read(StatusCode::OK, &body, "pod").unwrap();
    assert_eq!(counters.by_pod["a"], 5.0);
    assert_eq!(counters.by_pod["b"], 0.0);
    assert_eq!(counters.at.as_deref(), Some("1800000000.25"));
    let empty = read(StatusCode::OK, &vector(json!([])), "pod").unwrap();
    assert!(empty.by_pod.is_empty());
}

#[test]
fn every_other_answer_is_a_reason_and_never_a_count() {
    let value = |text: &str| vector(json!([{"metric": {"pod": "a"}, "value": [1, text]}]));
    let cases = [
        (200, value("NaN"), "pod a has the value NaN"),
        (200, value("+Inf"), "pod a has the value +Inf"),
        (
            200,
            vector(json!([{"metric": {}, "value": [1, "2"]}])),
            "without the label pod",
        ),
        (
            200,
            json!({"status": "success", "data": {"resultType": "matrix", "result": []}})
                .to_string(),
            "a matrix",
        ),
        (
            400,
            json!({"status": "error", "errorType": "bad_data", "error": "parse error"}).to_string(),
            "parse error",
        ),
        (
            503,
            json!({"kind": "Status", "message": "no endpoints available for service \"p\""})
                .to_string(),
            "no endpoints available",
        ),
        (
            403,
            json!({"kind": "Status", "message": "services \"p\" is forbidden"}).to_string(),
            "forbidden",
        ),
        (502, "<html>".to_owned(), "502 Bad Gateway"),
        (200, "<html>".to_owned(), "not Prometheus' JSON"),
    ];
    for (code, body, expected) in cases {
        let why = read(StatusCode::from_u16(code).unwrap(), &body, "pod").unwrap_err();
        assert!(why.contains(expected), "{code}: {why}");
    }
}

#[test]
fn a_place_is_a_service_or_a_url_and_shows_no_password() {
    let service = Endpoint::parse("svc:monitoring/prometheus:9090/prom/").unwrap();
    assert_eq!(service.to_string(), "service/prometheus:9090 in monitoring");
    assert!(matches!(service, Endpoint::Service { prefix, .. } if prefix == "/prom"));
    for text in [
        "prometheus",
        "svc:prometheus:9090",
        "svc:a/b",
        "svc:a/b:../c:1",
        "ftp://x",
        "",
    ] {
        assert!(Endpoint::parse(text).is_err(), "{text}");
    }
    let error = Endpoint::parse("http://me:secret@prometheus:9090").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}
