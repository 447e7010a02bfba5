use serde_json::{Value, json};

use super::*;
use crate::local::kubeconfig::merge::entry::{List, Put};
use crate::model::user::UserName;

const OWN: &str = "\
# my clusters, do not sort
apiVersion: v1
kind: Config
clusters:
- cluster:
    server: https://10.0.0.1   # at home
    x-mine: kept
  name: home
# between the lists
contexts:
- context:
    cluster: home
    user: me
  name: home
current-context: home
preferences: {}
users:
- name: me
  user:
    token: t
    x-unknown: [1, 2]
x-editor:
  folded: true
";

fn entries() -> Entries {
    Entries {
        cluster_name: "prod".to_owned(),
        cluster: json!({"server": "https://api:6443", "certificate-authority-data": "Q0E="}),
        name: "alice@prod".to_owned(),
        user: json!({"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5"}),
        context: json!({"cluster": "prod", "user": "alice@prod", "namespace": "alice"}),
        person: UserName::parse("alice").unwrap(),
    }
}

fn puts(entries: &Entries) -> Vec<Put<'_>> {
    List::ALL
        .into_iter()
        .map(|list| {
            let (name, body) = entries.of(list);
            Put {
                list,
                name,
                body,
                whole: false,
            }
        })
        .collect()
}

fn merged(text: &str) -> Merged {
    put(text, &puts(&entries())).unwrap()
}

#[test]
fn comments_layout_and_unknown_fields_stay_and_three_entries_come() {
    let merged = merged(OWN);
    assert!(!merged.comments_lost);
    insta::assert_snapshot!(merged.text.as_str());
    for line in OWN.lines() {
        assert!(merged.text.lines().any(|kept| kept == line), "{line}");
    }
}

#[test]
fn an_entry_that_is_replaced_keeps_its_unknown_fields_and_its_neighbours() {
    let first = merged(OWN);
    let mut next = entries();
    next.user["client-key-data"] = json!("bmV3");
    let marked = first.text.replace(
        "    client-key-data: a2V5\n",
        "    client-key-data: a2V5\n    x-note: mine\n",
    );
    assert_ne!(marked, *first.text);
    let second = put(&marked, &puts(&next)).unwrap();
    assert!(!second.comments_lost);
    let tree = parse(&second.text).unwrap();
    let user = &find(&tree, List::Users, "alice@prod").unwrap()["user"];
    assert_eq!(user["client-key-data"], "bmV3");
    assert_eq!(user["x-note"], "mine");
    assert!(second.text.contains("# between the lists"));
    assert_eq!(second.text.matches("alice@prod").count(), 3);
    assert_eq!(tree["users"].as_array().unwrap().len(), 2);
}

#[test]
fn every_layout_that_kubectl_reads_is_merged_and_the_current_context_stays() {
    let indented = OWN.replace("\n- ", "\n  - ").replace("\n    ", "\n      ");
    let indented = indented
        .replace("\n  name", "\n    name")
        .replace("\n  user", "\n    user");
    let cases = [
        (OWN.to_owned(), false),
        (indented, false),
        (format!("---\n{OWN}"), false),
        (OWN.trim_end().to_owned(), false),
        ("".to_owned(), false),
        ("# nothing yet\n".to_owned(), false),
        (
            "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: []\nusers:\n".to_owned(),
            false,
        ),
        (
            "apiVersion: v1\nclusters: [{name: home, cluster: {server: 's'}}]\n".to_owned(),
            true,
        ),
        (parse(OWN).unwrap().to_string(), true),
        (format!("{OWN}...\n"), false),
    ];
    for (text, comments_lost) in cases {
        let before = parse(&text).unwrap();
        let merged = merged(&text);
        assert_eq!(
            merged.comments_lost, comments_lost,
            "{text}\n---\n{}",
            *merged.text
        );
        let after = parse(&merged.text).unwrap();
        assert_eq!(after["current-context"], before["current-context"]);
        assert_eq!(after["x-editor"], before["x-editor"]);
        for list in List::ALL {
            let wanted = entries();
            let (name, body) = wanted.of(list);
            assert_eq!(&find(&after, list, name).unwrap()[list.entry()], body);
            for old in before[list.key()].as_array().into_iter().flatten() {
                let name = old["name"].as_str().unwrap();
                assert_eq!(find(&after, list, name), Some(old));
            }
        }
    }
}

#[test]
fn what_is_broken_is_named_by_its_place_and_not_quoted() {
    let error = parse("apiVersion: v1\nusers:\n- name: 'secret\n").unwrap_err();
    assert!(
        error.starts_with(':') && !error.contains("secret"),
        "{error}"
    );
    assert!(parse("users: 7\n").is_err());
    assert!(parse("- a\n").is_err());
}

#[test]
fn another_cluster_of_the_same_name_is_foreign() {
    let entries = entries();
    let found = |body: Value| json!({"name": "prod", "cluster": body});
    let same = found(entries.cluster.clone());
    assert_eq!(standing(List::Clusters, &same, &entries), Standing::Same);
    for (key, value) in [
        ("server", "https://other"),
        ("certificate-authority-data", "WA=="),
        ("proxy-url", "http://between"),
        ("tls-server-name", "other"),
    ] {
        let mut other = same.clone();
        other["cluster"][key] = json!(value);
        let Standing::Foreign(why) = standing(List::Clusters, &other, &entries) else {
            panic!("{key}");
        };
        assert!(why.contains(key));
    }
    let mut unchecked = same.clone();
    unchecked["cluster"]["insecure-skip-tls-verify"] = json!(true);
    let unchecked = standing(List::Clusters, &unchecked, &entries);
    assert!(matches!(unchecked, Standing::Foreign(_)));
}

#[test]
fn a_namespace_that_the_user_chose_stays() {
    let entries = entries();
    let mut mine = json!({"name": "alice@prod", "context": entries.context.clone()});
    mine["context"]["namespace"] = json!("elsewhere");
    assert_eq!(standing(List::Contexts, &mine, &entries), Standing::Same);
    mine["context"]["user"] = json!("bob");
    assert!(matches!(
        standing(List::Contexts, &mine, &entries),
        Standing::Foreign(_)
    ));
}

#[test]
fn an_entry_of_another_user_is_foreign() {
    let entries = entries();
    let other = json!({"name": "alice@prod", "user": {"token": "t"}});
    assert!(matches!(
        standing(List::Users, &other, &entries),
        Standing::Foreign(_)
    ));
}
