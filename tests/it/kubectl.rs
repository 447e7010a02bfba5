//! The plugins as kubectl finds and completes them.

use std::net::TcpListener;
use std::time::Duration;

use groundcrew_sandbox::release::word;
use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    vec![
        Case::new("finds_the_plugin_by_its_word", needs, finds_the_plugin),
        Case::new("passes_the_exit_code_on", needs, passes_the_exit_code_on),
        Case::new(
            "lists_the_plugins_without_a_warning",
            needs,
            lists_the_plugins,
        ),
        Case::new("completes_names_from_the_cluster", needs, completes_names),
        Case::new("completes_flags_and_their_values", needs, completes_flags),
        Case::new("completion_gives_up_quietly", needs, completion_gives_up),
        #[cfg(unix)]
        Case::new("completion_installs_itself", needs, completion_installs),
    ]
}

fn finds_the_plugin(suite: &Suite) {
    for plugin in suite.plugins() {
        let word = word(&plugin);
        suite
            .admin(&format!("{word} --help"))
            .run()
            .success()
            .answers(&format!("kubectl {word}"));
    }
}

fn passes_the_exit_code_on(suite: &Suite) {
    suite.admin("onboard --no-such-flag").run().code(2);
}

fn lists_the_plugins(suite: &Suite) {
    let output = suite.admin("plugin list --name-only").run();
    for plugin in suite.plugins() {
        output.answers(&plugin);
    }
    assert!(!output.stderr.contains("warning"), "{output}");
}

fn completes_names(suite: &Suite) {
    let complete = |words: &str| suite.admin(&format!("__complete {words}")).args([""]).run();
    complete("onboard alice --namespace")
        .success()
        .answers("kube-system\n")
        .answers(":4");
    complete("onboard alice -n").answers("kube-public\n");
    complete("onboard alice --role")
        .answers("edit\n")
        .answers("cluster-admin\n");
    let contexts = complete("onboard alice --context");
    let current = suite
        .admin("config current-context")
        .run()
        .success()
        .stdout
        .clone();
    contexts.answers(&current);
    let typed = suite.admin("__complete onboard alice --role vi").run();
    assert_eq!(
        typed.success().stdout.lines().next(),
        Some("view"),
        "{typed}"
    );
}

fn completes_flags(suite: &Suite) {
    let flags = suite.admin("__complete onboard alice --pro").run();
    assert_eq!(flags.success().stdout.lines().count(), 2, "{flags}");
    flags.answers("--profile\t");
    suite
        .admin("__complete onboard alice --auth t")
        .run()
        .answers("token\t");
    let nothing_typed = suite.admin("__complete onboard").args([""]).run();
    assert!(
        !nothing_typed.success().stdout.contains("--"),
        "{nothing_typed}"
    );
}

fn completion_gives_up(suite: &Suite) {
    // A server that takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = silent.local_addr().expect("it has an address");
    let file = suite.file(
        "silent.kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://{address}'}}}}]\n\
             users: [{{name: u, user: {{token: t}}}}]\n"
        ),
    );
    let output = suite
        .program(&suite.plugin("kubectl_complete-onboard"))
        .kubeconfig(&file)
        .args(["alice", "--namespace", ""])
        .run();
    output.success();
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output}"
    );
    assert!(output.took < Duration::from_secs(10), "{output}");
}

/// In a directory of PATH of its own, as krew links a plugin there.
#[cfg(unix)]
fn completion_installs(suite: &Suite) {
    for plugin in suite.plugins() {
        let word = word(&plugin);
        let bin = suite.path(&format!("bin-{word}"));
        std::fs::create_dir(&bin).expect("a directory");
        let linked = std::os::unix::fs::symlink(suite.plugin(&plugin), bin.join(&plugin));
        linked.expect("a link");
        let kubectl = |line: &str| {
            let run = suite.program(&suite.cluster().kubectl());
            run.env("PATH", &bin).line(line)
        };
        let candidates = || kubectl(&format!("__complete {word} --out")).run();
        let second = bin.join(plugin.replacen("kubectl-", "kubectl_complete-", 1));

        kubectl(&format!("{word} completion"))
            .run()
            .code(3)
            .answers("not installed");
        assert!(!candidates().stdout.contains("--output"));
        kubectl(&format!("{word} completion --install"))
            .run()
            .success()
            .answers(&second.display().to_string());
        candidates().success().answers("--output\t");
        kubectl(&format!("{word} completion --install"))
            .run()
            .success()
            .answers("already");
        kubectl(&format!("{word} completion --uninstall"))
            .run()
            .success();
        assert!(!second.exists() && bin.join(&plugin).exists());

        std::fs::write(&second, "somebody else's").expect("a file");
        let refused = kubectl(&format!("{word} completion --install")).run();
        refused.code(5).no_answer().says("--force");
        kubectl(&format!("{word} completion --uninstall"))
            .run()
            .code(5);
        let kept = std::fs::read_to_string(&second).expect("it is there");
        assert_eq!(kept, "somebody else's");
    }
}
