use super::*;

fn one(text: &str) -> Result<Node, Fault> {
    let mut found = documents(text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).node
}

fn json(text: &str) -> serde_json::Value {
    one(text).unwrap().to_json()
}

#[test]
fn every_value_knows_its_line_in_the_file() {
    let text = "a: 1\n---\nspec:\n  list:\n  - name: x\n    on: off\n";
    let node = documents(text).remove(1).node.unwrap();
    assert_eq!(node.place_of("spec.list[0].name").line, 5);
    assert_eq!(node.place_of("spec.list[0].missing.field").line, 5);
    assert_eq!(node.place_of("spec.list[0].true").line, 6);
    assert_eq!(
        node.at("spec.list[0].true").unwrap().value,
        Value::Bool(false)
    );
}

#[test]
fn a_merge_counts_more_than_what_stands_above_it() {
    for (text, expected) in [
        ("{a: 1, <<: {a: 2, b: 3}}\n", r#"{"a":2,"b":3}"#),
        ("{<<: {a: 2}, a: 1}\n", r#"{"a":1}"#),
        ("{<<: {a: 1}, <<: {a: 2}}\n", r#"{"a":2}"#),
        ("{<<: [{a: 1}, {a: 2}]}\n", r#"{"a":1}"#),
        ("{\"<<\": {a: 2}, a: 1, }\n", r#"{"<<":{"a":2},"a":1}"#),
    ] {
        assert_eq!(json(text).to_string(), expected, "{text}");
    }
    for text in [
        "{<<: 1}\n",
        "a: &x [{b: 1}]\nc: {<<: *x}\n",
        "a: &x {<<: *x}\n",
    ] {
        assert!(one(text).is_err(), "{text}");
    }
}

#[test]
fn lines_end_where_yaml_1_1_ends_them() {
    for end in ["\u{2028}", "\u{2029}", "\u{85}", "\r", "\n", "\r\n"] {
        let text = format!("spec:\n  a: 1 # note{end}  hostNetwork: true\n");
        assert_eq!(json(&text)["spec"]["hostNetwork"], true, "{end:?}");
    }
}

#[test]
fn what_follows_three_dots_is_not_read_and_said() {
    let found = documents("a: 1\n...\nb: 2\n---\nc: 3\n");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].node.as_ref().unwrap().to_json()["a"], 1);
    assert_eq!(found[0].ignored.as_ref().unwrap().line, 3);
    assert!(found[1].ignored.is_none());
    assert!(documents("a: 1\n...\n")[0].ignored.is_none());
}

#[test]
fn a_key_that_stands_twice_counts_the_last_time_and_is_said() {
    for text in ["a: 1\nb: 2\na: 3\n", "{\"a\": 1,\n\"b\": 2,\n\"a\": 3}\n"] {
        let found = documents(text);
        assert_eq!(found[0].node.as_ref().unwrap().to_json()["a"], 3);
        assert_eq!(found[0].notes.len(), 1);
        assert_eq!(found[0].notes[0].line, 3);
        assert!(found[0].notes[0].message.contains("first on line 1"));
    }
    assert!(one("{1: a, \"1\": b}\n").is_err());
}

#[test]
fn json_may_stand_one_after_another() {
    let found = documents("{\"a\": 1}\n{\"a\":\n 2}{\"a\": 3}\n");
    let lines: Vec<usize> = found
        .iter()
        .map(|one| one.node.as_ref().unwrap().place_of("a").line)
        .collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(documents("{\"a\": 1}\n---\na: 2\n").len(), 2);
    assert_eq!(json("{a: 1}\n")["a"], 1);
    assert!(documents("{\"a\": 1}{\"a\": 1}{a: 1}")[2].node.is_err());
}

#[test]
fn separators_and_encodings_are_those_of_kubectl() {
    assert_eq!(
        documents("a: 1\n---# x\nb: 1\n--- # y\n---\nc: 1\n").len(),
        3
    );
    let found = documents("a: 1\n--- {b: 1}\n---\nc: 1\n");
    let bad: Vec<usize> = found
        .iter()
        .filter_map(|one| Some(one.node.as_ref().err()?.line))
        .collect();
    assert_eq!(bad, [2]);
    let plain = "a: \u{e9}\u{1f600}\n";
    for encoding in [
        Encoding::Utf8,
        Encoding::Utf8Marked,
        Encoding::Utf16Little,
        Encoding::Utf16Big,
    ] {
        let bytes = encoding.bytes(plain);
        assert_eq!(Encoding::of(&bytes), encoding);
        assert_eq!(text(&bytes).unwrap(), plain);
    }
    assert!(text(b"a: \xff\n").is_err());
    assert!(text(b"a: \0\n").is_err());
}

#[test]
fn items_of_a_typed_list_get_its_kind() {
    let node = one("kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n").unwrap();
    assert_eq!(node.at("items[0].kind").unwrap().as_str(), Some("Pod"));
    assert_eq!(node.at("items[0].apiVersion").unwrap().as_str(), Some("v1"));
}

#[test]
fn comments_may_be_of_any_length() {
    let comments = "# x\n".repeat(5000);
    assert_eq!(json(&format!("a:\n{comments}  b: 1\n"))["a"]["b"], 1);
}

#[test]
fn an_alias_bomb_and_a_deep_nesting_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(one(&text).unwrap_err().message.contains("aliases"));
    assert!(one(&"[".repeat(100_000)).is_err());
    assert!(documents(&"{\"a\":".repeat(100_000))[0].node.is_err());
}

#[test]
fn a_block_ends_with_its_last_word() {
    let text = "a:\n  b: 1\n  c: &x 2   # note\n\n# end\nd: *x\n";
    let node = one(text).unwrap();
    let bytes = node.at("a").unwrap().place.bytes.clone();
    assert_eq!(&text[bytes], "b: 1\n  c: &x 2");
    let alias = node.at("d").unwrap();
    assert_eq!(&text[alias.written.clone().unwrap()], "*x");
    assert_eq!(&text[alias.place.bytes.clone()], "2");
    let text = "a: 1\r\nb:\r\n- x\r\n";
    let node = one(text).unwrap();
    assert_eq!(&text[node.at("b").unwrap().place.bytes.clone()], "- x");
}

#[test]
fn a_template_is_told_from_braces_in_quotes() {
    assert!(is_template("a: {{ .Values.x }}\n"));
    assert!(is_template("{{- if .x }}\n"));
    assert!(!is_template("expr: \"{{ $labels.pod }}\"\n# {{ x }}\n"));
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_line() {
    #[derive(Debug, serde::Deserialize)]
    struct Typed {
        #[expect(dead_code, reason = "only its type counts")]
        user: Option<i64>,
    }
    let node = one("a: 1\nuser: root\n").unwrap();
    let error = read::<Typed>(&node).unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    assert!(read::<Typed>(&one("a: 1\nuser:\n").unwrap()).is_ok());
}

#[test]
fn a_field_that_a_kind_does_not_have_is_named_with_its_line() {
    let lines = |text: &str| -> Vec<usize> {
        let node = one(text).unwrap();
        unknown_fields(&node).iter().map(|note| note.line).collect()
    };
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\n";
    assert_eq!(lines(&format!("{role}rulse: []\n")), [4]);
    assert_eq!(lines(&format!("{role}rules:\n- verb: [get]\n")), [5]);
    assert_eq!(lines(&format!("{role}rules: null\n")), [0; 0]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n";
    let text = format!(
        "{pod}    allowPrivilegeEscalation: false\n    securityContext:\n      allowCapabilities: []\n      runAsUser: 0\n    resources: {{limits: {{cpu: 1}}}}\n    ports: [{{containerPort: 80}}]\n"
    );
    assert_eq!(lines(&text), [7, 9]);
    assert_eq!(lines("apiVersion: x/v1\nkind: Role\nrulse: []\n"), [0; 0]);
}
