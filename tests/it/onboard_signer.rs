//! Signers and servers with ideas of their own: lifetimes that nobody asked for, clocks that are
//! ahead, gateways that end TLS.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_sandbox::pki::Ca;
use harness::{Case, Need, Output, Suite, eventually};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn cases() -> Vec<Case> {
    let gateway = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    let no_signer = &[Need::Plugins, Need::NoSigner];
    vec![
        Case::new(
            "behind_a_gateway_that_ends_tls_a_token_is_issued",
            gateway,
            behind_a_gateway,
        ),
        Case::new(
            "a_signer_that_gives_a_year_is_told_and_can_be_refused",
            no_signer,
            generous_signer,
        ),
        Case::new(
            "a_signer_whose_clock_is_ahead_is_waited_for",
            no_signer,
            early_signer,
        ),
    ]
}

/// Writes a kubeconfig with the token of an admin, for this server.
fn token_admin(suite: &Suite, server: &str) -> std::path::PathBuf {
    let name = suite.name("gate");
    for line in [
        format!("create serviceaccount {name} -n default"),
        format!(
            "create clusterrolebinding {name} --clusterrole=cluster-admin --serviceaccount=default:{name}"
        ),
    ] {
        suite.admin(&line).run().success();
    }
    let token = suite
        .admin(&format!("create token {name} -n default"))
        .run();
    let config = suite.admin("config view --raw --minify -o json").run();
    let mut config = config.success().json();
    config["clusters"][0]["cluster"]["server"] = json!(server);
    config["users"][0]["user"] = json!({"token": token.success().stdout.trim()});
    suite.file("token-admin.kubeconfig", &config.to_string())
}

fn behind_a_gateway(suite: &Suite) {
    let through = suite.proxied();
    through.proxy.keep_certificates();
    let server = format!("https://{}", through.proxy.address());
    let admin = token_admin(suite, &server);
    let run = |user: &str, flags: &str| {
        let run = suite.onboard(user).line(flags);
        run.kubeconfig(&admin).run()
    };
    let alice = suite.name("alice");
    let issued = run(&alice, "-o json");
    assert_eq!(issued.success().json()["credential"]["type"], "token");
    issued.says("does not see the client certificate");
    suite.as_user(&alice, "get pods").success();
    assert_eq!(suite.record(&alice)["generations"][0]["type"], "token");

    let doctor = suite.admin("onboard doctor -o json").kubeconfig(&admin);
    let found = doctor.run();
    found.answers("issued a certificate, but the API server does not see the client certificate");

    let bob = suite.name("bob");
    let refused = run(&bob, "--auth cert");
    refused
        .code(1)
        .says("does not see the client certificate")
        .says("--auth token");
    assert!(
        !refused.stderr.contains("--user=system:anonymous"),
        "{refused}"
    );
    assert!(!suite.path(&format!("{bob}.kubeconfig")).exists());
    eventually("their namespace goes", || {
        suite.get(&format!("namespace {bob}")).is_none()
    });
}

/// Onboards while the case plays the signer.
fn signed(suite: &Suite, user: &str, flags: &str, from: SystemTime, until: SystemTime) -> Output {
    let run = suite
        .onboard(user)
        .line("--auth cert --expires 8h")
        .line(flags);
    std::thread::scope(|scope| {
        let running = scope.spawn(move || run.run());
        let mut request = None;
        eventually("there is a request", || {
            let all = suite.get(&format!("csr -l groundcrew.dev/user={user}"));
            request = all.and_then(|all| all["items"].as_array()?.first().cloned());
            let approved = request.as_ref().map(|one| &one["status"]["conditions"]);
            approved.is_some_and(Value::is_array)
        });
        let mut request = request.expect("a request");
        let pem = request["spec"]["request"].as_str().expect("a request");
        let pem = String::from_utf8(STANDARD.decode(pem).expect("base64")).expect("PEM");
        let ca = Ca::load(&suite.cluster().cluster_ca()).expect("the authority");
        let certificate = ca.sign(&pem, from, until).expect("it signs");
        request["status"]["certificate"] = json!(STANDARD.encode(certificate));
        let name = request["metadata"]["name"].as_str().expect("a name");
        let path = format!("/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/status");
        let file = suite.file("signed.json", &request.to_string());
        suite
            .admin(&format!("replace --raw {path} -f"))
            .args([file])
            .run()
            .success();
        running.join().expect("the admin")
    })
}

fn generous_signer(suite: &Suite) {
    let now = SystemTime::now();
    let year = now + 365 * DAY;
    let alice = suite.name("alice");
    let refused = signed(suite, &alice, "--max-expires 12h", now, year);
    refused.code(1).says("--max-expires allows 12h");
    assert!(!suite.path(&format!("{alice}.kubeconfig")).exists());
    eventually("nothing is left", || {
        suite.get(&format!("namespace {alice}")).is_none()
    });
    let bob = suite.name("bob");
    let taken = signed(suite, &bob, "", now, year);
    taken.success().says("8h was asked for");
    let end = suite.record(&bob)["generations"][0]["retireAfter"].clone();
    assert!(end.is_string(), "its rights end when they were asked to");
}

fn early_signer(suite: &Suite) {
    let now = SystemTime::now();
    let cora = suite.name("cora");
    let ahead = Duration::from_secs(6);
    let output = signed(suite, &cora, "", now + ahead, now + DAY / 3);
    output.success();
    assert!(now.elapsed().is_ok_and(|took| took >= ahead), "{output}");
    suite.as_user(&cora, "get pods").success();
    let dora = suite.name("dora");
    let far = SystemTime::now() + DAY;
    signed(suite, &dora, "--timeout 20s", far, far + DAY)
        .code(1)
        .says("the signer's clock is ahead");
}
