use std::sync::Arc;

use kube::core::Status;
use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;
use crate::client::layers::{Failed, TimedOut};

fn api(code: u16, reason: &str, message: &str) -> kube::Error {
    kube::Error::Api(Box::new(Status::failure(message, reason).with_code(code)))
}

/// Everything that a person would read.
fn shown(error: &Error) -> String {
    let mut text = error.headline();
    for detail in error.details() {
        text.push_str(&format!("\n  {detail}"));
    }
    for hint in error.hints() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

fn unreachable(cause: impl StdError + Send + Sync + 'static) -> kube::Error {
    let failed = Failed {
        server: "api:6443".to_owned(),
        proxy: None,
        cause: Box::new(cause),
    };
    kube::Error::Service(Box::new(failed))
}

#[test]
fn doing_reads_as_a_sentence() {
    let doing = Doing::new("update", "certificatesigningrequests.certificates.k8s.io");
    assert_eq!(
        doing.clone().sub("approval").named("alice").to_string(),
        "update certificatesigningrequests.certificates.k8s.io/approval \"alice\""
    );
    assert_eq!(
        Doing::new("list", "pods").within("a").to_string(),
        "list pods in namespace \"a\""
    );
}

#[test]
fn a_missing_right_is_named_with_the_command_that_grants_it() {
    let message = "rolebindings.rbac.authorization.k8s.io \"alice\" is forbidden: User \"bob\" cannot \
                   patch resource \"rolebindings\" in API group \"rbac.authorization.k8s.io\" in the \
                   namespace \"alice\"";
    let doing = Doing::new("create", "rolebindings.rbac.authorization.k8s.io")
        .named("alice")
        .within("alice");
    let error = explain(api(403, "Forbidden", message), &doing);
    insta::assert_snapshot!(shown(&error), @r#"
    Error from server (Forbidden): rolebindings.rbac.authorization.k8s.io "alice" is forbidden: User "bob" cannot patch resource "rolebindings" in API group "rbac.authorization.k8s.io" in the namespace "alice"
      missing: patch rolebindings.rbac.authorization.k8s.io in namespace alice
    hint: someone who may grant this can run: kubectl create role groundcrew-patch-rolebindings --verb=patch --resource=rolebindings.rbac.authorization.k8s.io -n alice && kubectl create rolebinding groundcrew-patch-rolebindings --role=groundcrew-patch-rolebindings --user=bob -n alice
    "#);
}

#[test]
fn a_refusal_of_admission_gets_no_hint_about_rights() {
    let message =
        "pods \"web\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=5";
    let doing = Doing::new("create", "pods").named("web").within("team");
    let error = explain(api(403, "Forbidden", message), &doing);
    assert_eq!(
        shown(&error),
        format!("Error from server (Forbidden): {message}")
    );
}

#[test]
fn the_right_to_approve_is_named_although_no_authorizer_refused() {
    let message = "certificatesigningrequests.certificates.k8s.io \"alice\" is forbidden: user not \
                   permitted to approve requests with signerName \"kubernetes.io/kube-apiserver-client\"";
    let doing =
        Doing::new("update", "certificatesigningrequests.certificates.k8s.io").sub("approval");
    let error = explain(api(403, "Forbidden", message), &doing);
    assert_eq!(
        error.details(),
        [
            "missing: approve signers.certificates.k8s.io \"kubernetes.io/kube-apiserver-client\" cluster-wide"
        ]
    );
    assert!(error.hints()[0].contains("resourceNames: [\"kubernetes.io/kube-apiserver-client\"]"));
}

#[test]
fn an_error_that_does_not_say_what_it_is_about_is_completed() {
    let doing = Doing::new("create", "namespaces").named("alice");
    let error = explain(
        api(500, "InternalError", "etcdserver: leader changed"),
        &doing,
    );
    insta::assert_snapshot!(shown(&error), @r#"
    Error from server (InternalError): etcdserver: leader changed
      while: create namespaces "alice"
    "#);
}

#[test]
fn credentials_that_are_refused_are_said_in_kubectls_words() {
    let error = explain(
        api(401, "Unauthorized", "Unauthorized"),
        &Doing::new("list", "pods"),
    );
    assert_eq!(
        error.headline(),
        "error: You must be logged in to the server (Unauthorized)"
    );
}

#[test]
fn an_invalid_object_lists_every_cause_once() {
    let details = serde_json::json!({"kind": "Pod", "name": "x", "causes": [
        {"field": "spec.a", "message": "Required value"},
        {"field": "spec.b", "message": "Invalid value"},
        {"field": "spec.a", "message": "Required value"},
    ]});
    let status = Status::failure("Pod \"x\" is invalid: [spec.a: …]", "Invalid")
        .with_code(422)
        .with_details(serde_json::from_value(details).unwrap());
    let error = explain(
        kube::Error::Api(Box::new(status)),
        &Doing::new("create", "pods"),
    );
    insta::assert_snapshot!(shown(&error), @r#"
    The Pod "x" is invalid:
      * spec.a: Required value
      * spec.b: Invalid value
    "#);
}

#[test]
fn an_answer_of_somebody_else_is_not_printed_as_a_page() {
    let foreign = "Failed to parse error data";
    let doing = Doing::new("list", "pods");
    let page = explain(api(502, foreign, "<html>\n<body>Bad Gateway"), &doing);
    assert_eq!(
        page.headline(),
        "Error from server (502): the answer (502) did not come from a Kubernetes API server"
    );
    let text = explain(api(503, foreign, "no healthy upstream"), &doing);
    assert_eq!(
        text.headline(),
        "Error from server (ServiceUnavailable): no healthy upstream"
    );
}

#[test]
fn the_kind_follows_the_answer() {
    let table = [
        (409, "AlreadyExists", Kind::Conflict),
        (409, "Conflict", Kind::Conflict),
        (408, "", Kind::TimedOut),
        (504, "Timeout", Kind::TimedOut),
        (403, "Forbidden", Kind::Failed),
        (404, "NotFound", Kind::Failed),
        (429, "TooManyRequests", Kind::Failed),
    ];
    for (code, reason, kind) in table {
        let error = explain(api(code, reason, "m"), &Doing::new("get", "pods"));
        assert_eq!(error.kind(), kind, "{code} {reason}");
    }
}

#[test]
fn no_text_is_said_twice() {
    let error = explain(
        api(404, "NotFound", "pods \"a\" not found"),
        &Doing::new("get", "pods"),
    );
    assert_eq!(
        shown(&error),
        "Error from server (NotFound): pods \"a\" not found"
    );
    let io = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "reset");
    let error = explain(unreachable(io), &Doing::new("get", "pods"));
    assert_eq!(
        shown(&error),
        "Unable to connect to the server: api:6443 closed the connection"
    );
}

#[test]
fn a_refused_connection_names_who_refused() {
    let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let error = explain(unreachable(refused()), &Doing::default());
    assert_eq!(
        error.headline(),
        "The connection to the server api:6443 was refused - did you specify the right host or port?"
    );
    let proxied = Failed {
        server: "api:6443".to_owned(),
        proxy: Some("proxy:3128".to_owned()),
        cause: Box::new(refused()),
    };
    let error = explain(kube::Error::Service(Box::new(proxied)), &Doing::default());
    assert!(
        error
            .headline()
            .contains("the proxy proxy:3128 was refused"),
        "{}",
        error.headline()
    );
}

#[test]
fn certificate_errors_are_go_s_words_with_what_to_do() {
    let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let table = [
        (
            CertificateError::UnknownIssuer,
            "x509: certificate signed by unknown authority",
            "--certificate-authority=FILE",
        ),
        (
            CertificateError::ExpiredContext {
                time: at(1_700_000_000),
                not_after: at(1_600_000_000),
            },
            "x509: certificate has expired or is not yet valid: current time 2023-11-14T22:13:20Z is \
             after 2020-09-13T12:26:40Z",
            "date -u",
        ),
        (
            CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("10.0.0.9").unwrap(),
                presented: vec![
                    "DnsName(\"api.internal\")".into(),
                    "IpAddress(10.0.0.1)".into(),
                ],
            },
            "x509: certificate is valid for api.internal, 10.0.0.1, not 10.0.0.9",
            "--tls-server-name=api.internal",
        ),
    ];
    for (certificate, text, hint) in table {
        // As the connector hands it over: inside of an I/O error.
        let tls = rustls::Error::InvalidCertificate(certificate);
        let error = explain(unreachable(std::io::Error::other(tls)), &Doing::default());
        let expected =
            format!("Unable to connect to the server: tls: failed to verify certificate: {text}");
        assert_eq!(error.headline(), expected);
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
    }
    let other = rustls::Error::Other(rustls::OtherError(Arc::new(std::fmt::Error)));
    let error = explain(unreachable(std::io::Error::other(other)), &Doing::default());
    assert!(
        error
            .headline()
            .starts_with("Unable to connect to the server: tls: ")
    );
}

#[test]
fn a_write_without_an_answer_is_incomplete_and_not_a_failure() {
    let cause = Failed {
        server: "api:6443".to_owned(),
        proxy: None,
        cause: Box::new(TimedOut(std::time::Duration::from_secs(5))),
    };
    let unknown = OutcomeUnknown {
        method: http::Method::POST,
        cause: Box::new(cause),
    };
    let doing = Doing::new("create", "namespaces").named("alice");
    let error = explain(kube::Error::Service(Box::new(unknown)), &doing);
    assert_eq!(error.kind(), Kind::Incomplete);
    insta::assert_snapshot!(shown(&error), @r#"
    error: no answer to a POST that was sent: no answer within 5s
      while: create namespaces "alice"
      the server may have carried it out, or not
    hint: run the same command again: it looks at what is there first
    "#);
}
