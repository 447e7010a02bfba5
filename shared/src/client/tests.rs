use std::path::Path;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::client::access::{self, Access};
use crate::client::errors::{Doing, explain};
use crate::client::fixture::{self, Heard, Seen};

const PRODUCT: Product = Product {
    plugin: "onboard",
    version: "0.1.0",
};

async fn session(document: &[u8], ui: &Ui) -> Result<Session> {
    from_kubeconfig(
        document,
        Path::new("alice.kubeconfig"),
        Tuning::default(),
        &PRODUCT,
        ui,
    )
    .await
}

fn empty_list(_: &Seen) -> (u16, Value) {
    (
        200,
        json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": []}),
    )
}

async fn list(session: &Session) -> kube::Result<()> {
    let api: Api<Namespace> = Api::all(session.client.clone());
    api.list(&ListParams::default()).await.map(drop)
}

#[tokio::test]
async fn a_session_knows_its_place_and_counts_its_requests() {
    let api = fixture::Api::tls(empty_list).await;
    let session = session(
        &api.kubeconfig(&json!({"token": "t"})),
        &Heard::default().ui(),
    )
    .await
    .unwrap();
    assert_eq!(session.namespace, "team");
    assert!(!session.namespace_is_explicit);
    assert_eq!(
        (session.cluster.as_str(), session.user_entry.as_deref()),
        ("k", Some("u"))
    );
    assert_eq!(session.endpoint.server, format!("https://{}", api.address));
    let authority = session.endpoint.certificate_authority.clone().unwrap();
    assert_eq!(Some(String::from_utf8(authority).unwrap()), api.authority);
    list(&session).await.unwrap();
    list(&session).await.unwrap();
    assert_eq!(session.requests(), 2);
}

#[tokio::test]
async fn the_server_sees_the_name_of_the_plugin_the_credential_and_who_is_impersonated() {
    let api = fixture::Api::tls(empty_list).await;
    let user = json!({"token": "hunter2", "as": "eve", "as-groups": ["dev"]});
    list(
        &session(&api.kubeconfig(&user), &Heard::default().ui())
            .await
            .unwrap(),
    )
    .await
    .unwrap();
    let seen = &api.seen()[0];
    let agent = seen.header("user-agent").unwrap();
    assert!(agent.starts_with("kubectl-onboard/0.1.0 ("), "{agent}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(agent.ends_with("(linux/amd64)"), "{agent}");
    }
    assert_eq!(seen.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(seen.header("impersonate-user"), Some("eve"));
    assert_eq!(seen.header("impersonate-group"), Some("dev"));
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_clear() {
    let api = fixture::Api::plain(empty_list).await;
    let user = json!({"token": "hunter2"});
    list(
        &session(&api.kubeconfig(&user), &Heard::default().ui())
            .await
            .unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(api.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn no_credential_and_no_body_is_logged_at_any_level() {
    let heard = Heard::default();
    let log = heard.clone();
    // The filter of the frame: our own targets, everything they say.
    let targets = tracing_subscriber::filter::Targets::new()
        .with_target("groundcrew", tracing_subscriber::filter::LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || log.clone());
    let subscriber = tracing_subscriber::registry().with(targets).with(lines);
    // With one dispatcher alone, a place in the code that another test's thread reaches first is
    // taken to interest nobody (`tracing_core::callsite::dispatchers::Rebuilder::JustOne`).
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let refuse = |_: &Seen| {
        (
            401,
            json!({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "bodytext"}),
        )
    };
    let api = fixture::Api::tls(refuse).await;
    let user = json!({"token": "hunter2", "username": "", "as": "eve"});
    let session = session(&api.kubeconfig(&user), &heard.ui()).await.unwrap();
    let error = list(&session).await.unwrap_err();
    let error = explain(error, &Doing::new("list", "namespaces"));
    heard.ui().error(&error);
    let text = heard.text();
    assert!(
        text.contains("GET /api/v1/namespaces 401 in "),
        "the request is logged: {text}"
    );
    assert!(
        !text.contains("hunter2") && !text.contains("Bearer"),
        "{text}"
    );
    assert!(
        !text
            .lines()
            .any(|line| line.contains("DEBUG") && line.contains("bodytext")),
        "{text}"
    );
    assert!(!format!("{session:?} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_document_that_points_elsewhere_does_not_stand_alone() {
    let api = fixture::Api::tls(empty_list).await;
    let table = [
        (json!({"tokenFile": "/t"}), "tokenFile"),
        (json!({"client-certificate": "/c"}), "client-certificate"),
        (json!({"client-key": "/k"}), "client-key"),
        (json!({"exec": {"command": "x"}}), "exec"),
        (json!({"auth-provider": {"name": "oidc"}}), "auth-provider"),
    ];
    for (user, field) in table {
        let error = session(&api.kubeconfig(&user), &Heard::default().ui())
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("alice.kubeconfig is not self-contained"),
            "{text}"
        );
        assert!(text.ends_with(field), "{text}");
    }
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn warnings_end_a_run_only_when_they_are_errors() {
    let api = fixture::Api::plain(empty_list).await;
    let document = api.kubeconfig(&json!({}));
    let mut session = session(&document, &Heard::default().ui()).await.unwrap();
    session.warnings_as_errors = true;
    assert!(session.finish().is_ok());
    session.counters.add_warning_for_test();
    assert_eq!(
        session.finish().unwrap_err().headline(),
        "error: 1 warning received"
    );
    session.counters.add_warning_for_test();
    assert_eq!(
        session.finish().unwrap_err().headline(),
        "error: 2 warnings received"
    );
    session.warnings_as_errors = false;
    assert!(session.finish().is_ok());
}

#[test]
fn an_address_is_read_as_client_go_reads_it() {
    let table = [
        ("https://h:6443", Some("https://h:6443/")),
        ("h:8080", Some("http://h:8080/")),
        (
            "https://h/k8s/clusters/c-1",
            Some("https://h/k8s/clusters/c-1"),
        ),
        ("ftp://h", None),
        ("https://", None),
        ("https://a b", None),
    ];
    for (text, expected) in table {
        let uri = server_uri(text).ok().map(|uri| uri.to_string());
        assert_eq!(uri.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_certificate_authority_without_a_certificate_is_refused() {
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in ["", "text", key] {
        let error = certificates(pem.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("no PEM certificate"), "{error}");
    }
}

/// A server that lists `everywhere` and `team` as rules and grants `asked` when asked.
fn authorizer(
    everywhere: Value,
    team: Value,
    asked: &'static [&'static str],
) -> impl Fn(&Seen) -> (u16, Value) + Send + Sync {
    move |seen| {
        let kind = seen.body["kind"].as_str().unwrap_or_default().to_owned();
        let rules = match seen.body["spec"]["namespace"].as_str() {
            Some("team") => &team,
            _ => &everywhere,
        };
        let verb = seen.body["spec"]["resourceAttributes"]["verb"]
            .as_str()
            .unwrap_or_default();
        let status = match kind.as_str() {
            "SelfSubjectRulesReview" => json!({
                "resourceRules": rules, "nonResourceRules": [], "incomplete": false
            }),
            _ => json!({ "allowed": asked.contains(&verb) }),
        };
        (
            201,
            json!({"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": {}, "status": status}),
        )
    }
}

async fn missing(api: &fixture::Api, wanted: &[Access]) -> (Vec<Access>, u64) {
    let session = session(&api.kubeconfig(&json!({})), &Heard::default().ui())
        .await
        .unwrap();
    let missing = access::missing(&session, wanted).await.unwrap();
    (missing, session.requests())
}

fn wanted() -> Vec<Access> {
    vec![
        Access::new("create", "namespaces"),
        Access::new("get", "secrets").within("team"),
        Access::new("list", "secrets").within("team"),
        Access::new("watch", "secrets").within("team"),
        Access::new("create", "namespaces"),
    ]
}

fn all() -> Value {
    json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
}

#[tokio::test]
async fn a_cluster_administrator_costs_one_request() {
    let api = fixture::Api::plain(authorizer(all(), json!([]), &[])).await;
    assert_eq!(missing(&api, &wanted()).await, (vec![], 1));
}

#[tokio::test]
async fn what_a_role_in_a_namespace_grants_is_not_taken_for_cluster_wide() {
    // Everything in the namespace: still nobody who may create namespaces.
    let api = fixture::Api::plain(authorizer(json!([]), all(), &[])).await;
    let (missing, requests) = missing(&api, &wanted()).await;
    assert_eq!(missing, [Access::new("create", "namespaces")]);
    assert_eq!(requests, 3, "two lists of rules and one question");
    let asked = &api.seen()[0].body["spec"]["namespace"];
    assert!(
        asked.as_str().unwrap().contains('.'),
        "no namespace can have the name {asked}"
    );
}

#[tokio::test]
async fn an_authorizer_that_lists_no_rules_is_asked_for_each_right() {
    let api = fixture::Api::plain(authorizer(json!([]), json!([]), &["create", "list"])).await;
    let (missing, requests) = missing(&api, &wanted()).await;
    let secrets = |verb| Access::new(verb, "secrets").within("team");
    assert_eq!(missing, [secrets("get"), secrets("watch")]);
    assert_eq!(requests, 2 + 4);
}

#[tokio::test]
async fn an_older_server_says_who_one_is_through_the_beta() {
    let api = fixture::Api::plain(|seen| match seen.path.as_str() {
        "/apis/authentication.k8s.io/v1beta1/selfsubjectreviews" => (
            201,
            json!({"status": {"userInfo": {"username": "bob", "groups": ["dev"]}}}),
        ),
        _ => (
            404,
            json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "no"}),
        ),
    })
    .await;
    let session = session(&api.kubeconfig(&json!({})), &Heard::default().ui())
        .await
        .unwrap();
    let me = access::who_am_i(&session).await.unwrap();
    assert_eq!(
        (me.username.as_str(), me.groups),
        ("bob", vec!["dev".to_owned()])
    );
    assert_eq!(api.seen()[0].method, "POST");
}

#[tokio::test]
async fn what_kubectl_refuses_of_a_user_with_a_password_is_refused() {
    let api = fixture::Api::tls(empty_list).await;
    let ui = Heard::default().ui();
    let both = json!({"username": "u", "password": "p", "token": "hunter2"});
    let error = session(&api.kubeconfig(&both), &ui).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("username/password or bearer token may be set, but not both"),
        "{error}"
    );
    let alone = json!({"username": "u"});
    list(&session(&api.kubeconfig(&alone), &ui).await.unwrap())
        .await
        .unwrap();
    // "u:" in base64: a password that is not there is an empty one.
    assert_eq!(api.seen()[0].header("authorization"), Some("Basic dTo="));
}

#[test]
fn a_bundle_of_authorities_is_read_around_what_is_broken() {
    let good = rcgen::generate_simple_self_signed(["a".to_owned()])
        .unwrap()
        .cert
        .pem();
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for bundle in [
        format!("{good}{broken}"),
        format!("{broken}{good}"),
        format!("{no_certificate}text\n{good}-----BEGIN X-----\n"),
    ] {
        assert_eq!(
            certificates(bundle.as_bytes()).unwrap().len(),
            1,
            "{bundle}"
        );
    }
    assert!(certificates(broken.as_bytes()).is_err());
}
