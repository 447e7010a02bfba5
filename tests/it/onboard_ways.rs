//! What goes from the admin's entry of the cluster into the user's file, and what does not.

use std::io::{Read as _, Write as _, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::{fs, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Case, Need, Suite};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("a_password_of_a_proxy_is_not_handed_on", needs, password),
        Case::new("a_proxy_is_for_its_address_and_is_warned_of", needs, proxy),
        Case::new(
            "of_an_authority_certificates_alone_are_handed_on",
            needs,
            authority,
        ),
        Case::new("a_changed_certificate_file_is_refused", needs, changed),
    ]
}

/// Starts a proxy that lets `CONNECT` through, whoever asks; returns its port.
fn connecting() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || tunnel(client));
        }
    });
    port
}

fn tunnel(mut client: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    Some(())
}

/// Returns the admin's kubeconfig with something changed in the entry of the cluster.
fn changed_admin(suite: &Suite, name: &str, change: &str) -> PathBuf {
    let config = suite.admin("config view --raw -o json").run();
    let config = config.success().json();
    let file = suite.file(name, &config.to_string());
    let cluster = config["clusters"][0]["name"].as_str().expect("a name");
    let run = suite.admin(&format!("config set-cluster {cluster} {change}"));
    run.kubeconfig(&file).run().success();
    file
}

fn onboard(suite: &Suite, kubeconfig: &Path, name: &str) -> harness::Run {
    suite.onboard(name).kubeconfig(kubeconfig)
}

fn cluster_of(suite: &Suite, name: &str) -> Value {
    let config = suite.as_user(name, "config view --raw -o json");
    config.success().json()["clusters"][0]["cluster"].clone()
}

fn password(suite: &Suite) {
    let port = connecting();
    let url = format!("http://ops:s3cret@127.0.0.1:{port}");
    let admin = changed_admin(suite, "admin", &format!("--proxy-url={url}"));
    let name = suite.name("alice");
    let refused = onboard(suite, &admin, &name).run();
    refused.code(2).no_answer().says("--user-proxy");
    assert!(!refused.stderr.contains("s3cret"), "{refused}");
    assert_eq!(suite.get(&format!("namespace {name}")), None);
    // The way back of a request is no other way.
    let _laptop = suite.requested(&name, 1);
    let request = suite.path(&format!("laptop-{name}/{name}.csr"));
    let sign = suite.sign(&name, &request).kubeconfig(&admin);
    sign.run().code(2).no_answer().says("--user-proxy");
    // Who gives nobody a file needs no way.
    suite.onboard(&name).run().success();
    let team = suite.name("team");
    suite
        .admin(&format!("create namespace {team}"))
        .run()
        .success();
    let join = suite.admin(&format!("onboard join {name} {team}"));
    join.kubeconfig(&admin).run().success();
    let renew = suite.admin(&format!("onboard renew {name} --user-proxy none --out"));
    let new = suite.path("new");
    renew.args([&new]).kubeconfig(&admin).run().success();
    let text = fs::read_to_string(&new).expect("the new file");
    assert!(!text.contains("proxy-url"), "no proxy");
}

fn proxy(suite: &Suite) {
    let port = connecting();
    let url = format!("http://localhost:{port}");
    let admin = changed_admin(suite, "admin", &format!("--proxy-url={url}"));
    let near = suite.name("near");
    let output = onboard(suite, &admin, &near).run();
    output.success().says("loopback").says("--user-proxy");
    assert_eq!(cluster_of(suite, &near)["proxy-url"], url.as_str());
    let far = suite.name("far");
    let server = cluster_of(suite, &near)["server"].clone();
    let server = server.as_str().expect("an address");
    let elsewhere = server.replace("127.0.0.1", "localhost");
    assert_ne!(elsewhere, server);
    let run = onboard(suite, &admin, &far).args(["--user-server", &elsewhere]);
    run.run().success();
    assert_eq!(cluster_of(suite, &far)["proxy-url"], Value::Null);
    let own = suite.name("own");
    let given = format!("http://127.0.0.1:{port}");
    let run = onboard(suite, &admin, &own).args(["--user-proxy", &given]);
    run.run().success();
    assert_eq!(cluster_of(suite, &own)["proxy-url"], given.as_str());
    for bad in ["http://a:s3cret@b", "ftp://b", "b"] {
        let run = onboard(suite, &admin, "x").args(["--user-proxy", bad]);
        run.run().code(2).no_answer();
    }
}

fn authority(suite: &Suite) {
    let config = suite.admin("config view --raw -o json").run().json();
    let cluster = &config["clusters"][0]["cluster"];
    let data = cluster["certificate-authority-data"].as_str();
    let certificates = data.map_or_else(
        || {
            let file = cluster["certificate-authority"].as_str().expect("a file");
            fs::read(file).expect("the authority")
        },
        |data| STANDARD.decode(data).expect("base64"),
    );
    let key = suite.requested(&suite.name("somebody"), 1);
    let key = fs::read_dir(key).expect("files").flatten();
    let mut keys = key.filter(|entry| entry.path().extension().is_some_and(|end| end == "key"));
    let key = fs::read(keys.next().expect("a key").path()).expect("the key");
    let both = [certificates, b"words\n".to_vec(), key].concat();
    let both = suite.file("both.crt", &String::from_utf8(both).expect("PEM"));
    let change = format!(
        "--embed-certs=true --certificate-authority={}",
        both.display()
    );
    let admin = changed_admin(suite, "admin", &change);
    let name = suite.name("alice");
    onboard(suite, &admin, &name).run().success();
    let handed = cluster_of(suite, &name)["certificate-authority-data"].clone();
    let handed = STANDARD
        .decode(handed.as_str().expect("data"))
        .expect("base64");
    let handed = String::from_utf8(handed).expect("PEM");
    assert!(handed.contains("BEGIN CERTIFICATE"), "{handed}");
    assert!(
        !handed.contains("KEY") && !handed.contains("words"),
        "no key"
    );
    suite.as_user(&name, "get pods").success();
}

fn changed(suite: &Suite) {
    let name = suite.name("alice");
    let _laptop = suite.requested(&name, 1);
    let request = suite.path(&format!("laptop-{name}/{name}.csr"));
    suite.sign(&name, &request).run().success();
    let file = suite.path(&format!("{name}.crt"));
    let good = fs::read_to_string(&file).expect("the certificate");
    let line = |key: &str| {
        let mut lines = good.lines();
        let found = lines.find(|line| line.starts_with(&format!("{key}: ")));
        found.unwrap_or_default().to_owned()
    };
    let (cluster, server) = (line("cluster"), line("server"));
    for (from, to, why) in [
        (
            &cluster,
            "cluster: 'x; touch PWN #'".to_owned(),
            "name a cluster",
        ),
        (
            &cluster,
            r#"cluster: "prod (https://api.prod.example)\n  credential  x""#.to_owned(),
            "name a cluster",
        ),
        (
            &server,
            server.replace("https://", "https://a:b@"),
            "user name",
        ),
        (&server, format!("{server}/?a=b"), "query"),
        (
            &server,
            format!("{server}\nproxyUrl: http://a:s3cret@b"),
            "proxy",
        ),
        (
            &server,
            format!("{server}\ntlsServerName: 'a b'"),
            "certificate",
        ),
    ] {
        fs::write(&file, good.replace(from.as_str(), &to)).expect("it can be changed");
        let output = suite.accept(&name).run();
        output.code(2).no_answer().says(why);
        assert!(!output.stderr.contains("s3cret"), "{output}");
    }
    fs::write(&file, &good).expect("it can be put back");
    suite.accept(&name).run().success().answers("address");
}
