use std::path::Path;

use clap::Parser;
use secrecy::ExposeSecret;

use super::*;

const CONFIG: &str = "
current-context: one
contexts:
- {name: one, context: {cluster: a, user: u, namespace: team}}
- {name: two, context: {cluster: b}}
- {name: dangling, context: {cluster: gone, user: gone}}
- {name: nobody, context: {cluster: a, user: gone}}
clusters:
- name: a
  cluster:
    server: https://a
    certificate-authority-data: Y2E=
    tls-server-name: a.internal
    insecure-skip-tls-verify: false
- {name: b, cluster: {server: 'https://b', insecure-skip-tls-verify: true}}
- {name: both, cluster: {server: 'https://c', insecure-skip-tls-verify: true, certificate-authority: ca}}
users:
- name: u
  user:
    exec: {command: login}
    client-certificate-data: Yw==
    client-key-data: aw==
- {name: basic, user: {username: n, password: p}}
- {name: v, user: {token: t, as-groups: [g], as: somebody}}
";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    kube: KubeArgs,
}

fn chosen(line: &str) -> Result<Option<Target>> {
    let words = std::iter::once("p").chain(line.split_whitespace());
    let args = Cli::try_parse_from(words).unwrap().kube;
    choose(
        &super::super::kubeconfig::parse(CONFIG, Path::new("test")).unwrap(),
        &args,
    )
}

fn target(line: &str) -> Target {
    chosen(line).unwrap().unwrap()
}

#[test]
fn flags_choose_entries_over_the_context() {
    let plain = target("");
    assert_eq!(plain.context.as_deref(), Some("one"));
    assert_eq!(
        (plain.cluster_name.as_str(), plain.user_name.as_deref()),
        ("a", Some("u"))
    );
    assert_eq!(plain.namespace.as_deref(), Some("team"));
    let other = target("--context=two --user=v");
    assert_eq!(
        (other.cluster_name.as_str(), other.user_name.as_deref()),
        ("b", Some("v"))
    );
    assert_eq!(
        target("--cluster=b").cluster.server.as_deref(),
        Some("https://b")
    );
    assert_eq!(
        target("--context=").context.as_deref(),
        Some("one"),
        "empty is not given"
    );
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let table = [
        ("--context=x", "context", "dangling, nobody, one, two"),
        ("--cluster=x", "cluster", "a, b, both"),
        ("--user=x", "user", "basic, u, v"),
        ("--context=dangling", "cluster", "a, b, both"),
    ];
    for (line, what, known) in table {
        let error = chosen(line).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("{what} \"")),
            "{line}: {error}"
        );
        assert_eq!(
            error.details(),
            [format!("known {what}s: {known}")],
            "{line}"
        );
    }
}

#[test]
fn a_context_whose_user_is_gone_goes_without_credentials() {
    let target = target("--context=nobody");
    assert_eq!(target.user_name.as_deref(), Some("gone"));
    assert!(target.user.exec.is_none() && target.user.token.is_none());
}

#[test]
fn a_server_alone_is_enough() {
    let empty = Kubeconfig::default();
    let args = KubeArgs {
        server: Some("https://x".to_owned()),
        ..KubeArgs::default()
    };
    let target = choose(&empty, &args).unwrap().unwrap();
    assert_eq!(target.cluster.server.as_deref(), Some("https://x"));
    assert!(choose(&empty, &KubeArgs::default()).unwrap().is_none());
}

#[test]
fn flags_about_the_server_replace_all_that_the_file_says_about_trust() {
    let authority = target("--certificate-authority=own.crt").cluster;
    assert_eq!(authority.certificate_authority.as_deref(), Some("own.crt"));
    assert_eq!(authority.certificate_authority_data, None);
    let insecure = target("--insecure-skip-tls-verify").cluster;
    assert_eq!(insecure.insecure_skip_tls_verify, Some(true));
    assert_eq!(insecure.certificate_authority_data, None);
    let trusted = target("--cluster=b --certificate-authority=own.crt").cluster;
    assert_eq!(trusted.insecure_skip_tls_verify, Some(false));
}

#[test]
fn the_files_server_name_does_not_outlive_its_server() {
    assert_eq!(
        target("").cluster.tls_server_name.as_deref(),
        Some("a.internal")
    );
    assert_eq!(target("--server=https://x").cluster.tls_server_name, None);
    let both = target("--server=https://x --tls-server-name=y").cluster;
    assert_eq!(both.tls_server_name.as_deref(), Some("y"));
}

#[test]
fn trusting_nobody_and_somebody_at_once_is_refused() {
    let flags = chosen("--insecure-skip-tls-verify --certificate-authority=x").unwrap_err();
    assert_eq!(flags.kind(), crate::error::Kind::Usage);
    let file = chosen("--cluster=both").unwrap_err();
    assert!(file.to_string().contains("exclude each other"), "{file}");
    assert!(chosen("--cluster=both --insecure-skip-tls-verify").is_ok());
}

#[test]
fn a_token_replaces_every_other_source_of_tokens_and_passwords() {
    let user = target("--token=mine").user;
    assert_eq!(user.token.unwrap().expose_secret(), "mine");
    assert!(user.exec.is_none());
    assert!(
        user.client_certificate_data.is_some(),
        "client-go keeps the certificate"
    );
    assert!(target("--user=basic --token=mine").user.username.is_none());
}

#[test]
fn certificate_flags_replace_the_files_data() {
    let user = target("--client-certificate=c --client-key=k").user;
    assert_eq!(user.client_certificate.as_deref(), Some("c"));
    assert_eq!(user.client_key.as_deref(), Some("k"));
    assert!(user.client_certificate_data.is_none() && user.client_key_data.is_none());
}

#[test]
fn impersonation_is_taken_from_the_flags_and_needs_a_user() {
    let line =
        "--as=eve --as-uid=7 --as-group=a --as-group=b --as-user-extra=k=1 --as-user-extra=k=2";
    let user = target(line).user;
    assert_eq!(user.impersonate.as_deref(), Some("eve"));
    assert_eq!(user.impersonate_uid.as_deref(), Some("7"));
    assert_eq!(user.impersonate_groups.unwrap(), ["a", "b"]);
    assert_eq!(user.impersonate_user_extra.unwrap()["k"], ["1", "2"]);
    assert_eq!(
        target("--user=v --as=eve").user.impersonate_groups.unwrap(),
        ["g"]
    );
    for line in ["--as-group=a", "--as-uid=7", "--as-user-extra=k=1"] {
        assert_eq!(
            chosen(line).unwrap_err().kind(),
            crate::error::Kind::Usage,
            "{line}"
        );
    }
}
