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
        Case::new(
            "folders_as_projects_publish_them_are_read_whole",
            &[Need::Plugins],
            published,
        ),
    ]
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";

fn pods(suite: &Suite) {
    let container = "  containers: [{name: c, image: x}]\n";
    let json =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":true}}"#;
    let other = json.replace("\"p\"", "\"q\"");
    let texts = [
        format!("{POD}  <<: {{hostPID: false}}\n  <<: {{hostPID: true}}\n{container}"),
        format!("{POD}  hostPID: false\n  <<: {{hostPID: true}}\n{container}"),
        format!("{POD}{container}  # note\u{2028}  hostPID: true\n"),
        format!("{POD}{container}  # note\u{85}  hostPID: true\n"),
        format!("{POD}{container}  hostPID: false\n  hostPID: on\n"),
        format!("{json}\n{other}\n"),
        format!("{json}{other}\n"),
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

    let container =
        "  securityContext: {runAsNonRoot: true}\n  containers: [{name: c, image: x}]\n";
    write("pod.yaml", &format!("{POD}{container}"));
    let advise = || {
        suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("--level baseline -f")
            .args([&folder])
            .run()
    };
    advise().code(0).says("is for kustomize");
    write("twice.yaml", &format!("# again\n{POD}{container}"));
    advise()
        .code(4)
        .says("twice.yaml:2: pod/p")
        .says("it is defined twice, first at")
        .says("pod.yaml:1");
}

/// A project's name, its files, and the exit code for its folder.
type Project = (&'static str, Vec<(&'static str, String)>, i32);

/// Shapes of what argo-cd, ingress-nginx, kube-prometheus, rook, longhorn and calico publish.
fn published(suite: &Suite) {
    let labels = "  labels:\n    app.kubernetes.io/name: x\n    app.kubernetes.io/part-of: x\n";
    let role = |name: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n{labels}  name: {name}\n\
             rules:\n- apiGroups:\n  - \"\"\n  resources:\n  - secrets\n  verbs:\n  - get\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n{labels}  name: {name}\n\
             roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ClusterRole\n  name: {name}\n\
             subjects:\n- kind: ServiceAccount\n  name: {name}\n  namespace: {name}\n"
        )
    };
    let host = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n{labels}  name: {name}\n  namespace: {name}\nspec:\n  \
             selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n      \
             hostNetwork: true\n      containers:\n      - name: c\n        image: x\n"
        )
    };
    let both = |name: &str| format!("{}---\n{}", role(name), host(name));
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: as.x.io\n\
                      spec:\n  group: x.io\n  names: {plural: as, kind: A}\n  scope: Namespaced\n  versions: []\n";
    let comments = "# \n".repeat(120);
    let projects: [Project; 6] = [
        (
            // One file of everything beside the parts of kustomize.
            "argo-cd",
            vec![
                ("install.yaml", format!("# This is an auto-generated file. DO NOT EDIT\n{definition}---\n{}", both("argo-cd"))),
                ("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- install.yaml\n".to_owned()),
            ],
            0,
        ),
        (
            // A service account that is bound before it is there; a webhook and its jobs.
            "ingress-nginx",
            vec![
                ("deploy.yaml", format!("apiVersion: v1\nkind: Namespace\nmetadata:\n{labels}  name: ingress-nginx\n---\napiVersion: v1\ndata: null\nkind: ConfigMap\nmetadata:\n{labels}  name: c\n  namespace: ingress-nginx\n---\n{}", both("ingress-nginx"))),
                ("kustomization.yaml", "resources: [deploy.yaml]\n".to_owned()),
            ],
            0,
        ),
        (
            // Rules with templates of Prometheus, and lists that hold roles.
            "kube-prometheus",
            vec![
                ("rule.yaml", "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: r\nspec:\n  groups:\n  - name: g\n    rules:\n    - alert: A\n      annotations:\n        description: '{{ $labels.pod }} of {{ $value }}'\n      expr: |\n        up == 0\n".to_owned()),
                ("list.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nitems:\n- apiVersion: rbac.authorization.k8s.io/v1\n  kind: Role\n  metadata:\n    name: k8s\n    namespace: default\n  rules: []\nkind: RoleList\n".to_owned()),
                ("all.yaml", both("kube-prometheus")),
            ],
            0,
        ),
        (
            // Long comments, empty documents, and a file of values for Helm beside them.
            "rook",
            vec![
                ("operator.yaml", format!("{comments}---\n{}---\n{comments}---\n", both("rook"))),
                ("values.yaml", "image:\n  tag: v1\n".to_owned()),
            ],
            4,
        ),
        (
            "longhorn",
            vec![("longhorn.yaml", format!("---\n# Builtin: \"helm template\" does not respect --create-namespace\n{}---\n# Source: x\n{definition}", both("longhorn")))],
            0,
        ),
        (
            // A script in a ConfigMap, with names that are filled in on the node.
            "calico",
            vec![("calico.yaml", format!("---\nkind: ConfigMap\napiVersion: v1\nmetadata:\n  name: c\n  namespace: calico\ndata:\n  cni: |-\n    {{\n      \"mtu\": __CNI_MTU__,\n      \"---\": \"not a document\"\n    }}\n---\n{}", both("calico")))],
            0,
        ),
    ];
    for (name, files, code) in projects {
        let folder = suite.path(name);
        std::fs::create_dir(&folder).expect("the case's directory can be written");
        for (file, text) in files {
            std::fs::write(folder.join(file), text).expect("the case's directory can be written");
        }
        let output = suite
            .program(&suite.plugin("kubectl-can_i_audit"))
            .line("who get secrets -n shop --from")
            .args([&folder])
            .run();
        output.code(code).answers(name);
        let output = suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("--level baseline -o json -f")
            .args([&folder])
            .run();
        output.answers("hostNetwork");
        let unseen = output.json()["unseen"].as_array().map_or(0, Vec::len);
        assert_eq!(unseen, usize::from(code == 4), "{name}: {output}");
    }
}
