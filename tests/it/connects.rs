//! What the real kubectl connects with, the plugins connect with.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Case, Need, Suite};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    const NEEDS: &[Need] = &[Need::Plugins, Need::Sandbox, Need::OpenSsl];
    vec![Case::new(
        "every_client_certificate_that_kubectl_connects_with_connects",
        NEEDS,
        zoo,
    )]
}

/// Extensions of a usual client certificate.
const CLIENT: &str = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n";
/// Extensions that no server takes from a client.
const SERVER: &str = "extendedKeyUsage=serverAuth\n";

/// How a key is made: arguments of `openssl`, before `-out FILE`.
const KEYS: [(&str, &str); 10] = [
    (
        "rsa-1024",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
    ),
    (
        "rsa-e3",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
    ),
    (
        "rsa-2048",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    ),
    (
        "rsa-4096",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096",
    ),
    (
        "p256",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    ),
    (
        "p384",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    ),
    (
        "p521",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521",
    ),
    ("ed25519", "genpkey -algorithm ED25519"),
    // With a block EC PARAMETERS before the key, which is in the form of SEC 1.
    ("p256-sec1", "ecparam -genkey -name prime256v1"),
    ("p521-sec1", "ecparam -genkey -name secp521r1"),
];

fn zoo(suite: &Suite) {
    for (name, key) in KEYS {
        let key = key_file(suite, name, key);
        // Without extensions openssl makes a certificate of version 1.
        for (version, extensions) in [("v1", ""), ("v3", CLIENT)] {
            let name = format!("{name}-{version}");
            let certificate = certificate(suite, &name, &key, extensions);
            assert_eq!(
                outcome(suite, &name, &certificate, &key),
                (true, true),
                "{name}"
            );
        }
    }
    let key = suite.path("p256.key");
    let certificate_v3 = suite.path("p256-v3.crt");
    let text = fs::read_to_string(&certificate_v3).expect("it was made");

    let dressed = format!("Certificate:\n    Data: as openssl x509 -text has it\n{text}");
    let forms = [
        ("text", dressed),
        ("crlf", text.replace('\n', "\r\n")),
        ("chain", text.clone() + &ca(suite)),
    ];
    for (name, text) in forms {
        let file = suite.file(&format!("{name}.crt"), &text);
        assert_eq!(outcome(suite, name, &file, &key), (true, true), "{name}");
    }
    let both = text + &fs::read_to_string(&key).expect("it was made");
    let both = suite.file("both.pem", &both);
    assert_eq!(
        outcome(suite, "both", &both, &both),
        (true, true),
        "one file"
    );

    // What kubectl does not get in with, nobody does.
    let wrong = certificate(suite, "server-only", &key, SERVER);
    assert_eq!(outcome(suite, "server-only", &wrong, &key), (false, false));
    let other = suite.path("p384.key");
    assert_eq!(
        outcome(suite, "mismatch", &certificate_v3, &other),
        (false, false),
        "the key of another certificate"
    );

    // Go takes no fewer than 1024 bits.
    let tiny = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:768";
    let key = key_file(suite, "rsa-768", tiny);
    let file = certificate(suite, "rsa-768", &key, CLIENT);
    assert_eq!(outcome(suite, "rsa-768", &file, &key), (false, false));
    suite
        .program(&suite.plugin("kubectl-ns_claim"))
        .args(["list"])
        .kubeconfig(&suite.path("rsa-768.kubeconfig"))
        .run()
        .code(1)
        .says("the client key is none of RSA with 1024 bits or more");
}

/// Returns whether kubectl and a plugin got in.
fn outcome(suite: &Suite, name: &str, certificate: &Path, key: &Path) -> (bool, bool) {
    let cluster = suite.cluster();
    let document = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {
            "server": format!("https://{}", cluster.server()),
            "certificate-authority": cluster.cluster_ca().cert,
        }}],
        "users": [{"name": "u", "user": {"client-certificate": certificate, "client-key": key}}],
    });
    let file = suite.file(&format!("{name}.kubeconfig"), &document.to_string());
    let raw = ["get", "--raw", "/api/v1/namespaces?limit=1"];
    let theirs = suite.kubectl().kubeconfig(&file).args(raw).run();
    let plugin = suite.program(&suite.plugin("kubectl-ns_claim"));
    let ours = plugin.args(["list"]).kubeconfig(&file).run();
    (theirs.code == Some(0), ours.code == Some(0))
}

fn ca(suite: &Suite) -> String {
    fs::read_to_string(suite.cluster().cluster_ca().cert).expect("the sandbox has a CA")
}

fn key_file(suite: &Suite, name: &str, how: &str) -> PathBuf {
    let file = suite.path(&format!("{name}.key"));
    openssl(suite, how, &[Path::new("-out"), &file]);
    file
}

/// Has the cluster's CA sign a certificate of an administrator.
fn certificate(suite: &Suite, name: &str, key: &Path, extensions: &str) -> PathBuf {
    let request = suite.path(&format!("{name}.csr"));
    let file = suite.path(&format!("{name}.crt"));
    let extension_file = suite.file(&format!("{name}.ext"), extensions);
    let pair = suite.cluster().cluster_ca();
    openssl(
        suite,
        "req -new -subj /O=system:masters/CN=zoo",
        &[Path::new("-key"), key, Path::new("-out"), &request],
    );
    let serial = format!("x509 -req -days 1 -set_serial {}", 1000 + name.len());
    let mut arguments = vec![
        Path::new("-in"),
        &request,
        Path::new("-CA"),
        &pair.cert,
        Path::new("-CAkey"),
        &pair.key,
        Path::new("-out"),
        &file,
    ];
    if !extensions.is_empty() {
        arguments.extend([Path::new("-extfile"), extension_file.as_path()]);
    }
    openssl(suite, &serial, &arguments);
    file
}

fn openssl(suite: &Suite, words: &str, files: &[&Path]) {
    let run = suite.program(Path::new("openssl"));
    run.line(words).args(files).run().success();
}
