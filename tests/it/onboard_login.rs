//! `kubectl onboard --auth oidc` and `--auth exec`: credentials that somebody else issues.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use harness::{Case, Need, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("a_login_with_oidc_holds_no_secret_and_ends", needs, oidc),
        Case::new("a_login_with_a_program_works_as_whom_it_says", signer, exec),
        Case::new("a_login_that_lacks_something_is_refused", needs, refused),
    ]
}

const OIDC: &str = "--auth oidc --issuer-url https://login.example.com --client-id kubectl";

fn oidc(suite: &Suite) {
    let name = suite.name("login");
    let login = format!("oidc:{name}");
    let subject = format!("--subject user:{login}");
    let run = suite
        .onboard(&name)
        .line(&format!("{OIDC} {subject}"))
        .run();
    run.success()
        .answers("oidc, generation 1")
        .answers("not checked");
    let text = std::fs::read_to_string(suite.path(&format!("{name}.kubeconfig")));
    let text = text.expect("their file");
    assert!(
        text.contains("--oidc-issuer-url=https://login.example.com"),
        "{text}"
    );
    for secret in ["client-key-data", "client-certificate-data", "token:"] {
        assert!(!text.contains(secret), "{text}");
    }
    let as_login = |words: &str| suite.admin(&format!("{words} --as {login}")).run();
    let work = format!("create configmap proof -n {name} --dry-run=server");
    as_login(&work).success();
    suite.admin(&format!("{work} --as {name}")).run().code(1);
    // Again, with the file that is there: nothing changes, and their binding is not foreign.
    let again = suite
        .onboard(&name)
        .line(&format!("{OIDC} {subject}"))
        .run();
    again.success().says("rolebinding/").says("unchanged");
    let renew = suite.admin(&format!("onboard renew {name}")).run();
    renew
        .code(2)
        .says("the issuer of that credential renews it");

    let run = suite.admin(&format!("onboard offboard {name} --yes")).run();
    run.success()
        .answers("only the identity provider can end that");
    as_login(&work).code(1);
}

fn exec(suite: &Suite) {
    let (name, robot) = (suite.name("prog"), suite.name("robot"));
    suite.onboard(&robot).run().success();
    // What the program prints: the certificate of somebody whom the API server knows.
    let config = suite.as_user(&robot, "config view --raw -o json");
    let config = config.success().json();
    let user = &config["users"][0]["user"];
    let data = |field: &str| {
        let text = user[field].as_str().expect("data");
        let decoded = BASE64_STANDARD.decode(text).expect("base64");
        String::from_utf8(decoded).expect("PEM")
    };
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": data("client-certificate-data"),
            "clientKeyData": data("client-key-data"),
        },
    });
    let file = suite.file("credential.json", &credential.to_string());
    let run = suite
        .onboard(&name)
        .line(&format!(
            "--auth exec --subject user:{robot} --exec-command cat --exec-arg"
        ))
        .args([&file])
        .run();
    run.success().answers("exec, generation 1");
    let whoami = suite.as_user(&name, "auth whoami -o json");
    assert_eq!(
        whoami.success().json()["status"]["userInfo"]["username"],
        *robot
    );
    suite
        .as_user(&name, "create configmap proof --dry-run=server")
        .success();
    let record = suite.record(&name);
    assert_eq!(
        record["generations"][0]["provedAt"],
        Value::Null,
        "{record}"
    );
    let list = suite.admin("onboard list").run();
    list.success().answers("<by provider>");
    suite
        .admin(&format!("onboard offboard {name} --yes"))
        .run()
        .success();
    suite
        .as_user(&name, "create configmap proof --dry-run=server")
        .code(1);
    // What the robot has of its own is none of the user.
    suite.as_user(&robot, "get pods").success();
}

fn refused(suite: &Suite) {
    let name = suite.name("refused");
    for (flags, says) in [
        ("--auth oidc", "--issuer-url"),
        (
            "--auth oidc --issuer-url http://x --client-id y",
            "not the address",
        ),
        ("--auth exec", "--exec-command"),
        ("--issuer-url https://x --client-id y", "--auth oidc"),
        (&format!("{OIDC} --group x"), "--group"),
        (
            &format!("{OIDC} --subject user:system:admin"),
            "belongs to Kubernetes",
        ),
        (&format!("{OIDC} --subject alice"), "user:NAME"),
    ] {
        let output = suite.onboard(&name).line(flags).run();
        output.code(2).no_answer().says(says);
    }
    assert_eq!(suite.get(&format!("namespace {name}")), None);
}
