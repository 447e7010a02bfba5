//! What `kubectl onboard` refuses, and how it says so.

use std::fs;

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster];
    let proxy = &[Need::Plugins, Need::Cluster, Need::Sandbox];
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("hostile_names_cost_no_request", proxy, hostile_names),
        Case::new(
            "a_foreign_namespace_is_a_conflict",
            cluster,
            foreign_namespace,
        ),
        Case::new("a_foreign_file_is_left_alone", cluster, foreign_file),
        Case::new(
            "an_output_that_cannot_be_written_stops_the_run_early",
            proxy,
            bad_output,
        ),
        Case::new("every_missing_right_is_named_at_once", cluster, forbidden),
        Case::new("the_granted_rights_are_enough", signer, granted),
        Case::new("an_unknown_role_is_named", cluster, unknown_role),
        Case::new("a_profile_that_is_none_is_named", cluster, bad_profile),
        Case::new(
            "kubeconfig_lists_are_read_as_kubectl_reads_them",
            cluster,
            kubeconfig_list,
        ),
        Case::new(
            "relative_paths_are_those_of_their_file",
            cluster,
            relative_paths,
        ),
        Case::new(
            "a_missing_credential_plugin_shows_its_hint",
            cluster,
            missing_exec,
        ),
        Case::new(
            "what_is_wrong_with_a_kubeconfig_is_named",
            cluster,
            broken_kubeconfig,
        ),
    ]
}

fn hostile_names(suite: &Suite) {
    let through = suite.proxied();
    let long = "a".repeat(65);
    for name in [
        "alice/O=system:masters",
        "alice,O=system:masters",
        "system:admin",
        "kubeadm:cluster-admins",
        "alice\nbob",
        "al\u{456}ce",
        "../../etc/passwd",
        "",
        &long,
    ] {
        let output = suite
            .admin("onboard")
            .kubeconfig(&through.kubeconfig)
            .args([name])
            .run();
        output
            .code(2)
            .no_answer()
            .says("cannot be a user name here")
            .says("hint: ");
    }
    for group in ["system:masters", "kubeadm:cluster-admins", "onboard:bob:g1"] {
        let run = suite
            .admin("onboard alice --group")
            .kubeconfig(&through.kubeconfig);
        run.args([group])
            .run()
            .code(2)
            .says("cannot be a group here");
    }
    assert_eq!(through.proxy.count(), 0, "{:?}", through.proxy.log());
}

fn foreign_namespace(suite: &Suite) {
    let (alice, bob) = (suite.name("alice"), suite.name("bob"));
    suite
        .admin(&format!("create namespace {alice}"))
        .run()
        .success();
    let run = || {
        let out = suite.path("alice.kubeconfig");
        suite
            .admin("onboard")
            .args([&alice])
            .args(["--out"])
            .args([out])
            .run()
    };
    run()
        .code(5)
        .no_answer()
        .says("not marked as owned by")
        .says("kubectl annotate namespace");
    let owner = format!("groundcrew.dev/owner={bob}");
    suite
        .admin(&format!("annotate namespace {alice} {owner}"))
        .run()
        .success();
    run().code(5).no_answer().says(&format!("belongs to {bob}"));
    let left = suite.get(&format!("resourcequota,limitrange,rolebinding -n {alice}"));
    let items = left.map(|list| list["items"].as_array().map_or(0, Vec::len));
    assert_eq!(items.unwrap_or(0), 0, "nothing was written");
}

fn foreign_file(suite: &Suite) {
    let alice = suite.name("alice");
    let file = suite.file("notes.txt", "my notes\n");
    let output = suite
        .admin("onboard")
        .args([&alice])
        .args(["--out"])
        .args([&file])
        .run();
    output
        .code(2)
        .no_answer()
        .says("notes.txt exists and is not")
        .says("--force");
    assert_eq!(fs::read_to_string(&file).expect("the notes"), "my notes\n");
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
}

fn bad_output(suite: &Suite) {
    let alice = suite.name("alice");
    let through = suite.proxied();
    fs::create_dir(suite.path("folder")).expect("a directory can be made");
    // On Linux not even root can create a file there.
    let unwritable = if cfg!(target_os = "linux") {
        "/proc/alice.kubeconfig"
    } else {
        "/dev/null/x"
    };
    let folder = suite.path("folder");
    let missing = suite.path("no/such/folder/alice.kubeconfig");
    for out in [folder.as_path(), missing.as_path(), unwritable.as_ref()] {
        let run = suite
            .admin("onboard")
            .kubeconfig(&through.kubeconfig)
            .args([&alice]);
        run.args(["--out"])
            .args([out])
            .run()
            .code(2)
            .no_answer()
            .says("--out");
    }
    let writes = through
        .proxy
        .log()
        .iter()
        .filter(|sent| sent.is_write())
        .count();
    assert_eq!(writes, 0);
}

/// Makes a user who may do nothing yet, by impersonation.
fn forbidden(suite: &Suite) {
    let (alice, carol) = (suite.name("alice"), suite.name("carol"));
    let out = suite.path("alice.kubeconfig");
    let output = suite
        .admin(&format!("onboard {alice} --as {carol} --out"))
        .args([&out])
        .run();
    output
        .code(1)
        .no_answer()
        .says(&carol)
        .says("nothing was changed");
    for (verb, resource) in [
        ("create", "namespaces"),
        ("bind", "clusterroles.rbac.authorization.k8s.io \"edit\""),
        (
            "approve",
            "signers.certificates.k8s.io \"kubernetes.io/kube-apiserver-client\"",
        ),
        (
            "update",
            "certificatesigningrequests.certificates.k8s.io/approval",
        ),
        ("update", "rolebindings.rbac.authorization.k8s.io"),
        ("create", "limitranges"),
        ("create", "resourcequotas"),
        ("create", "networkpolicies.networking.k8s.io"),
        ("create", "configmaps"),
    ] {
        let named = |line: &str| {
            line.trim_start().starts_with(verb) && line.contains(&format!(" {resource} "))
        };
        assert!(
            output.stderr.lines().any(named),
            "{verb} {resource} is not named\n{output}"
        );
    }
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
}

/// Pastes what the refusal says and onboards with just that.
fn granted(suite: &Suite) {
    let (alice, carol) = (suite.name("alice"), suite.name("carol"));
    let out = suite.path("alice.kubeconfig");
    let words = format!("onboard {alice} --as {carol} --out");
    let refusal = suite.admin(&words).args([&out]).run();
    let start = refusal
        .code(1)
        .stderr
        .find("<<'EOF'\n")
        .expect("a manifest to paste")
        + 8;
    let end = refusal.stderr[start..].find("\nEOF").expect("its end") + start;
    let manifest = refusal.stderr[start..end].replace("groundcrew-onboarder", &carol);
    // It may be there already.
    let _ = suite.admin("create namespace groundcrew-system").run();
    suite.admin("apply -f -").stdin(&manifest).run().success();
    let output = suite.admin(&words).args([&out]).run();
    suite
        .admin(&format!("delete clusterrole,clusterrolebinding {carol}"))
        .run()
        .success();
    suite
        .admin(&format!(
            "delete role,rolebinding {carol} -n groundcrew-system"
        ))
        .run()
        .success();
    output.success().answers("is ready.");
}

fn unknown_role(suite: &Suite) {
    let alice = suite.name("alice");
    let output = suite.admin(&format!("onboard {alice} --role editor")).run();
    output
        .code(2)
        .no_answer()
        .says("there is no ClusterRole \"editor\"");
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
}

fn bad_profile(suite: &Suite) {
    let pod = suite.file("pod.yaml", "apiVersion: v1\nkind: Pod\n");
    let run = |profile: &str| suite.admin("onboard alice --profile").args([profile]).run();
    run("smal")
        .code(2)
        .says("cannot read profile smal")
        .says("small, medium, large");
    run(&pod.to_string_lossy())
        .code(2)
        .says("a profile cannot hold a Pod");
}

fn kubeconfig_list(suite: &Suite) {
    let admin = suite.cluster().kubeconfig().display().to_string();
    let list = format!(":/does/not/exist::{admin}");
    let run = suite
        .admin("onboard alice --dry-run=client")
        .env("KUBECONFIG", list);
    run.run().success();
    let output = suite
        .admin("onboard alice --kubeconfig /does/not/exist")
        .run();
    output.code(1).says("/does/not/exist");
}

fn relative_paths(suite: &Suite) {
    let view = suite.admin("config view --raw --flatten -o json").run();
    let mut config = view.success().json();
    let data = config["clusters"][0]["cluster"]["certificate-authority-data"].take();
    let decoded = suite.program("/usr/bin/base64".as_ref()).args(["-d"]);
    let ca = decoded
        .stdin(data.as_str().expect("an embedded authority"))
        .run();
    fs::create_dir_all(suite.path("deep/er")).expect("a directory can be made");
    let _ = suite.file("deep/er/ca.crt", &ca.success().stdout);
    let cluster = config["clusters"][0]["cluster"]
        .as_object_mut()
        .expect("a cluster");
    cluster.remove("certificate-authority-data");
    cluster.insert("certificate-authority".to_owned(), "er/ca.crt".into());
    let file = suite.file("deep/config", &config.to_string());
    suite
        .admin("onboard alice --dry-run=client")
        .kubeconfig(&file)
        .run()
        .success();
}

fn missing_exec(suite: &Suite) {
    let server = suite.cluster().server();
    let file = suite.file(
        "exec.kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://{server}'}}}}]\n\
             users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, \
             command: no-such-login, interactiveMode: Never, \
             installHint: 'get it from the intranet'}}}}}}]\n"
        ),
    );
    let output = suite.admin("onboard alice").kubeconfig(&file).run();
    output
        .code(1)
        .no_answer()
        .says("no-such-login")
        .says("get it from the intranet");
}

fn broken_kubeconfig(suite: &Suite) {
    let broken = suite.file("broken", "apiVersion: v1\nclusters: [\n");
    suite
        .admin("onboard alice")
        .kubeconfig(&broken)
        .run()
        .code(1)
        .no_answer()
        .says("broken");
    let output = suite.admin("onboard alice --context nowhere").run();
    output.code(1).no_answer().says("nowhere").says("known");
    let empty = suite.file("empty", "");
    suite
        .admin("onboard alice")
        .kubeconfig(&empty)
        .run()
        .code(1)
        .says("hint: ");
}
