//! `kubectl onboard` doing its job.

use std::fs;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("a_new_colleague_gets_everything", signer, everything),
        Case::new(
            "their_file_alone_lets_them_work_in_theirs_and_nowhere_else",
            signer,
            their_file,
        ),
        Case::new("no_key_shows_up_anywhere", signer, no_key_anywhere),
        Case::new("running_again_changes_nothing", signer, again),
        Case::new(
            "without_the_file_no_second_certificate_is_issued",
            signer,
            without_the_file,
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
            "their_app_answers",
            &[Need::Plugins, Need::Signer, Need::RealNode],
            their_app,
        ),
    ]
}

fn everything(suite: &Suite) {
    let alice = suite.name("alice");
    let output = suite
        .onboard(&alice)
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
        .expect("their namespace");
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

    let record = suite.record(&alice);
    assert_eq!(record["generations"][0]["groups"], json!([group]));
    assert_eq!(
        record["generations"][0]["notAfter"],
        report["credential"]["notAfter"]
    );
    let digest = record["generations"][0]["sha256"]
        .as_str()
        .expect("a digest");
    let whoami = suite
        .as_user(&alice, "auth whoami -o json")
        .success()
        .json();
    let seen = &whoami["status"]["userInfo"]["extra"]["authentication.kubernetes.io/credential-id"];
    // Servers before 1.32 do not say it.
    if suite.server_minor() >= 32 {
        assert_eq!(
            seen[0],
            format!("X509SHA256={digest}"),
            "the record is about this certificate"
        );
    }
}

fn their_file(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite.has_private_file(&alice);
    let config = suite
        .as_user(&alice, "config view --raw -o json")
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

    let whoami = suite
        .as_user(&alice, "auth whoami -o json")
        .success()
        .json();
    assert_eq!(whoami["status"]["userInfo"]["username"], alice);
    suite
        .as_user(
            &alice,
            "create deployment hello --image=sandbox.local/web:1",
        )
        .success();
    suite
        .as_user(&alice, "get deployments.apps,pods,services,secrets")
        .success();
    suite
        .as_user(&alice, "create configmap notes --from-literal=a=b")
        .success();
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
        suite.as_user(&alice, &words).code(1).says("orbidden");
    }
}

fn no_key_anywhere(suite: &Suite) {
    let alice = suite.name("alice");
    let output = suite.onboard(&alice).line("-v 9 -o yaml").run();
    output.success();
    let config = suite
        .as_user(&alice, "config view --raw -o json")
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
    suite
        .onboard(&alice)
        .line("--role view --profile medium --team web")
        .run()
        .success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    let before = (
        versions(suite, &alice),
        fs::read(&file).expect("their file"),
    );
    // Nothing is stated: what the first run said still holds.
    let output = suite.onboard(&alice).line("-o json").run();
    assert_eq!(output.success().json()["generation"], 1);
    let after = (
        versions(suite, &alice),
        fs::read(&file).expect("their file"),
    );
    assert_eq!(before, after);
    suite.onboard(&alice).line("--team api").run().success();
    let namespace = suite
        .get(&format!("namespace {alice}"))
        .expect("their namespace");
    assert_eq!(
        namespace["metadata"]["annotations"]["groundcrew.dev/team"],
        "api"
    );
    assert_eq!(suite.requests_of(&alice), 1);
}

fn without_the_file(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    fs::remove_file(&file).expect("the file goes to its user");
    let output = suite.onboard(&alice).line("-o json").run();
    let report = output.success().json();
    assert_eq!(
        (&report["kubeconfig"], &report["verified"]),
        (&Value::Null, &json!(false))
    );
    assert!(!file.exists());
    assert_eq!(suite.requests_of(&alice), 1);
}

fn without_record(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let before = suite.record(&alice);
    let map = format!("configmap onboard-{alice} -n groundcrew-system");
    suite.admin(&format!("delete {map}")).run().success();
    suite.onboard(&alice).run().success();
    let after = suite.record(&alice);
    assert_eq!(
        before["generations"][0]["sha256"],
        after["generations"][0]["sha256"]
    );
    assert_eq!(suite.requests_of(&alice), 1);
}

fn replacing(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let old = suite.path("old.kubeconfig");
    fs::copy(suite.path(&format!("{alice}.kubeconfig")), &old).expect("their old laptop");
    let report = suite.onboard(&alice).line("--force -o json").run();
    assert_eq!(report.success().json()["generation"], 2);
    suite.as_user(&alice, "get pods").success();
    eventually("the old certificate loses its rights", || {
        let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&old);
        kubectl.line("get pods").run().stderr.contains("Forbidden")
    });
    let record = suite.record(&alice);
    assert!(
        record["generations"][0]["revokedAt"].is_string(),
        "{record}"
    );
    assert!(record["generations"][1]["revokedAt"].is_null(), "{record}");
}

fn their_app(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite
        .as_user(&alice, "create deployment web --image=sandbox.local/web:1")
        .success();
    suite
        .as_user(&alice, "rollout status deployment/web --timeout=90s")
        .success();
    let pods = suite
        .as_user(&alice, "get pods -l app=web -o json")
        .success()
        .json();
    let pod = &pods["items"][0];
    let address = pod["status"]["podIP"]
        .as_str()
        .expect("a running pod has an address");
    let answer = get(&format!("{address}:8080"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let name = pod["metadata"]["name"].as_str().expect("a pod has a name");
    suite.as_user(&alice, &format!("logs {name}")).success();
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

/// Returns the resourceVersion of everything that belongs to the user.
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
