//! What every plugin keeps, found by its binary: a new plugin is covered by itself.

use std::time::Duration;

use harness::{Case, Need, Output, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let plugins = &[Need::Plugins];
    vec![
        Case::new(
            "help_is_an_answer_without_escapes",
            plugins,
            help_is_an_answer,
        ),
        Case::new("version_is_the_binary_and_its_version", plugins, version),
        Case::new("an_unknown_flag_is_a_usage_error", plugins, unknown_flag),
        Case::new(
            "color_obeys_the_flag_before_the_environment",
            plugins,
            color,
        ),
        Case::new("a_closed_pipe_is_success", plugins, closed_pipe),
        Case::new("stdout_stays_clean_on_an_error", plugins, clean_stdout),
        Case::new("nothing_asks_without_a_terminal", plugins, no_prompt),
        Case::new(
            "templates_are_refused_with_the_way_round",
            plugins,
            templates,
        ),
        Case::new(
            "short_letters_keep_their_meaning_in_kubectl",
            plugins,
            short_letters,
        ),
        Case::new(
            "every_plugin_takes_kubectls_connection_flags",
            plugins,
            connection_flags,
        ),
        Case::new(
            "flags_before_a_command_mean_what_they_mean_after_it",
            plugins,
            flags_before_the_command,
        ),
        Case::new("no_help_is_longer_than_60_lines", plugins, help_is_short),
        Case::new("help_is_a_command_too", plugins, help_is_a_command),
        Case::new(
            "a_word_that_was_meant_as_a_command_is_never_a_name",
            plugins,
            words_are_not_names,
        ),
    ]
}

fn each(suite: &Suite, check: impl Fn(&str, &dyn Fn(&[&str]) -> Output)) {
    let plugins = suite.plugins();
    assert!(!plugins.is_empty(), "no plugin was built");
    for plugin in plugins {
        let program = suite.plugin(&plugin);
        check(&plugin, &|arguments| {
            suite.program(&program).args(arguments).run()
        });
    }
}

fn help_is_an_answer(suite: &Suite) {
    each(suite, |plugin, run| {
        let help = run(&["--help"]);
        help.success()
            .answers("Usage: kubectl ")
            .answers("Exit codes:")
            .answers("--output");
        assert!(help.stderr.is_empty(), "{help}");
        assert!(!help.stdout.contains('\u{1b}'), "{help}");
        assert!(
            !help.stdout.contains(plugin),
            "people type `kubectl …`\n{help}"
        );
    });
}

fn version(suite: &Suite) {
    each(suite, |plugin, run| {
        let wanted = format!("{plugin} {}\n", env!("CARGO_PKG_VERSION"));
        let about = run(&["--version"]).success().stdout.clone();
        assert!(about.starts_with(&wanted), "{about}");
        for word in ["\ncommit  ", "\ntested  Kubernetes 1."] {
            assert!(about.contains(word), "{about}");
        }
        assert_eq!(about.lines().count(), 3, "{about}");
    });
}

fn unknown_flag(suite: &Suite) {
    each(suite, |_, run| {
        run(&["--no-such-flag"])
            .code(2)
            .no_answer()
            .says("--no-such-flag");
    });
}

fn color(suite: &Suite) {
    for plugin in suite.plugins() {
        let help = |arguments: &[&str], variables: &[(&str, &str)]| {
            let run = suite
                .program(&suite.plugin(&plugin))
                .args(arguments)
                .args(["--help"]);
            let run = variables
                .iter()
                .fold(run, |run, (name, value)| run.env(name, value));
            run.run().success().stdout.contains('\u{1b}')
        };
        assert!(!help(&[], &[]), "a pipe gets no colour");
        assert!(!help(&[], &[("NO_COLOR", "1")]));
        assert!(help(&[], &[("CLICOLOR_FORCE", "1")]));
        assert!(!help(&["--color=never"], &[("CLICOLOR_FORCE", "1")]));
        assert!(help(&["--color=always"], &[("NO_COLOR", "1")]));
        assert!(help(&["--color", "always"], &[]));
    }
}

fn closed_pipe(suite: &Suite) {
    for plugin in suite.plugins() {
        let output = suite
            .program(&suite.plugin(&plugin))
            .args(["--help"])
            .into_closed_pipe();
        output.success();
        assert!(output.stderr.is_empty(), "{output}");
    }
}

/// Returns the words with which a plugin reads the cluster; some need none.
fn reading<'a>(plugin: &str, flags: &[&'a str]) -> Vec<&'a str> {
    let word = (plugin != "kubectl-can_i_audit").then_some("someone");
    flags.iter().copied().chain(word).collect()
}

fn clean_stdout(suite: &Suite) {
    each(suite, |plugin, run| {
        let flags = ["--kubeconfig=/does/not/exist", "-o", "json"];
        let output = run(&reading(plugin, &flags));
        output
            .code(1)
            .no_answer()
            .says("error: ")
            .says("/does/not/exist")
            .says("hint: ");
        assert_eq!(
            output.stderr.matches("error: ").count(),
            1,
            "said once\n{output}"
        );
    });
}

fn no_prompt(suite: &Suite) {
    each(suite, |plugin, run| {
        let output = run(&reading(plugin, &["--kubeconfig=/does/not/exist"]));
        assert!(output.took < Duration::from_secs(30), "{output}");
        assert!(
            !output.stderr.contains("[y/n]") && !output.stderr.contains("[y/N]"),
            "{output}"
        );
    });
}

fn templates(suite: &Suite) {
    each(suite, |plugin, run| {
        run(&reading(plugin, &["-o", "jsonpath={.kind}"]))
            .code(2)
            .no_answer()
            .says("jq");
        run(&reading(plugin, &["-o", "xml"]))
            .code(2)
            .says("table, wide, json, yaml, name");
    });
}

/// kubectl's short letters and their long names; another meaning would trap the fingers.
const SHORT: [(&str, &str); 12] = [
    ("-A", "--all-namespaces"),
    ("-l", "--selector"),
    ("-o", "--output"),
    ("-f", "--filename"),
    ("-R", "--recursive"),
    ("-k", "--kustomize"),
    ("-w", "--watch"),
    ("-L", "--label-columns"),
    ("-c", "--container"),
    ("-q", "--quiet"),
    ("-n", "--namespace"),
    ("-s", "--server"),
];

fn short_letters(suite: &Suite) {
    each(suite, |_, run| {
        let help = run(&["--help"]);
        for line in help.stdout.lines().map(str::trim_start) {
            for (short, long) in SHORT {
                if let Some(rest) = line.strip_prefix(&format!("{short}, ")) {
                    assert!(
                        rest.starts_with(long),
                        "{short} means {long} in kubectl: {line}"
                    );
                }
            }
        }
    });
}

/// Every connection flag of kubectl's.
const CONNECTION: [&str; 18] = [
    "--kubeconfig",
    "--context",
    "--cluster",
    "--user",
    "--namespace",
    "--server",
    "--as",
    "--as-uid",
    "--as-group",
    "--as-user-extra",
    "--token",
    "--client-certificate",
    "--client-key",
    "--certificate-authority",
    "--tls-server-name",
    "--insecure-skip-tls-verify",
    "--request-timeout",
    "--disable-compression",
];

fn connection_flags(suite: &Suite) {
    each(suite, |_, run| {
        let options = run(&["options"]);
        for flag in CONNECTION {
            let shown = [format!("{flag} <"), format!("{flag}[=<")];
            let is_shown = |form: &String| options.stdout.contains(form);
            assert!(shown.iter().any(is_shown), "{flag}\n{options}");
        }
    });
}

/// Returns the commands that a plugin's help lists.
fn words(help: &str) -> Vec<String> {
    let rows = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    rows.take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|word| word != "help")
        .collect()
}

/// A flag before the command is not a reason to take the command for a name.
fn flags_before_the_command(suite: &Suite) {
    let values = [
        "--kubeconfig=/does/not/exist",
        "--context=prod",
        "--as=eve",
        "--as-group=g",
        "--request-timeout=5s",
        "--insecure-skip-tls-verify",
        "--color=never",
        "-v=0",
        "-n=a",
    ];
    each(suite, |plugin, run| {
        for word in words(&run(&["--help"]).stdout) {
            let after = run(&[&word, "--help"]).success().stdout.clone();
            for value in values {
                let before = run(&[value, &word, "--help"]).success().stdout.clone();
                assert!(
                    before == after,
                    "{plugin} {value} {word}\n{before}\n{after}"
                );
            }
        }
    });
}

fn help_is_short(suite: &Suite) {
    each(suite, |plugin, run| {
        let help = run(&["--help"]).success().stdout.clone();
        let mut pages = vec![(String::new(), help.clone())];
        pages.extend(words(&help).into_iter().map(|word| {
            let page = run(&[&word, "--help"]).success().stdout.clone();
            (word, page)
        }));
        for (word, page) in pages {
            let lines = page.lines().count();
            assert!(lines <= 60, "{plugin} {word} --help has {lines} lines");
            let pointer = " options\" for connection and output flags.";
            assert!(
                page.trim_end().ends_with(pointer),
                "{plugin} {word}\n{page}"
            );
        }
    });
}

fn help_is_a_command(suite: &Suite) {
    each(suite, |plugin, run| {
        let help = run(&["--help"]).success().stdout.clone();
        assert_eq!(run(&["help"]).success().stdout, help, "{plugin}");
        for word in words(&help) {
            let page = run(&["help", &word]).success().stdout.clone();
            assert_eq!(
                page,
                run(&[&word, "--help"]).success().stdout,
                "{plugin} {word}"
            );
        }
    });
}

/// What people type when they look for a command, or mistype one. None of it reaches a cluster.
fn words_are_not_names(suite: &Suite) {
    let typed = [
        "ls", "version", "whoami", "info", "users", "show", "describe", "create", "add", "new",
        "delete", "rm", "remove", "revoke", "doctro", "options2",
    ];
    for (plugin, noun) in [
        ("kubectl-onboard", "user"),
        ("kubectl-ns_claim", "claim"),
        ("kubectl-rollout_canary", "deploy"),
    ] {
        let run = |words: &[&str]| {
            let program = suite.program(&suite.plugin(plugin));
            program
                .args(["--kubeconfig=/does/not/exist"])
                .args(words)
                .run()
        };
        // A slip of the finger in the plugin's first command.
        let help = run(&["--help"]).success().stdout.clone();
        let slip = format!("{}x", words(&help)[0]);
        // What a plugin has as a command, or as another word for one, is one.
        let aliases = help
            .lines()
            .filter_map(|line| line.split_once("[alias"))
            .flat_map(|(_, list)| list.split([':', ',', ']', ' ']));
        let mut commands = words(&help);
        commands.extend(aliases.map(str::to_owned));
        if plugin == "kubectl-onboard" {
            // The root command under a name, which its own page has no room for.
            commands.extend(["add", "create"].map(str::to_owned));
        }
        let others = typed
            .into_iter()
            .filter(|word| !commands.iter().any(|command| command == word));
        for word in others.chain([slip.as_str()]) {
            let meant = format!("{noun}/{word}");
            run(&[word])
                .code(2)
                .no_answer()
                .says("is not a command")
                .says(&meant);
            // Said so, it is a name, and the next thing that is looked at is the cluster.
            let named = run(&[&meant, "--dry-run"]);
            assert!(
                !named.stderr.contains("is not a command"),
                "{plugin} {named}"
            );
        }
    }
}
