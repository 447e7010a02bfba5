//! What kubectl reads, and what it does not, through the plugins: no privileged pod and no role of
//! everything passes a gate because it is written in an unusual way.

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a_privileged_pod_is_found_however_it_is_written",
            &[Need::Plugins],
            pods,
        ),
        Case::new(
            "a_role_of_everything_is_found_however_it_is_written",
            &[Need::Plugins],
            roles,
        ),
        Case::new(
            "what_is_no_role_is_named_or_passed_over_and_the_rest_counts",
            &[Need::Plugins],
            folders,
        ),
        Case::new(
            "a_folder_of_kustomize_is_evaluated_without_its_kustomization",
            &[Need::Plugins],
            kustomize,
        ),
    ]
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";

fn pods(suite: &Suite) {
    let container = "  containers: [{name: c, image: x}]\n";
    let json =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":true}}"#;
    let texts = [
        format!("{POD}  <<: {{hostPID: false}}\n  <<: {{hostPID: true}}\n{container}"),
        format!("{POD}  hostPID: false\n  <<: {{hostPID: true}}\n{container}"),
        format!("{POD}{container}  # note\u{2028}  hostPID: true\n"),
        format!("{POD}{container}  # note\u{85}  hostPID: true\n"),
        format!("{POD}{container}  hostPID: false\n  hostPID: on\n"),
        format!("{json}\n{json}\n"),
        format!("{json}{json}\n"),
        r#"{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"p"},"spec":{"hostPID":true}}]}"#.to_owned(),
        format!("# none\n---# x\n{POD}  hostPID: true\n"),
    ];
    for (number, text) in texts.iter().enumerate() {
        let file = suite.file(&format!("{number}.yaml"), text);
        let output = suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("--level baseline -o jsonl -f")
            .args([&file])
            .run();
        assert_eq!(output.code, Some(3), "{text}\n{output}");
    }
    // A document that another one hides.
    let text = format!("{POD}  hostPID: true\n...\n{POD}{container}");
    let file = suite.file("hidden.yaml", &text);
    suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("--level baseline -o jsonl -f")
        .args([&file])
        .run()
        .says("hidden.yaml:7: kubectl does not read what follows `...`")
        .answers("hostPID");
    let text = format!("{POD}{container}  allowPrivilegeEscalation: false\n");
    let file = suite.file("unknown.yaml", &text);
    suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("--level baseline -f")
        .args([&file])
        .run()
        .says("unknown.yaml:6: unknown field \"allowPrivilegeEscalation\" in PodSpec");
}

const ROLE: &str =
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n";
const BINDING: &str = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
    metadata: {name: r}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}\n\
    subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}]\n";

fn roles(suite: &Suite) {
    let comments = "# x\n".repeat(200);
    let texts = [
        format!(
            "{ROLE}rules:\n- verbs: [get]\n  <<: {{verbs: ['*'], apiGroups: [''], resources: [pods]}}\n{BINDING}"
        ),
        format!(
            "{ROLE}rules: # note\u{2028}- {{verbs: ['*'], apiGroups: [''], resources: [pods]}}\n{BINDING}"
        ),
        format!(
            "{ROLE}rules:\n{comments}- {{verbs: ['*'], apiGroups: [''], resources: [pods]}}\n{BINDING}"
        ),
    ];
    for (number, text) in texts.iter().enumerate() {
        let file = suite.file(&format!("{number}.yaml"), text);
        suite
            .program(&suite.plugin("kubectl-can_i_audit"))
            .line("who delete pods -n shop --from")
            .args([&file])
            .run()
            .answers("ann");
    }
}

fn folders(suite: &Suite) {
    let folder = suite.path("folder");
    std::fs::create_dir(&folder).expect("the case's directory can be written");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("the case's directory can be written");
    };
    let rules = "rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]\n";
    write("a.yaml", &format!("{ROLE}{rules}{BINDING}"));
    write(
        "b.yaml",
        "apiVersion: iam.aws.upbound.io/v1beta1\nkind: Role\nmetadata: {name: app}\nrules: 5\n---\n\
         apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n",
    );
    let audit = || {
        suite
            .program(&suite.plugin("kubectl-can_i_audit"))
            .line("who get pods -n shop --from")
            .args([&folder])
            .run()
    };
    let output = audit();
    output.answers("ann");
    assert!(!output.stderr.contains("b.yaml"), "{output}");
    write("c.yaml", "replicas: 3\n---\na: [\n");
    write("d.yaml", &format!("{ROLE}{rules}"));
    write(
        "e.yaml",
        &format!("{ROLE}rulse: []\n").replace("name: r}", "name: s}"),
    );
    audit()
        .code(4)
        .answers("ann")
        .says("c.yaml:1: not a manifest: kind is missing")
        .says("c.yaml:3: not YAML")
        .says("d.yaml:1: ClusterRole \"r\" is defined twice, first at")
        .says("e.yaml:4: unknown field \"rulse\" in ClusterRole");
}

fn kustomize(suite: &Suite) {
    let folder = suite.path("kustomize");
    std::fs::create_dir(&folder).expect("the case's directory can be written");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("the case's directory can be written");
    };
    write(
        "kustomization.yaml",
        "resources: [rbac.yaml]\nnamespace: shop\n",
    );
    let rules = "rules: [{verbs: [get], apiGroups: [''], resources: [pods]}]\n";
    write(
        "rbac.yaml",
        &format!("# a comment\n---\n---\n{ROLE}{rules}{BINDING}---\n"),
    );
    let output = suite
        .program(&suite.plugin("kubectl-can_i_audit"))
        .line("who get pods -n shop --from")
        .args([&folder])
        .run();
    output.answers("ann").says("is for kustomize");
    assert_ne!(output.code, Some(4), "{output}");
}
