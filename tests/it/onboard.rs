//! `kubectl onboard` doing its job.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::{Case, Entry, Need, Output, Run, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    let proxy = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    let no_signer = &[Need::Plugins, Need::NoSigner];
    vec![
        Case::new("a_new_colleague_gets_everything", signer, everything),
        Case::new(
            "her_file_alone_lets_her_work_in_hers_and_nowhere_else",
            signer,
            her_file,
        ),
        Case::new("no_key_shows_up_anywhere", signer, no_key_anywhere),
        Case::new("running_again_changes_nothing", signer, again),
        Case::new(
            "without_her_file_no_second_certificate_is_issued",
            signer,
            without_her_file,
        ),
        Case::new(
            "a_file_without_record_is_put_on_record",
            signer,
            without_record,
        ),
        Case::new(
            "replacing_ends_the_old_certificates_rights",
            signer,
            replacing,
        ),
        Case::new(
            "a_mail_address_gets_a_namespace_of_its_own",
            signer,
            mail_address,
        ),
        Case::new(
            "groups_roles_and_profiles_are_what_was_asked",
            signer,
            choices,
        ),
        Case::new("a_dry_run_writes_nothing", proxy, dry_run),
        Case::new("a_new_colleague_costs_25_requests_at_most", proxy, requests),
        Case::new("a_token_works_and_ends_with_its_secret", signer, token),
        Case::new(
            "an_unsigned_certificate_times_out_and_leaves_nothing",
            no_signer,
            unsigned,
        ),
        Case::new(
            "without_a_signer_auto_issues_a_token",
            no_signer,
            auto_token,
        ),
        Case::new(
            "a_published_address_goes_into_her_file",
            no_signer,
            published_address,
        ),
        Case::new(
            "an_address_that_cannot_be_tried_leaves_the_answer_open",
            signer,
            untried,
        ),
        Case::new("the_longest_name_works", signer, longest_name),
        Case::new(
            "her_app_answers",
            &[Need::Plugins, Need::Signer, Need::RealNode],
            her_app,
        ),
    ]
}

/// `kubectl onboard NAME` with its file in the case's own directory.
fn onboard(suite: &Suite, name: &str) -> Run {
    suite
        .admin("onboard")
        .args([name, "--out"])
        .args([suite.path(&format!("{name}.kubeconfig"))])
}

/// `kubectl WORDS` with nothing but her file.
fn as_her(suite: &Suite, name: &str, words: &str) -> Output {
    let file = suite.path(&format!("{name}.kubeconfig"));
    let kubectl = suite.cluster().kubectl();
    suite.program(&kubectl).kubeconfig(&file).line(words).run()
}

fn everything(suite: &Suite) {
    let alice = suite.name("alice");
    let output = onboard(suite, &alice)
        .line("--team payments --contact #payments --purpose app -o json")
        .run();
    let report = output.success().json();
    assert_eq!(report["apiVersion"], "groundcrew.dev/v1alpha1");
    assert_eq!(report["kind"], "OnboardReport");
    assert_eq!(
        (&report["user"], &report["namespace"]),
        (&json!(alice), &json!(alice))
    );
    assert_eq!(
        (&report["generation"], &report["verified"]),
        (&json!(1), &json!(true))
    );
    let group = format!("onboard:{alice}:g1");
    assert_eq!(report["credential"]["type"], "certificate");
    assert_eq!(report["credential"]["groups"], json!([group]));
    assert!(report["elapsedSeconds"].is_number() && report["credential"]["notAfter"].is_string());

    let namespace = suite
        .get(&format!("namespace {alice}"))
        .expect("her namespace");
    let note = |key: &str| &namespace["metadata"]["annotations"][format!("groundcrew.dev/{key}")];
    assert_eq!(
        (note("owner"), note("team")),
        (&json!(alice), &json!("payments"))
    );
    assert_eq!(
        (note("contact"), note("purpose")),
        (&json!("#payments"), &json!("app"))
    );
    let level =
        |mode: &str| &namespace["metadata"]["labels"][format!("pod-security.kubernetes.io/{mode}")];
    assert_eq!(
        (level("enforce"), level("warn")),
        (&json!("baseline"), &json!("restricted"))
    );
    assert_eq!(level("audit"), "restricted");

    let object = |what: &str| suite.get(&format!("{what} -n {alice}")).expect(what);
    let limits = object("limitrange onboard");
    assert_eq!(limits["spec"]["limits"][0]["defaultRequest"]["cpu"], "50m");
    let quota = object("resourcequota onboard");
    assert_eq!(quota["spec"]["hard"]["pods"], "20");
    assert_eq!(quota["spec"]["hard"]["services.loadbalancers"], "0");
    let policy = object("networkpolicy default-deny");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let binding = object(&format!("rolebinding onboard-{alice}"));
    assert_eq!(binding["roleRef"]["name"], "edit");
    assert_eq!(binding["subjects"].as_array().map(Vec::len), Some(1));
    assert_eq!(binding["subjects"][0]["kind"], "Group");
    assert_eq!(binding["subjects"][0]["name"], group);

    let record = record(suite, &alice);
    assert_eq!(record["generations"][0]["groups"], json!([group]));
    assert_eq!(
        record["generations"][0]["notAfter"],
        report["credential"]["notAfter"]
    );
    let digest = record["generations"][0]["sha256"]
        .as_str()
        .expect("a digest");
    let whoami = as_her(suite, &alice, "auth whoami -o json")
        .success()
        .json();
    let seen = &whoami["status"]["userInfo"]["extra"]["authentication.kubernetes.io/credential-id"];
    assert_eq!(
        seen[0],
        format!("X509SHA256={digest}"),
        "the record is about this certificate"
    );
}

fn her_file(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice).run().success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    private(&file);
    let config = as_her(suite, &alice, "config view --raw -o json")
        .success()
        .json();
    assert_eq!(config["contexts"][0]["context"]["namespace"], alice);
    assert_eq!(config["current-context"], config["contexts"][0]["name"]);
    let context = config["current-context"].as_str().expect("a context");
    assert!(context.starts_with(&format!("{alice}@")), "{context}");
    let text = config.to_string();
    for foreign in [
        "insecure",
        "exec",
        "\"client-certificate\"",
        "\"certificate-authority\"",
    ] {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }

    let whoami = as_her(suite, &alice, "auth whoami -o json")
        .success()
        .json();
    assert_eq!(whoami["status"]["userInfo"]["username"], alice);
    as_her(
        suite,
        &alice,
        "create deployment hello --image=sandbox.local/web:1",
    )
    .success();
    as_her(suite, &alice, "get deployments.apps,pods,services,secrets").success();
    as_her(suite, &alice, "create configmap notes --from-literal=a=b").success();
    for refused in [
        "get secrets -n kube-system",
        "get pods -n default",
        "get namespaces",
        "get nodes",
        "create rolebinding more --clusterrole=admin --user=alice",
        "delete namespace",
        "delete resourcequota onboard",
    ] {
        let words = refused.replace("delete namespace", &format!("delete namespace {alice}"));
        as_her(suite, &alice, &words).code(1).says("orbidden");
    }
}

fn no_key_anywhere(suite: &Suite) {
    let alice = suite.name("alice");
    let output = onboard(suite, &alice).line("-v 9 -o yaml").run();
    output.success();
    let config = as_her(suite, &alice, "config view --raw -o json")
        .success()
        .json();
    let key = config["users"][0]["user"]["client-key-data"]
        .as_str()
        .expect("an embedded key");
    let middle = &key[60..100];
    for text in [&output.stdout, &output.stderr] {
        assert!(
            !text.contains("PRIVATE KEY") && !text.contains(middle),
            "a key is shown"
        );
        assert!(!text.contains("client-key"), "a key is shown");
    }
    assert!(
        output.stderr.contains("certificatesigningrequests"),
        "-v 9 shows requests\n{output}"
    );
    let kept = suite.get(&format!("configmap onboard-{alice} -n groundcrew-system"));
    assert!(!kept.expect("a record").to_string().contains("KEY"));
}

fn again(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice)
        .line("--role view --profile medium --team web")
        .run()
        .success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    let before = (versions(suite, &alice), fs::read(&file).expect("her file"));
    // Nothing is stated: what the first run said still holds.
    let output = onboard(suite, &alice).line("-o json").run();
    assert_eq!(output.success().json()["generation"], 1);
    let after = (versions(suite, &alice), fs::read(&file).expect("her file"));
    assert_eq!(before, after);
    onboard(suite, &alice).line("--team api").run().success();
    let namespace = suite
        .get(&format!("namespace {alice}"))
        .expect("her namespace");
    assert_eq!(
        namespace["metadata"]["annotations"]["groundcrew.dev/team"],
        "api"
    );
    assert_eq!(requests_of(suite, &alice), 1);
}

fn without_her_file(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice).run().success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    fs::remove_file(&file).expect("her file goes to her");
    let output = onboard(suite, &alice).line("-o json").run();
    let report = output.success().json();
    assert_eq!(
        (&report["kubeconfig"], &report["verified"]),
        (&Value::Null, &json!(false))
    );
    assert!(!file.exists());
    assert_eq!(requests_of(suite, &alice), 1);
}

fn without_record(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice).run().success();
    let before = record(suite, &alice);
    let map = format!("configmap onboard-{alice} -n groundcrew-system");
    suite.admin(&format!("delete {map}")).run().success();
    onboard(suite, &alice).run().success();
    let after = record(suite, &alice);
    assert_eq!(
        before["generations"][0]["sha256"],
        after["generations"][0]["sha256"]
    );
    assert_eq!(requests_of(suite, &alice), 1);
}

fn replacing(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice).run().success();
    let old = suite.path("old.kubeconfig");
    fs::copy(suite.path(&format!("{alice}.kubeconfig")), &old).expect("her old laptop");
    let report = onboard(suite, &alice).line("--force -o json").run();
    assert_eq!(report.success().json()["generation"], 2);
    as_her(suite, &alice, "get pods").success();
    eventually(
        "the old certificate loses its rights",
        Duration::from_secs(10),
        || {
            let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&old);
            kubectl.line("get pods").run().stderr.contains("Forbidden")
        },
    );
    let record = record(suite, &alice);
    assert!(
        record["generations"][0]["revokedAt"].is_string(),
        "{record}"
    );
    assert!(record["generations"][1]["revokedAt"].is_null(), "{record}");
}

fn mail_address(suite: &Suite) {
    let alice = suite.name("alice");
    let mail = format!("{alice}@example.com");
    let out = suite.path("mail.kubeconfig");
    let output = suite
        .admin("onboard")
        .args([&mail])
        .args(["--out"])
        .args([&out])
        .run();
    let text = output.success().stdout.clone();
    let line = text
        .lines()
        .find(|line| line.contains("namespace"))
        .expect("a namespace line");
    let namespace = line.split_whitespace().last().expect("a name");
    assert!(
        namespace.starts_with(&format!("{alice}-example-com---")),
        "{namespace}"
    );
    let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&out);
    let whoami = kubectl.line("auth whoami -o json").run();
    assert_eq!(
        whoami.success().json()["status"]["userInfo"]["username"],
        mail
    );
    suite
        .admin("delete --wait=false namespace")
        .args([namespace])
        .run()
        .success();
}

fn choices(suite: &Suite) {
    let alice = suite.name("alice");
    let profile = suite.file(
        "profile.yaml",
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: ignored}\n\
         spec: {hard: {pods: '3', count/configmaps: '7'}}\n",
    );
    let output = onboard(suite, &alice)
        .line("--role view --group team-a --group team/b --network open --expires 1h --profile")
        .args([&profile])
        .run();
    output.success();
    let whoami = as_her(suite, &alice, "auth whoami -o json")
        .success()
        .json();
    let groups = whoami["status"]["userInfo"]["groups"].clone();
    let own = format!("onboard:{alice}:g1");
    assert_eq!(
        groups,
        json!(["team-a", "team/b", own, "system:authenticated"])
    );
    as_her(suite, &alice, "get pods").success();
    as_her(suite, &alice, "create configmap a")
        .code(1)
        .says("orbidden");
    let object = |what: &str| suite.get(&format!("{what} -n {alice}"));
    let quota = object("resourcequota onboard").expect("a quota");
    assert_eq!(quota["spec"]["hard"]["count/configmaps"], "7");
    assert_eq!(object("limitrange onboard"), None);
    let policy = object("networkpolicy default-deny").expect("a policy");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
}

fn dry_run(suite: &Suite) {
    let alice = suite.name("alice");
    let through = suite.proxied();
    for mode in ["client", "server"] {
        let output = onboard(suite, &alice)
            .kubeconfig(&through.kubeconfig)
            .args([format!("--dry-run={mode}")])
            .run();
        output
            .success()
            .answers(&format!("namespace/{alice} created ("));
    }
    let writes: Vec<_> = through
        .proxy
        .log()
        .into_iter()
        .filter(Entry::is_write)
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
    assert!(!suite.path(&format!("{alice}.kubeconfig")).exists());
}

fn requests(suite: &Suite) {
    let alice = suite.name("alice");
    let through = suite.proxied();
    let output = onboard(suite, &alice).kubeconfig(&through.kubeconfig).run();
    output
        .success()
        .answers(&format!("{} requests", through.proxy.count()));
    let log = through.proxy.log();
    // Asked again while a new right spreads: as often as it takes, so not the plugin's doing.
    let mut asked: Vec<_> = log.iter().collect();
    asked
        .retain(|sent| sent.user.as_deref() == Some(&alice) && sent.path.contains("accessreviews"));
    let waits = asked.len().saturating_sub(6);
    let lines: Vec<String> = log
        .iter()
        .map(|sent| format!("{} {} {:?}", sent.method, sent.path, sent.user))
        .collect();
    assert!(
        log.len() - waits <= 25,
        "{} requests:\n{}",
        log.len(),
        lines.join("\n")
    );
    let agent = format!("kubectl-onboard/{} (", env!("CARGO_PKG_VERSION"));
    assert!(
        log.iter().all(|sent| sent.user_agent.starts_with(&agent)),
        "{:?}",
        log[0]
    );
}

fn token(suite: &Suite) {
    let bob = suite.name("bob");
    let report = onboard(suite, &bob)
        .line("--auth token --expires 1h -o json")
        .run();
    assert_eq!(report.success().json()["credential"]["type"], "token");
    private(&suite.path(&format!("{bob}.kubeconfig")));
    token_ends_with_its_secret(suite, &bob);
}

fn token_ends_with_its_secret(suite: &Suite, name: &str) {
    as_her(suite, name, "get pods").success();
    as_her(suite, name, "get secrets -n groundcrew-system")
        .code(1)
        .says("orbidden");
    let secret = format!("secret onboard-{name}-g1 -n groundcrew-system");
    suite.admin(&format!("delete {secret}")).run().success();
    eventually("the token ends", Duration::from_secs(60), || {
        as_her(suite, name, "get pods")
            .stderr
            .contains("You must be logged in")
    });
}

fn unsigned(suite: &Suite) {
    let carol = suite.name("carol");
    let output = onboard(suite, &carol)
        .line("--auth cert --timeout 2s")
        .run();
    output
        .code(124)
        .no_answer()
        .says("issued nothing within 2s")
        .says("--auth token");
    assert!(output.took < Duration::from_secs(30), "{output}");
    assert_eq!(requests_of(suite, &carol), 0);
    eventually("her namespace goes", Duration::from_secs(60), || {
        suite.get(&format!("namespace {carol}")).is_none()
    });
    assert!(!suite.path(&format!("{carol}.kubeconfig")).exists());
}

fn auto_token(suite: &Suite) {
    let dora = suite.name("dora");
    let output = onboard(suite, &dora).line("--timeout 2s -o json").run();
    assert_eq!(output.success().json()["credential"]["type"], "token");
    output.says("issuing a token instead");
    assert_eq!(requests_of(suite, &dora), 0);
    token_ends_with_its_secret(suite, &dora);
}

fn published_address(suite: &Suite) {
    let eve = suite.name("eve");
    let view = suite.admin("config view --raw --flatten -o json").run();
    let cluster = view.success().json()["clusters"][0]["cluster"].clone();
    let server = cluster["server"]
        .as_str()
        .expect("a server")
        .replace("127.0.0.1", "localhost");
    let published = json!({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": {
        "server": server, "certificate-authority-data": cluster["certificate-authority-data"],
    }}]});
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {"kubeconfig": published.to_string()},
    });
    suite
        .admin("apply -f -")
        .stdin(&map.to_string())
        .run()
        .success();
    let output = onboard(suite, &eve).line("--auth token").run();
    suite
        .admin("delete configmap cluster-info -n kube-public")
        .run()
        .success();
    output
        .success()
        .says("localhost")
        .says("works on this machine alone");
    let config = as_her(suite, &eve, "config view --raw -o json")
        .success()
        .json();
    assert_eq!(config["clusters"][0]["cluster"]["server"], server);
}

fn untried(suite: &Suite) {
    let alice = suite.name("alice");
    // Nothing listens there.
    let output = onboard(suite, &alice)
        .line("--user-server https://127.0.0.1:1 -o json")
        .run();
    let report = output.code(4).json();
    assert_eq!(report["verified"], false);
    output
        .says("https://127.0.0.1:1 from here: not tried")
        .says("refused");
    let config = as_her(suite, &alice, "config view --raw -o json")
        .success()
        .json();
    assert_eq!(
        config["clusters"][0]["cluster"]["server"],
        "https://127.0.0.1:1"
    );
    assert_eq!(record(suite, &alice)["generations"][0]["generation"], 1);
}

fn longest_name(suite: &Suite) {
    let stem = suite.name("long");
    let name = format!("{stem}{}", "x".repeat(64 - stem.len()));
    let out = suite.path("long.kubeconfig");
    let output = suite
        .admin("onboard")
        .args([&name])
        .args(["--out"])
        .args([&out])
        .run();
    let text = output.success().stdout.clone();
    let line = text
        .lines()
        .find(|line| line.contains("namespace"))
        .expect("a namespace line");
    let namespace = line.split_whitespace().last().expect("a name");
    assert_eq!(namespace.len(), 63, "{namespace}");
    let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&out);
    kubectl.line("get pods").run().success();
    suite
        .admin("delete --wait=false namespace")
        .args([namespace])
        .run()
        .success();
}

fn her_app(suite: &Suite) {
    let alice = suite.name("alice");
    onboard(suite, &alice).run().success();
    as_her(
        suite,
        &alice,
        "create deployment web --image=sandbox.local/web:1",
    )
    .success();
    as_her(suite, &alice, "rollout status deployment/web --timeout=90s").success();
    let pods = as_her(suite, &alice, "get pods -l app=web -o json")
        .success()
        .json();
    let pod = &pods["items"][0];
    let address = pod["status"]["podIP"]
        .as_str()
        .expect("a running pod has an address");
    let answer = get(&format!("{address}:8080"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let name = pod["metadata"]["name"].as_str().expect("a pod has a name");
    as_her(suite, &alice, &format!("logs {name}")).success();
}

/// Speaks just enough HTTP for one answer.
fn get(address: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("the pod listens");
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn record(suite: &Suite, name: &str) -> Value {
    let map = suite.get(&format!("configmap onboard-{name} -n groundcrew-system"));
    let text = map.expect("a record")["data"]["record.json"]
        .as_str()
        .expect("a text")
        .to_owned();
    serde_json::from_str(&text).expect("a record is JSON")
}

/// Returns the resourceVersion of everything that belongs to her.
fn versions(suite: &Suite, name: &str) -> Vec<String> {
    [
        format!("namespace {name}"),
        format!("limitrange onboard -n {name}"),
        format!("resourcequota onboard -n {name}"),
        format!("networkpolicy default-deny -n {name}"),
        format!("rolebinding onboard-{name} -n {name}"),
        format!("configmap onboard-{name} -n groundcrew-system"),
    ]
    .iter()
    .map(|what| {
        let object = suite.get(what).expect(what);
        // The quota controller writes the status of a quota whenever it counts.
        if object["kind"] == "ResourceQuota" {
            return object["spec"].to_string();
        }
        object["metadata"]["resourceVersion"].to_string()
    })
    .collect()
}

fn requests_of(suite: &Suite, name: &str) -> usize {
    let found = suite.get(&format!("csr -l groundcrew.dev/user={name}"));
    found.map_or(0, |list| list["items"].as_array().map_or(0, Vec::len))
}

fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).expect("her file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    }
}
