//! `kubectl psp-advise -f`: manifests, whatever is in them.

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "what_cannot_be_read_is_named_with_its_line_and_the_rest_is_evaluated",
            &[Need::Plugins],
            broken,
        ),
        #[cfg(target_os = "linux")]
        Case::new(
            "a_hundred_megabytes_take_bounded_memory_and_one_broken_document_no_other",
            &[Need::Plugins],
            large,
        ),
    ]
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
        .says("b.yaml:5: \"kind\" stands twice, first on line 2; kubectl takes the last one")
        .says("c.yaml: not text")
        .says("render it first")
        .says("e.yaml:4: pod/good: ");
    assert_eq!(output.stdout.lines().count(), 5, "{output}");
    assert_eq!(
        output.stdout.matches("\"allowed\":true").count(),
        4,
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

/// Kilobytes of address space; several times as much as it takes, a fraction of what keeping every
/// document would.
#[cfg(target_os = "linux")]
const MOST: usize = 800_000;

#[cfg(target_os = "linux")]
fn large(suite: &Suite) {
    use std::io::Write as _;
    let path = suite.path("large.yaml");
    let file = std::fs::File::create(&path).expect("the case's directory can be written");
    let mut file = std::io::BufWriter::new(file);
    let padding = "x".repeat(3_000);
    for number in 0..32_000 {
        let broken = if number == 15_000 { "---\na: [\n" } else { "" };
        write!(
            file,
            "{broken}---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\n\
             spec: {{containers: [{{name: c}}]}} # {padding}\n"
        )
        .expect("the case's directory can be written");
    }
    file.flush().expect("the case's directory can be written");
    drop(file);
    let size = std::fs::metadata(&path).expect("it was written").len();
    assert!(size > 95_000_000, "{size}");
    let limited = format!("ulimit -v {MOST}; exec \"$0\" \"$@\"");
    let output = suite
        .program("/bin/sh".as_ref())
        .args(["-c", &limited])
        .args([&suite.plugin("kubectl-psp_advise")])
        .line("-o jsonl --level baseline -f")
        .args([&path])
        .run();
    assert_eq!(output.code, Some(4), "{}", output.stderr);
    assert_eq!(output.stderr.matches("not evaluated").count(), 1);
    assert!(output.stderr.contains("not YAML"), "{}", output.stderr);
    assert_eq!(output.stdout.lines().count(), 32_000);
}
