//! `kubectl onboard` without a name on a terminal: asks for what is needed.

use groundcrew::error::Result;
use groundcrew::output::shell_word;
use groundcrew::tenancy::Profile;
use groundcrew::ui::Ui;

use crate::commands::issue::args::IssueArgs;
use crate::model::user::UserName;

/// The choice that leaves a flag out.
const AS_IT_IS: &str = "or the current one";

impl IssueArgs {
    /// Says whether somebody at the terminal is to be asked: no name is given, and nobody said
    /// `--yes`.
    #[must_use]
    pub fn is_to_be_asked(&self, ui: &Ui) -> bool {
        self.who.is_none() && !self.write.yes && ui.is_interactive()
    }

    /// Says whether somebody at the terminal confirms that a user is new; nobody said `--yes`.
    #[must_use]
    pub fn is_to_confirm(&self, ui: &Ui) -> bool {
        !self.write.yes && ui.is_interactive()
    }

    /// Asks for the name and for what no flag says, and returns the command that does the same
    /// without questions. `typed` is what stands on the command line already.
    ///
    /// # Errors
    ///
    /// Interrupted, or why the terminal cannot be used.
    pub fn ask(mut self, typed: &[String], ui: &Ui) -> Result<(Self, String)> {
        let mut words = vec!["kubectl".to_owned(), "onboard".to_owned()];
        let name = ui.input("Who (alice, alice@example.com)", &|text| {
            sound(UserName::parse(text).map(drop))
        })?;
        words.push(name.clone());
        self.who = Some(name);
        words.extend(presentable(typed));
        if self.person.team.is_none() {
            let question = format!("Team (empty: none, {AS_IT_IS})");
            let team = ui.input(&question, &|_| Ok(()))?;
            add("--team", team, &mut self.person.team, &mut words);
        }
        if self.access.no_namespace {
            return Ok((self, line(&words)));
        }
        if self.access.profile.is_none() {
            let profile = profile(ui)?;
            add("--profile", profile, &mut self.access.profile, &mut words);
        }
        if self.access.role.is_none() {
            let role = role(ui)?;
            add("--role", role, &mut self.access.role, &mut words);
        }
        Ok((self, line(&words)))
    }
}

fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    words.join(" ")
}

fn add(flag: &str, answer: String, into: &mut Option<String>, words: &mut Vec<String>) {
    if answer.is_empty() {
        return;
    }
    // A value that begins with a dash is one only after `=`.
    if answer.starts_with('-') {
        words.push(format!("{flag}={answer}"));
    } else {
        words.extend([flag.to_owned(), answer.clone()]);
    }
    *into = Some(answer);
}

/// Returns what was typed, without the secret that may be in it.
fn presentable(typed: &[String]) -> Vec<String> {
    let mut is_secret = false;
    let mut words = Vec::new();
    for word in typed {
        if is_secret {
            words.push("<token>".to_owned());
        } else if word.starts_with("--token=") {
            words.push("--token=<token>".to_owned());
        } else {
            words.push(word.clone());
        }
        is_secret = !is_secret && word == "--token";
    }
    words
}

/// Asks for limits; empty leaves them as they are.
fn profile(ui: &Ui) -> Result<String> {
    const SIZES: [&str; 4] = ["small", "medium", "large", "none"];
    let mut choices = vec![format!("small, {AS_IT_IS}")];
    for size in SIZES {
        let summary = Profile::parse(size)?.summary();
        choices.push(summary.trim_start_matches("profile ").to_owned());
    }
    choices.push("from a YAML file".to_owned());
    let chosen = ui.select("Limits and quota", &choices)?;
    match chosen.checked_sub(1) {
        None => Ok(String::new()),
        Some(index) => match SIZES.get(index) {
            Some(size) => Ok((*size).to_owned()),
            None => ui.input("File with a LimitRange, a ResourceQuota or both", &|path| {
                sound(Profile::parse(path).map(drop))
            }),
        },
    }
}

/// Asks for the user's role; empty leaves it as it is.
fn role(ui: &Ui) -> Result<String> {
    const ROLES: [(&str, &str); 3] = [
        ("edit", "everything but rights and limits"),
        ("view", "reads, Secrets excepted"),
        ("admin", "everything, rights of others included"),
    ];
    let mut choices = vec![format!("edit, {AS_IT_IS}")];
    choices.extend(ROLES.map(|(role, means)| format!("{role}: {means}")));
    choices.push("another ClusterRole".to_owned());
    let chosen = ui.select("Role in the namespace", &choices)?;
    match chosen.checked_sub(1) {
        None => Ok(String::new()),
        Some(index) => match ROLES.get(index) {
            Some((role, _)) => Ok((*role).to_owned()),
            None => ui.input("ClusterRole", &|role| {
                // Path segment names, as the API server takes them for a ClusterRole.
                if role.is_empty() || role.contains(['/', '%']) || [".", ".."].contains(&role) {
                    Err("cannot name a ClusterRole".to_owned())
                } else {
                    Ok(())
                }
            }),
        },
    }
}

fn sound(result: Result<()>) -> Result<(), String> {
    result.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use clap::Parser as _;
    use groundcrew::error::Error;
    use groundcrew::ui::Check;
    use groundcrew::ui::Prompter;

    use groundcrew::flags::KubeArgs;

    use super::*;

    /// The arguments alone, as the command line flattens them.
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        issue: IssueArgs,
        #[command(flatten)]
        kube: KubeArgs,
    }

    /// Answers from a list: texts for texts, and the beginning of the choice for choices.
    struct Script(Mutex<VecDeque<&'static str>>);

    impl Script {
        fn next(&self) -> Result<&'static str> {
            let next = self.0.lock().unwrap().pop_front();
            next.ok_or_else(Error::interrupted)
        }
    }

    impl Prompter for Script {
        fn confirm(&self, _: &str) -> Result<bool> {
            self.next().map(|answer| answer == "y")
        }

        fn input(&self, _: &str, check: Check<'_>) -> Result<String> {
            loop {
                let answer = self.next()?;
                if check(answer).is_ok() {
                    return Ok(answer.to_owned());
                }
            }
        }

        fn select(&self, _: &str, choices: &[String]) -> Result<usize> {
            let answer = self.next()?;
            let found = choices.iter().position(|choice| choice.starts_with(answer));
            Ok(found.expect(answer))
        }
    }

    fn ask(typed: &str, answers: &[&'static str]) -> Result<(IssueArgs, String)> {
        let script = Script(Mutex::new(answers.iter().copied().collect()));
        let ui = Ui::into_sinks(std::io::sink(), std::io::sink(), Some(Box::new(script)));
        let typed: Vec<String> = typed.split_whitespace().map(str::to_owned).collect();
        let words = std::iter::once("kubectl-onboard".to_owned()).chain(typed.clone());
        let args = Typed::try_parse_from(words).unwrap().issue;
        assert!(args.is_to_be_asked(&ui));
        args.ask(&typed, &ui)
    }

    #[test]
    fn the_line_says_what_was_answered_and_nothing_else() {
        let (_, line) = ask("", &["alice", "", "small, or", "edit, or"]).unwrap();
        assert_eq!(line, "kubectl onboard alice");
        let answers = ["alice", "the payers", "medium", "view"];
        let (args, line) = ask("", &answers).unwrap();
        assert_eq!(
            line,
            "kubectl onboard alice --team 'the payers' --profile medium --role view"
        );
        let (options, ..) = args.resolve(&KubeArgs::default()).unwrap();
        assert_eq!(options.user.as_str(), "alice");
        let wish = options.wish().unwrap();
        assert_eq!(wish.about.team.as_deref(), Some("the payers"));
        let own = options.own().unwrap();
        assert_eq!(own.role.as_deref(), Some("view"));
        assert_eq!(
            own.profile.as_ref().map(groundcrew::tenancy::Profile::name),
            Some("medium")
        );
    }

    #[test]
    fn what_was_typed_is_not_asked_again_and_stands_in_the_line() {
        let (_, line) = ask("--role view --context prod", &["bob", "-x", "none"]).unwrap();
        assert_eq!(
            line,
            "kubectl onboard bob --role view --context prod '--team=-x' --profile none"
        );
        let (_, line) = ask("--no-namespace --join web", &["bob", ""]).unwrap();
        assert_eq!(line, "kubectl onboard bob --no-namespace --join web");
    }

    #[test]
    fn an_answer_that_cannot_be_is_asked_for_again() {
        let answers = [
            "system:admin",
            "",
            "alice",
            "",
            "from",
            "no-such.yaml",
            "small",
            "another",
            "a/b",
            "dev",
        ];
        let (_, line) = ask("", &answers).unwrap();
        assert_eq!(line, "kubectl onboard alice --profile small --role dev");
    }

    #[test]
    fn a_token_does_not_stand_in_the_line() {
        for typed in ["--token s3cret", "--token=s3cret"] {
            let (_, line) = ask(typed, &["alice", "", "small, or", "edit, or"]).unwrap();
            assert!(
                !line.contains("s3cret") && line.contains("<token>"),
                "{line}"
            );
        }
    }

    #[test]
    fn nobody_is_asked_without_a_terminal_or_with_yes_or_a_name() {
        let none = Ui::into_sinks(std::io::sink(), std::io::sink(), None);
        let some = Ui::into_sinks(
            std::io::sink(),
            std::io::sink(),
            Some(Box::new(Script(Mutex::default()))),
        );
        let args = |line: &str| Typed::try_parse_from(line.split(' ')).unwrap().issue;
        assert!(!args("x").is_to_be_asked(&none));
        assert!(!args("x --yes").is_to_be_asked(&some));
        assert!(!args("x alice").is_to_be_asked(&some));
        assert!(args("x").ask(&[], &some).is_err());
    }
}
