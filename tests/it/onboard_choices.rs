//! `kubectl onboard` with all that one can choose.

use std::time::Duration;

use harness::{Case, Entry, Need, Suite, eventually};
use serde_json::json;

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
        Case::new("the_list_names_everybody_and_who_ends_soon", signer, lists),
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
            "a_published_address_goes_into_their_file",
            no_signer,
            published_address,
        ),
        Case::new(
            "an_address_that_cannot_be_tried_leaves_the_answer_open",
            signer,
            untried,
        ),
        Case::new("the_longest_name_works", signer, longest_name),
    ]
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
    let output = suite
        .onboard(&alice)
        .line("--role view --group team-a --group team/b --network open --expires 1h --profile")
        .args([&profile])
        .run();
    output.success();
    let whoami = suite
        .as_user(&alice, "auth whoami -o json")
        .success()
        .json();
    let groups = whoami["status"]["userInfo"]["groups"].clone();
    let own = format!("onboard:{alice}:g1");
    assert_eq!(
        groups,
        json!(["team-a", "team/b", own, "system:authenticated"])
    );
    suite.as_user(&alice, "get pods").success();
    suite
        .as_user(&alice, "create configmap a")
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
        let output = suite
            .onboard(&alice)
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
    let output = suite.onboard(&alice).kubeconfig(&through.kubeconfig).run();
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
    let report = suite
        .onboard(&bob)
        .line("--auth token --expires 1h -o json")
        .run();
    assert_eq!(report.success().json()["credential"]["type"], "token");
    suite.has_private_file(&bob);
    token_ends_with_its_secret(suite, &bob);
}

fn token_ends_with_its_secret(suite: &Suite, name: &str) {
    suite.as_user(name, "get pods").success();
    suite
        .as_user(name, "get secrets -n groundcrew-system")
        .code(1)
        .says("orbidden");
    let secret = format!("secret onboard-{name}-g1 -n groundcrew-system");
    suite.admin(&format!("delete {secret}")).run().success();
    eventually("the token ends", || {
        suite
            .as_user(name, "get pods")
            .stderr
            .contains("You must be logged in")
    });
}

fn unsigned(suite: &Suite) {
    let carol = suite.name("carol");
    let output = suite.onboard(&carol).line("--auth cert --timeout 2s").run();
    output
        .code(124)
        .no_answer()
        .says("issued nothing within 2s")
        .says("--auth token");
    assert!(output.took < Duration::from_secs(30), "{output}");
    assert_eq!(suite.requests_of(&carol), 0);
    eventually("their namespace goes", || {
        suite.get(&format!("namespace {carol}")).is_none()
    });
    assert!(!suite.path(&format!("{carol}.kubeconfig")).exists());
}

fn auto_token(suite: &Suite) {
    let dora = suite.name("dora");
    let output = suite.onboard(&dora).line("--timeout 2s -o json").run();
    assert_eq!(output.success().json()["credential"]["type"], "token");
    output.says("issuing a token instead");
    assert_eq!(suite.requests_of(&dora), 0);
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
    let output = suite.onboard(&eve).line("--auth token").run();
    suite
        .admin("delete configmap cluster-info -n kube-public")
        .run()
        .success();
    output
        .success()
        .says("localhost")
        .says("works on this machine only");
    let config = suite
        .as_user(&eve, "config view --raw -o json")
        .success()
        .json();
    assert_eq!(config["clusters"][0]["cluster"]["server"], server);
}

fn untried(suite: &Suite) {
    let alice = suite.name("alice");
    // Nothing listens there.
    let output = suite
        .onboard(&alice)
        .line("--user-server https://127.0.0.1:1 -o json")
        .run();
    let report = output.code(4).json();
    assert_eq!(report["verified"], false);
    output
        .says("https://127.0.0.1:1 from here: not tried")
        .says("refused");
    let config = suite
        .as_user(&alice, "config view --raw -o json")
        .success()
        .json();
    assert_eq!(
        config["clusters"][0]["cluster"]["server"],
        "https://127.0.0.1:1"
    );
    assert_eq!(suite.record(&alice)["generations"][0]["generation"], 1);
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

fn lists(suite: &Suite) {
    let (alice, bob) = (suite.name("alice"), suite.name("bob"));
    suite.onboard(&alice).line("--team web").run().success();
    suite.onboard(&bob).line("--expires 1h").run().success();
    let output = suite.admin("onboard list -o json").run();
    let document = output.success().json();
    assert_eq!(
        (&document["kind"], &document["complete"]),
        (&json!("OnboardList"), &json!(true))
    );
    let people = document["people"].as_array().expect("people");
    let row = |name: &str| {
        people
            .iter()
            .find(|row| row["user"] == name)
            .expect("a row")
    };
    assert_eq!(
        (&row(&alice)["team"], &row(&alice)["generation"]),
        (&json!("web"), &json!(1))
    );
    assert!(row(&alice)["provedAt"].is_string(), "{}", row(&alice));
    let soon = suite.admin("onboard list --expiring 2h --no-headers").run();
    soon.code(3).answers(&bob);
    assert!(
        !soon.stdout.contains(&alice) && !soon.stdout.contains("USER"),
        "{soon}"
    );
}
