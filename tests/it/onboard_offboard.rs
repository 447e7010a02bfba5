//! `kubectl onboard offboard`: the end of a user's access, and its proof.

use harness::{Case, Fault, Match, Need, Output, Rule, Suite, eventually};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    let proxy = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new(
            "an_old_file_is_powerless_also_after_a_return",
            needs,
            returns,
        ),
        Case::new(
            "a_shared_group_that_gives_something_is_named",
            needs,
            shared,
        ),
        Case::new("a_token_ends_with_its_secret", needs, token),
        Case::new(
            "tokens_that_outlive_the_rights_are_named",
            needs,
            tokens_left,
        ),
        Case::new(
            "what_the_user_could_have_left_is_named_again",
            needs,
            rights_left,
        ),
        Case::new(
            "what_cannot_be_archived_keeps_no_rights_and_the_namespace",
            proxy,
            archives_in_part,
        ),
        Case::new(
            "an_archive_is_written_before_anything_goes",
            needs,
            archives,
        ),
        Case::new(
            "nothing_is_taken_unasked_or_from_a_stranger",
            needs,
            refuses,
        ),
        Case::new("an_open_request_is_denied", needs, denies),
        Case::new(
            "a_death_at_any_request_is_made_good_by_a_second_run",
            proxy,
            dies,
        ),
        Case::new("a_dry_run_takes_nothing", proxy, dry_run),
    ]
}

fn offboard(suite: &Suite, name: &str, flags: &str) -> Output {
    suite
        .admin(&format!("onboard offboard {name} {flags}"))
        .run()
}

/// Tries an old file against everything that the server serves.
fn is_powerless(suite: &Suite, name: &str, file: &std::path::Path) {
    let kubectl = || suite.program(&suite.cluster().kubectl()).kubeconfig(file);
    let served = kubectl()
        .line("api-resources --namespaced --verbs=list -o name")
        .run();
    let served = served.success().stdout.clone();
    let all: Vec<&str> = served.lines().collect();
    assert!(all.len() > 20, "{all:?}");
    for resource in all {
        let tried = kubectl().line(&format!("get {resource} -n {name}")).run();
        tried.code(1).says("forbidden");
    }
    let created = kubectl()
        .line(&format!("create configmap x -n {name} --dry-run=server"))
        .run();
    created.code(1);
}

fn returns(suite: &Suite) {
    let name = suite.name("leaver");
    suite.onboard(&name).run().success();
    let old = suite.path("old.kubeconfig");
    std::fs::copy(suite.path(&format!("{name}.kubeconfig")), &old).expect("a copy");
    let elsewhere = suite.name("elsewhere");
    for command in [
        format!("create namespace {elsewhere}"),
        format!("create rolebinding by-name -n {elsewhere} --clusterrole=view --user={name}"),
        format!(
            "create rolebinding mixed -n {elsewhere} --clusterrole=edit --user=bob \
             --group=onboard:{name}:g1"
        ),
        format!("create clusterrolebinding {name}-wide --clusterrole=view --user={name}"),
    ] {
        suite.admin(&command).run().success();
    }
    let output = offboard(suite, &name, "--yes");
    output
        .success()
        .answers(&format!("{name} has no rights of their own."))
        .answers("API discovery")
        .says("all denied")
        .says(&format!("clusterrolebinding/{name}-wide deleted"));
    let get = |what: &str| suite.get(&format!("{what} -n {elsewhere}"));
    assert_eq!(get("rolebinding by-name"), None);
    let mixed = get("rolebinding mixed").expect("bob keeps his");
    assert_eq!(
        mixed["subjects"].as_array().map(Vec::len),
        Some(1),
        "{mixed}"
    );
    is_powerless(suite, &name, &old);
    let record = suite.record(&name);
    assert!(record["ended"]["provedAt"].is_string(), "{record}");

    // A second run finds nothing to take and proves it again.
    offboard(suite, &name, "")
        .success()
        .answers("has no rights of their own");

    eventually("the namespace goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
    std::fs::remove_file(suite.path(&format!("{name}.kubeconfig"))).expect("the file");
    let back = suite.onboard(&name).run();
    back.success().answers(&format!("onboard:{name}:g2"));
    is_powerless(suite, &name, &old);
    suite
        .as_user(&name, "create configmap proof --dry-run=server")
        .success();
    let record = suite.record(&name);
    assert!(record["ended"].is_null(), "{record}");
}

fn shared(suite: &Suite) {
    let name = suite.name("sharer");
    let group = suite.name("devs");
    suite
        .onboard(&name)
        .args(["--group", &group])
        .run()
        .success();
    suite
        .admin(&format!(
            "create rolebinding {group} -n default --clusterrole=view --group={group}"
        ))
        .run()
        .success();
    let output = offboard(suite, &name, "--yes -o json");
    let document = output.code(3).json();
    assert_eq!(document["kind"], "OffboardReport");
    let left = &document["sharedGroups"][0];
    assert_eq!(left["group"], *group, "{document}");
    assert_eq!(left["binding"], format!("rolebinding default/{group}"));
    assert!(suite.record(&name)["ended"]["provedAt"].is_null());
    // The group gives something in the user's own namespace too: the server names the binding.
    suite
        .admin(&format!(
            "create clusterrolebinding {group} --clusterrole=view --group={group}"
        ))
        .run()
        .success();
    offboard(suite, &name, "--yes")
        .code(3)
        .answers("still has access")
        .answers(&format!("ClusterRoleBinding \"{group}\""));
    suite
        .admin(&format!("delete clusterrolebinding {group}"))
        .run()
        .success();
    suite
        .admin(&format!("delete rolebinding {group} -n default"))
        .run()
        .success();
    offboard(suite, &name, "--yes").success();
    assert!(suite.record(&name)["ended"]["provedAt"].is_string());
}

fn token(suite: &Suite) {
    let name = suite.name("tokened");
    suite.onboard(&name).line("--auth token").run().success();
    suite.as_user(&name, "get pods").success();
    let output = offboard(suite, &name, "--yes");
    output
        .success()
        .says(&format!(
            "secret/groundcrew-system/onboard-{name}-g1 deleted"
        ))
        .says(&format!(
            "serviceaccount/groundcrew-system/onboard-{name} deleted"
        ));
    suite.as_user(&name, "get pods").code(1);
    eventually("the token ends", || {
        let answer = suite.as_user(&name, "get pods");
        answer.code == Some(1) && answer.stderr.contains("Unauthorized")
    });
}

fn tokens_left(suite: &Suite) {
    let (name, web) = (suite.name("dora"), suite.name("web"));
    suite
        .admin(&format!("create namespace {web}"))
        .run()
        .success();
    let run = suite
        .onboard(&name)
        .args(["--join", &format!("{web}:edit")]);
    run.run().success();
    eventually("the account is there", || {
        suite
            .get(&format!("serviceaccount default -n {web}"))
            .is_some()
    });
    suite
        .as_user(&name, &format!("create token default -n {web}"))
        .success();
    let other = suite.name("viewer");
    let run = suite
        .onboard(&other)
        .args(["--join", &format!("{web}:view")]);
    run.run().success();
    let output = suite
        .admin(&format!("onboard delete {name} {other} --yes"))
        .run();
    output
        .success()
        .answers(&format!("{name} has no rights of their own."))
        .answers(&format!("service accounts of namespace {web} (default)"))
        .answers(&format!("{other} has no access."));
    assert!(!output.stdout.contains(&format!("{name} has no access")));
    suite.as_user(&name, &format!("get pods -n {web}")).code(1);
}

fn rights_left(suite: &Suite) {
    let (name, shop) = (suite.name("nora"), suite.name("shop"));
    suite
        .admin(&format!("create namespace {shop}"))
        .run()
        .success();
    let joins = ["--join".to_owned(), format!("{shop}:admin")];
    suite.onboard(&name).args(joins).run().success();
    let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret",
        "type": "kubernetes.io/service-account-token", "metadata": {"name": "forever",
        "annotations": {"kubernetes.io/service-account.name": "default"}}});
    let file = suite.file("secret.json", &secret.to_string());
    for line in [
        format!("create -n {shop} -f {}", file.display()),
        format!(
            "create rolebinding ci -n {shop} --clusterrole=edit --serviceaccount={shop}:default"
        ),
    ] {
        suite.as_user(&name, &line).success();
    }
    let first = offboard(suite, &name, "--yes -o json");
    let left = first.success().json()["couldHaveLeft"][0].clone();
    assert_eq!(
        left["tokenSecrets"],
        serde_json::json!(["forever"]),
        "{first}"
    );
    assert_eq!(
        left["bindings"][0]["binding"],
        format!("rolebinding/{shop}/ci"),
        "{first}"
    );
    // What showed it is gone; the record still knows.
    let second = offboard(suite, &name, "--yes");
    second
        .success()
        .answers(&format!("{name} has no rights of their own."))
        .answers(&format!("kubectl delete secret forever -n {shop}"))
        .answers(&format!("rolebinding/{shop}/ci grants ClusterRole edit"));
}

fn archives_in_part(suite: &Suite) {
    let name = suite.name("paula");
    suite.onboard(&name).run().success();
    let through = suite.proxied();
    let unread = Match {
        path: Some(format!("/namespaces/{name}/endpointslices")),
        ..Match::default()
    };
    let refusal = Fault::Answer {
        code: 403,
        reason: "Forbidden",
        retry_after: None,
    };
    through.proxy.add(Rule::times(100, unread, refusal));
    let folder = suite.path("in-part");
    let run = suite.admin(&format!("onboard offboard {name} --yes -o json --archive"));
    let run = run.args([&folder]).kubeconfig(&through.kubeconfig);
    let output = run.run();
    output.code(4).says("endpointslices").says("stays");
    assert_eq!(output.json()["namespace"]["outcome"], "notArchived");
    suite.as_user(&name, "get pods").code(1);
    assert!(suite.get(&format!("namespace {name}")).is_some());
    let again = suite.admin(&format!("onboard offboard {name} --yes --archive"));
    let again = again.args([suite.path("whole")]).run();
    again.success().says("archived");
    eventually("the namespace goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
}

fn archives(suite: &Suite) {
    let name = suite.name("archived");
    suite.onboard(&name).run().success();
    suite
        .as_user(&name, "create configmap precious --from-literal=a=b")
        .success();
    let folder = suite.path("archive");
    std::fs::create_dir_all(folder.join(&name)).expect("a folder");
    let archive = |suite: &Suite| {
        suite
            .admin(&format!("onboard offboard {name} --yes --archive"))
            .args([&folder])
            .run()
    };
    archive(suite).code(2).says("already exists");
    suite.as_user(&name, "get configmap precious").success();
    std::fs::remove_dir(folder.join(&name)).expect("the folder");
    archive(suite).success().says("archived");
    let file = folder.join(&name).join("configmaps/precious.yaml");
    let text = std::fs::read_to_string(&file).expect("the archived object");
    assert!(
        text.contains("kind: ConfigMap") && text.contains("a: b"),
        "{text}"
    );
    assert!(!text.contains("managedFields"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).expect("it").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // What was archived can be applied again.
    suite
        .admin(&format!("create namespace {name}-back"))
        .run()
        .success();
    let text = text.replace(
        &format!("namespace: {name}"),
        &format!("namespace: {name}-back"),
    );
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("resourceVersion") && !line.contains("uid:"))
        .collect();
    suite
        .admin("create -f -")
        .stdin(&text.join("\n"))
        .run()
        .success();
}

fn refuses(suite: &Suite) {
    let name = suite.name("kept");
    offboard(suite, &suite.name("nobody"), "--yes")
        .code(1)
        .no_answer()
        .says("is not on record");
    suite.onboard(&name).run().success();
    offboard(suite, &name, "")
        .code(2)
        .no_answer()
        .says("pass --yes");
    suite.as_user(&name, "get pods").success();
    // A namespace that was given to someone else in the meantime stays.
    suite
        .admin(&format!(
            "annotate namespace {name} groundcrew.dev/owner=bob --overwrite"
        ))
        .run()
        .success();
    let output = offboard(suite, &name, "--yes");
    output.success().says("not marked as owned by");
    let namespace = suite.get(&format!("namespace {name}")).expect("it stays");
    assert!(namespace["metadata"]["deletionTimestamp"].is_null());
    let other = suite.name("keep");
    suite.onboard(&other).run().success();
    offboard(suite, &other, "--yes --keep-namespace").success();
    let namespace = suite.get(&format!("namespace {other}")).expect("it stays");
    assert!(namespace["metadata"]["deletionTimestamp"].is_null());
    suite.as_user(&other, "get pods").code(1);
    let auditor = suite.name("auditor");
    suite
        .admin(&format!("onboard offboard {other} --yes --as {auditor}"))
        .run()
        .code(1)
        .no_answer()
        .says("list")
        .says("clusterrolebindings.rbac.authorization.k8s.io");
}

fn denies(suite: &Suite) {
    let name = suite.name("asker");
    suite.onboard(&name).run().success();
    let request = suite.as_user(&name, "config view --raw -o json");
    assert!(request.success().stdout.contains("client-key-data"));
    // Any request that is marked as the user's; who made it does not matter.
    let issued = suite.get(&format!("csr -l groundcrew.dev/user={name}"));
    let issued = issued.expect("the request")["items"][0].clone();
    let open = serde_json::json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": format!("{name}-again"), "labels": issued["metadata"]["labels"]},
        "spec": {
            "request": issued["spec"]["request"],
            "signerName": issued["spec"]["signerName"],
            "usages": issued["spec"]["usages"],
        },
    });
    suite
        .admin("create -f -")
        .stdin(&open.to_string())
        .run()
        .success();
    offboard(suite, &name, "--yes")
        .success()
        .says(&format!("certificatesigningrequest/{name}-again denied"));
    let now = suite
        .get(&format!("csr {name}-again"))
        .expect("it is there");
    assert_eq!(now["status"]["conditions"][0]["type"], "Denied", "{now}");
}

/// For every k: the client dies at request k, and a second run ends everything. The questions of
/// the proof are many and change nothing: the first and the last stand for them.
fn dies(suite: &Suite) {
    let through = suite.proxied();
    let run = |name: &str| {
        let run = suite.admin(&format!("onboard offboard {name} --yes"));
        run.kubeconfig(&through.kubeconfig).run()
    };
    let undisturbed = suite.name("base");
    suite.onboard(&undisturbed).run().success();
    through.proxy.forget();
    run(&undisturbed).success();
    let log = through.proxy.log();
    let question = |path: &str| path.contains("subjectaccessreviews");
    let first = log
        .iter()
        .position(|sent| question(&sent.path))
        .expect("a proof");
    let last = log
        .iter()
        .rposition(|sent| question(&sent.path))
        .expect("a proof");
    let steps = (1..=first + 1).chain(last + 1..=log.len());
    for (fault, k) in steps.flat_map(|k| [(Fault::DieBefore, k), (Fault::DieAfter, k)]) {
        let name = suite.name("dying");
        suite.onboard(&name).run().success();
        let what = format!("{fault:?} at request {k} of {}", log.len());
        through.break_at(k, &fault);
        let broken = run(&name);
        if through.was_spared(k) {
            // A namespace that was gone sooner costs fewer questions.
            broken.success();
            continue;
        }
        assert_ne!(broken.code, Some(0), "{what}\n{broken}");
        through.proxy.heal();
        let record = suite.record(&name);
        if record["ended"].is_object() && record["generations"][0]["revokedAt"].is_null() {
            // Half-way, no run gives the user anything new.
            let file = suite.path("again");
            let again = suite.admin("onboard").args([&name, "--out"]).args([file]);
            let again = again.run();
            again.code(5).says("onboard offboard");
        }
        let second = run(&name);
        assert_eq!(second.code, Some(0), "{what}\n{broken}\n{second}");
        suite.as_user(&name, "get pods").code(1);
        let record = suite.record(&name);
        assert!(record["ended"]["provedAt"].is_string(), "{what}: {record}");
        assert!(
            record["generations"][0]["revokedAt"].is_string(),
            "{what}: {record}"
        );
        let namespace = suite.get(&format!("namespace {name}"));
        let going = namespace.is_none_or(|found| !found["metadata"]["deletionTimestamp"].is_null());
        assert!(going, "{what}");
    }
}

fn dry_run(suite: &Suite) {
    let name = suite.name("dry");
    suite.onboard(&name).run().success();
    let through = suite.proxied();
    for flag in ["client", "server"] {
        let run = suite.admin(&format!("onboard offboard {name} --dry-run={flag}"));
        let output = run.kubeconfig(&through.kubeconfig).run();
        output.success().answers("loses:").answers("deleted with");
    }
    let writes = through.proxy.log().into_iter().filter(|sent| {
        sent.method != "GET" && !sent.path.contains("review") && !sent.query.contains("dryRun=All")
    });
    // A delete carries its dry run in its body.
    let writes: Vec<_> = writes.filter(|sent| sent.method != "DELETE").collect();
    assert!(writes.is_empty(), "{writes:?}");
    suite.as_user(&name, "get pods").success();
    let namespace = suite.get(&format!("namespace {name}")).expect("it stays");
    assert!(namespace["metadata"]["deletionTimestamp"].is_null());
    assert!(suite.record(&name)["ended"].is_null());
}
