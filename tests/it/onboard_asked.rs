//! `kubectl onboard` without a name: the questions on a terminal.

use harness::{Case, Need, Suite};
use rexpect::session::PtySession;

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new(
            "who_answers_the_questions_is_shown_the_line",
            signer,
            answers,
        ),
        Case::new("a_no_and_ctrl_c_write_nothing", signer, refuses),
        Case::new(
            "somebody_new_is_confirmed_on_a_terminal",
            signer,
            somebody_new,
        ),
        Case::new(
            "a_teams_namespace_is_offered_as_a_role_in_it",
            signer,
            in_the_team,
        ),
        Case::new("without_a_terminal_nobody_is_asked", signer, no_terminal),
    ]
}

const DOWN: &str = "\x1b[B";
const ENTER: &str = "\r";

fn wait_for(terminal: &mut PtySession, text: &str) -> String {
    match terminal.exp_string(text) {
        Ok(before) => before,
        Err(error) => panic!("waiting for {text:?}: {error}"),
    }
}

fn send(terminal: &mut PtySession, keys: &str) {
    terminal.send(keys).expect("the terminal takes keys");
    terminal.flush().expect("the terminal takes keys");
}

/// Checks how it ended. The type that says so is not public in rexpect, its text is.
#[track_caller]
fn ends_with(terminal: &mut PtySession, code: i32) {
    terminal.exp_eof().expect("its end");
    let ended = format!("{:?}", terminal.process().wait());
    assert!(
        ended.contains("Exited(") && ended.ends_with(&format!(", {code}))")),
        "{ended}"
    );
}

fn answers(suite: &Suite) {
    let alice = suite.name("alice");
    let file = suite.path(&format!("{alice}.kubeconfig"));
    let mut terminal = suite.admin("onboard --expires 1d").on_terminal();
    wait_for(&mut terminal, "Who (");
    send(&mut terminal, "system:admin\r");
    wait_for(&mut terminal, "belong to Kubernetes itself");
    // What is wrong stands there to be mended.
    send(&mut terminal, &"\x7f".repeat("system:admin".len()));
    send(&mut terminal, &format!("{alice}\r"));
    wait_for(&mut terminal, "Team (");
    send(&mut terminal, "the payers\r");
    wait_for(&mut terminal, "Limits and quota");
    wait_for(&mut terminal, "from a YAML file");
    send(&mut terminal, &format!("{DOWN}{DOWN}{ENTER}"));
    wait_for(&mut terminal, "Role in the namespace");
    wait_for(&mut terminal, "another ClusterRole");
    send(&mut terminal, &format!("{DOWN}{DOWN}{ENTER}"));
    wait_for(
        &mut terminal,
        &format!("namespace/{alice} created (dry run)"),
    );
    let line = format!(
        "kubectl onboard {alice} --expires 1d --team 'the payers' --profile medium --role view"
    );
    wait_for(&mut terminal, &line);
    wait_for(&mut terminal, "Go on?");
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
    send(&mut terminal, "y");
    wait_for(&mut terminal, "is ready.");
    ends_with(&mut terminal, 0);
    let namespace = suite
        .get(&format!("namespace {alice}"))
        .expect("their namespace");
    let team = &namespace["metadata"]["annotations"]["groundcrew.dev/team"];
    assert_eq!(*team, "the payers");
    let binding = suite.get(&format!("rolebinding onboard-{alice} -n {alice}"));
    assert_eq!(binding.expect("their rights")["roleRef"]["name"], "view");
    assert!(file.exists(), "their file");

    // The line alone finds nothing left to do.
    let shell = suite.program(std::path::Path::new("/bin/sh"));
    let again = shell
        .kubeconfig(suite.cluster().kubeconfig())
        .args(["-c", &line]);
    again
        .run()
        .success()
        .answers("generation 1")
        .says("unchanged");
}

fn refuses(suite: &Suite) {
    let alice = suite.name("alice");
    let line = "onboard --team a --profile none --role view";
    let mut terminal = suite.admin(line).on_terminal();
    wait_for(&mut terminal, "Who (");
    send(&mut terminal, &format!("{alice}\r"));
    wait_for(&mut terminal, "Go on?");
    send(&mut terminal, "n");
    wait_for(&mut terminal, "aborted; nothing was changed");
    ends_with(&mut terminal, 1);

    let mut terminal = suite.admin("onboard").on_terminal();
    wait_for(&mut terminal, "Who (");
    send(&mut terminal, &format!("{alice}\r"));
    wait_for(&mut terminal, "Team (");
    send(&mut terminal, "\r");
    wait_for(&mut terminal, "Limits and quota");
    wait_for(&mut terminal, "from a YAML file");
    send(&mut terminal, "\x03");
    wait_for(&mut terminal, "interrupted");
    ends_with(&mut terminal, 130);
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
}

fn somebody_new(suite: &Suite) {
    let alice = suite.name("alice");
    let out = suite.path("new.kubeconfig");
    let line = format!("onboard {alice} --out {}", out.display());
    let mut terminal = suite.admin(&line).on_terminal();
    wait_for(
        &mut terminal,
        &format!("namespace/{alice} created (dry run"),
    );
    wait_for(&mut terminal, "who is new?");
    send(&mut terminal, "n");
    wait_for(&mut terminal, "aborted; nothing was changed");
    ends_with(&mut terminal, 1);
    assert_eq!(suite.get(&format!("namespace {alice}")), None);
    let mut terminal = suite.admin(&format!("{line} --yes")).on_terminal();
    wait_for(&mut terminal, &format!("{alice} is"));
    ends_with(&mut terminal, 0);
    // Who is known is not new.
    let mut terminal = suite.admin(&line).on_terminal();
    wait_for(&mut terminal, "unchanged");
    ends_with(&mut terminal, 0);
}

fn no_terminal(suite: &Suite) {
    let output = suite.admin("onboard").run();
    output.code(2).no_answer().says("USER is required");
    // With --yes nobody is asked either.
    let mut terminal = suite.admin("onboard --yes").on_terminal();
    wait_for(&mut terminal, "USER is required");
    ends_with(&mut terminal, 2);
}

fn in_the_team(suite: &Suite) {
    let (bob, team) = (suite.name("bob"), suite.name("payments"));
    suite
        .admin(&format!("create namespace {team}"))
        .run()
        .success();
    let line = format!("{bob} -n {team} --role view");
    let refused = suite.admin(&format!("onboard {line}")).run();
    refused.code(5).says(&format!(
        "kubectl onboard {bob} --no-namespace --join {team}:view"
    ));
    assert_eq!(
        suite.get(&format!("rolebinding onboard-{bob} -n {team}")),
        None
    );
    let question = format!("Give {bob} ClusterRole view in {team}");
    let out = suite.path(&format!("{bob}.kubeconfig"));
    let terminal = || {
        let run = suite.admin(&format!("onboard {line} --yes --out"));
        run.args([&out]).on_terminal()
    };
    let mut no = terminal();
    wait_for(&mut no, &question);
    send(&mut no, "n");
    ends_with(&mut no, 1);
    assert_eq!(
        suite.get(&format!("rolebinding onboard-{bob} -n {team}")),
        None
    );
    let mut yes = terminal();
    wait_for(&mut yes, &question);
    send(&mut yes, "y");
    wait_for(&mut yes, "is ready.");
    ends_with(&mut yes, 0);
    let pods = |verb: &str| suite.as_user(&bob, &format!("auth can-i {verb} pods -n {team}"));
    pods("get").success();
    pods("delete").code(1);
    let namespace = suite
        .get(&format!("namespace {team}"))
        .expect("it is there");
    let owner = &namespace["metadata"]["annotations"]["groundcrew.dev/owner"];
    assert!(owner.is_null(), "the team's namespace is nobody's own");
}
