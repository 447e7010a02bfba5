//! `kubectl psp-advise -f`: manifests, whatever is in them.

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "what_cannot_be_read_is_named_with_its_line_and_the_rest_is_evaluated",
        &[Need::Plugins],
        broken,
    )]
}

fn broken(suite: &Suite) {
    let folder = suite.path("manifests");
    std::fs::create_dir(&folder).expect("the case's directory can be written");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("the case's directory can be written");
    };
    let good = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: []}\n";
    write("a.yaml", format!("{good}---\na: [\n---\n{good}").as_bytes());
    write("b.yaml", format!("{good}kind: Pod\n").as_bytes());
    write("c.yaml", b"\x7fELF\x00\x01");
    write(
        "d.yaml",
        b"apiVersion: v1\nkind: {{ .Values.kind }}\n{{- end }}\n",
    );
    write(
        "e.yaml",
        good.replace("[]", "[{securityContext: {runAsUser: root}}]")
            .as_bytes(),
    );
    write(
        "f.yaml",
        format!("\u{feff}{}", good.replace('\n', "\r\n")).as_bytes(),
    );
    write("g.txt", b"not a manifest");
    write(
        "h.json",
        br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"hostIPC":true}}"#,
    );
    let output = suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-o jsonl --level baseline -f")
        .args([&folder])
        .run();
    output
        .code(4)
        .says("a.yaml:6: not YAML")
        .says("b.yaml:5: \"kind\" stands here again, first on line 2")
        .says("c.yaml: not text")
        .says("render it first")
        .says("e.yaml:4: pod/good: ");
    assert_eq!(output.stdout.lines().count(), 4, "{output}");
    assert_eq!(
        output.stdout.matches("\"allowed\":true").count(),
        3,
        "{output}"
    );
    suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-f /does/not/exist")
        .run()
        .code(2)
        .no_answer()
        .says("cannot read /does/not/exist");
}
