//! `kubectl onboard --setup` and `--smoke`: what is done as the user, once they can work.

use std::fs;
use std::path::{Path, PathBuf};
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
    vec![
        Case::new("a_setup_is_applied_as_the_user_and_again", signer, applied),
        Case::new("what_cannot_be_set_up_writes_nothing", proxy, refused),
        Case::new("their_rights_decide_what_is_set_up", signer, beyond),
        Case::new("a_script_that_fails_takes_nothing_back", signer, fails),
        Case::new(
            "ctrl_c_ends_the_script_and_its_children",
            signer,
            interrupted,
        ),
        Case::new("a_first_pod_runs_and_is_gone", signer, smoke),
        Case::new("ctrl_c_removes_the_first_pod", signer, smoke_interrupted),
        Case::new("a_first_pod_that_cannot_run_says_why", signer, smokeless),
    ]
}

/// Writes a directory with these files; `setup.sh` can be executed.
fn directory(suite: &Suite, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = suite.path(name);
    fs::create_dir(&directory).expect("a directory");
    for (file, text) in files {
        let path = directory.join(file);
        fs::write(&path, text).expect("a file");
        if *file == "setup.sh" {
            executable(&path);
        }
    }
    directory
}

fn executable(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its own file");
    }
    #[cfg(not(unix))]
    let _ = path;
}

const WEB: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  mode: 'a'
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web}]
";

const SCRIPT: &str = "#!/bin/sh
echo \"for $NAMESPACE with $KUBECONFIG in $(pwd)\"
echo aside >&2
kubectl get configmap settings -o 'jsonpath={.data.mode}{\"\\n\"}'
kubectl auth whoami -o 'jsonpath=I am {.status.userInfo.username}{\"\\n\"}'
";

fn applied(suite: &Suite) {
    let alice = suite.name("alice");
    let json = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": alice},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let files = [
        ("b.yaml", WEB),
        ("a.json", &json.to_string()),
        ("setup.sh", SCRIPT),
        ("README.md", "not a manifest"),
    ];
    let setup = directory(suite, "setup", &files);
    let run = || suite.onboard(&alice).args(["--setup"]).args([&setup]);
    let plan = run().line("--dry-run=client").run();
    plan.success()
        .answers("service/web applied (dry run)")
        .answers(&format!("a.json:1 as {alice}"))
        .answers("deployment.apps/web applied (dry run)")
        .answers(&format!("b.yaml:8 as {alice}"))
        .answers("setup.sh run (dry run)");

    let output = run().line("-o json").run();
    let report = output.success().json();
    let all = json!(["service/web", "configmap/settings", "deployment.apps/web"]);
    assert_eq!(report["setup"]["applied"], all);
    assert_eq!(report["setup"]["script"]["exitCode"], 0);
    assert_eq!(report["verified"], true);
    let file = suite.path(&format!("{alice}.kubeconfig"));
    output
        .says(&format!("for {alice} with {}", file.display()))
        .says(&format!("in {}", setup.display()))
        .says("aside\n")
        .says("\na\n")
        .says(&format!("I am {alice}\n"));
    let web = suite
        .get(&format!("deployment web -n {alice} --show-managed-fields"))
        .expect("their deployment");
    assert_eq!(
        web["metadata"]["managedFields"][0]["manager"],
        "kubectl-onboard"
    );
    assert_eq!(web["metadata"]["managedFields"][0]["operation"], "Apply");

    // What the user changed in the file is what holds after the second run.
    fs::write(setup.join("b.yaml"), WEB.replace("'a'", "'b'")).expect("a file");
    run()
        .run()
        .success()
        .says("\nb\n")
        .answers("3 objects applied, setup.sh done in");
}

fn refused(suite: &Suite) {
    let alice = suite.name("alice");
    let through = suite.proxied();
    let bad = "apiVersion: apps/v1\nkind: Deploymint\nmetadata: {name: a}\n---\n\
               apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: default}\n---\n\
               apiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n---\n\
               apiVersion: nobody.example.com/v7\nkind: Thing\nmetadata: {name: d}\n";
    let run = |directory: &Path| {
        let run = suite.onboard(&alice).kubeconfig(&through.kubeconfig);
        run.args(["--setup"]).args([directory]).run()
    };
    let kinds = directory(suite, "kinds", &[("a.yaml", bad)]);
    run(&kinds)
        .code(2)
        .no_answer()
        .says("a.yaml:1: the server knows no kind \"Deploymint\" in apps/v1")
        .says("a.yaml:5: configmap/b is for namespace \"default\"")
        .says("a.yaml:9: namespace/c is cluster-scoped")
        .says("a.yaml:13: the server knows no kind \"Thing\" in nobody.example.com/v7");
    let form = directory(suite, "form", &[("a.yaml", WEB), ("b.yml", "a: [\n")]);
    run(&form).code(2).says("b.yml:").says("not YAML");
    let script = directory(suite, "script", &[("a.yaml", WEB)]);
    fs::write(script.join("setup.sh"), SCRIPT).expect("a file");
    run(&script)
        .code(2)
        .says("setup.sh is not executable: chmod +x");
    run(&directory(suite, "empty", &[]))
        .code(2)
        .says("nothing to set up");
    run(&suite.path("nowhere"))
        .code(2)
        .says("cannot read directory");

    let writes: Vec<_> = through
        .proxy
        .log()
        .into_iter()
        .filter(Entry::is_write)
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(suite.get(&format!("namespace {alice}")), None);

    // Without their file there is nobody to be.
    let good = directory(suite, "good", &[("a.yaml", WEB)]);
    let out = suite.path("moved.kubeconfig");
    suite.onboard(&alice).run().success();
    let elsewhere = suite
        .admin("onboard")
        .args([&alice])
        .args(["--out"])
        .args([&out]);
    let output = elsewhere.args(["--setup"]).args([&good]).run();
    output.code(2).says("does not exist").says("--out");
    let elsewhere = suite
        .admin("onboard")
        .args([&alice])
        .args(["--out"])
        .args([&out]);
    elsewhere
        .line("--smoke pause")
        .run()
        .code(2)
        .says("does not exist");
    let carol = suite.name("carol");
    let laptop = suite.requested(&carol, 1);
    let csr = suite.sign(&carol, &laptop.join(format!("{carol}.csr")));
    csr.line("--smoke pause").run().code(2).says("--csr-file");
}

fn beyond(suite: &Suite) {
    let alice = suite.name("alice");
    // `edit` may not give rights away, and `baseline` refuses the host's network.
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: []\n";
    let host = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n\
                spec: {hostNetwork: true, containers: [{name: c, image: c}]}\n";
    let files = [
        ("1.yaml", role),
        ("2.yaml", host),
        ("3.yaml", WEB),
        ("setup.sh", "#!/bin/sh\necho ran\n"),
    ];
    let setup = directory(suite, "setup", &files);
    let output = suite
        .onboard(&alice)
        .args(["--setup"])
        .args([&setup])
        .line("-o json")
        .run();
    let report = output.code(1).json();
    assert_eq!(
        report["setup"]["refused"][0]["object"],
        "role.rbac.authorization.k8s.io/r"
    );
    assert_eq!(report["setup"]["refused"][1]["place"], "2.yaml:1");
    assert_eq!(
        report["setup"]["applied"],
        json!(["configmap/settings", "deployment.apps/web"])
    );
    assert_eq!(report["setup"]["script"], json!(null));
    output
        .says("error: the server refused 2 objects")
        .says("PodSecurity")
        .says("is onboarded and stays so");
    assert!(!output.stderr.contains("\nran\n"), "{output}");
    suite.as_user(&alice, "get deployment web").success();
}

fn fails(suite: &Suite) {
    let alice = suite.name("alice");
    let script = "#!/bin/sh\necho one\nexit 7\n";
    let setup = directory(suite, "setup", &[("setup.sh", script)]);
    let run = || suite.onboard(&alice).args(["--setup"]).args([&setup]);
    let output = run().line("-o json --smoke pause").run();
    let report = output.code(1).json();
    assert_eq!(report["setup"]["script"]["exitCode"], 7);
    assert_eq!(report["smoke"], json!(null));
    output
        .says("one\n")
        .says("setup.sh failed with exit code 7");
    suite.as_user(&alice, "get pods").success();
    assert_eq!(suite.record(&alice)["generations"][0]["generation"], 1);
    // A background job that keeps the streams open does not keep the run from its end.
    let script = "#!/bin/sh\nsleep 60 &\necho $! > child\necho mended\n";
    fs::write(setup.join("setup.sh"), script).expect("a file");
    let output = run().run();
    output.success().says("mended\n");
    end_child(&setup);
    assert!(output.took < Duration::from_secs(30), "{output}");
}

/// Ends the process that the script left.
fn end_child(setup: &Path) {
    let id = fs::read_to_string(setup.join("child")).expect("the script ran");
    let kill = std::process::Command::new("kill").arg(id.trim()).output();
    assert!(kill.expect("there is kill").status.success(), "it goes on");
}

fn interrupted(suite: &Suite) {
    let alice = suite.name("alice");
    let script = "#!/bin/sh\n(sleep 3; echo > survived) &\necho > begun\nwait\necho over\n";
    let setup = directory(suite, "setup", &[("setup.sh", script)]);
    let run = suite.onboard(&alice).args(["--setup"]).args([&setup]);
    let output = run.interrupt_when(|| setup.join("begun").exists());
    output.code(130).says("interrupted").says("is onboarded");
    assert!(!output.stderr.contains("over\n"), "{output}");
    suite.as_user(&alice, "get pods").success();
    std::thread::sleep(Duration::from_secs(4));
    assert!(!setup.join("survived").exists(), "what it started goes on");
}

fn smoke(suite: &Suite) {
    let alice = suite.name("alice");
    let run = || suite.onboard(&alice).line("--smoke sandbox.local/pause:1");
    let plan = run().line("--dry-run=client").run();
    plan.success()
        .answers("first pod run (dry run)")
        .answers(&format!("sandbox.local/pause:1 as {alice}"));
    let report = run().line("-o json").run().success().json();
    let smoke = &report["smoke"];
    assert_eq!(
        (&smoke["ran"], &smoke["removed"]),
        (&json!(true), &json!(true))
    );
    assert!(
        smoke["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds < 60.0),
        "{smoke}"
    );
    let name = smoke["pod"].as_str().expect("a name");
    assert!(name.starts_with("smoke-"), "{name}");
    eventually("the pod goes", || {
        suite.get(&format!("pod {name} -n {alice}")).is_none()
    });
    run()
        .run()
        .success()
        .answers("first pod    sandbox.local/pause:1 ran after");
}

/// Onboards their, and lets every pod of the user ask for more than the sandbox has.
fn no_node_is_enough(suite: &Suite, alice: &str) {
    // A quota on cpu would refuse what no node can run.
    let profile = suite.onboard(alice).line("--profile none");
    profile.run().success();
    // A request that no node of the sandbox can meet.
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "huge", "namespace": alice},
        "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "9999"}, "default": {"cpu": "9999"}}]}});
    suite
        .admin("apply -f -")
        .stdin(&limits.to_string())
        .run()
        .success();
}

/// Counts the first pods that nobody has begun to delete.
fn first_pods(suite: &Suite, alice: &str) -> usize {
    let pods = suite.get(&format!("pods -n {alice} -l groundcrew.dev/smoke"));
    pods.map_or(0, |list| {
        let items = list["items"].as_array().expect("items").iter();
        items
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .count()
    })
}

fn smoke_interrupted(suite: &Suite) {
    let alice = suite.name("alice");
    no_node_is_enough(suite, &alice);
    let run = suite.onboard(&alice).line("--smoke pause");
    let output = run.interrupt_when(|| first_pods(suite, &alice) == 1);
    output.code(130).says("interrupted");
    assert_eq!(first_pods(suite, &alice), 0, "the pod was removed");
}

fn smokeless(suite: &Suite) {
    let alice = suite.name("alice");
    no_node_is_enough(suite, &alice);
    let run = || {
        suite
            .onboard(&alice)
            .line("--smoke pause --smoke-timeout 3s -o json")
            .run()
    };
    let output = run();
    let smoke = output.code(3).json()["smoke"].clone();
    assert_eq!(
        (&smoke["ran"], &smoke["removed"]),
        (&json!(false), &json!(true))
    );
    let reason = smoke["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("not within 3s") && reason.contains("nsufficient cpu"),
        "{reason}"
    );
    assert_eq!(first_pods(suite, &alice), 0, "the pod was removed");
    // Where their own file shows that they cannot work, nothing is tried.
    let delete = format!("delete limitrange huge -n {alice}");
    suite.admin(&delete).run().success();
    let full = format!("create quota full --hard=pods=0 -n {alice}");
    suite.admin(&full).run().success();
    eventually("the quota is counted", || {
        let quota = suite.get(&format!("quota full -n {alice}"));
        quota.is_some_and(|quota| quota["status"]["hard"]["pods"] == "0")
    });
    let output = run();
    assert_eq!(output.code(3).json()["smoke"], json!(null));
    output
        .says("--setup and --smoke were skipped")
        .says("exceeded quota");
}
