//! The guides of `docs/guides`: every command in them is run, and what it says is compared.
//!
//! A guide is Markdown. In a block ```` ```console ```` a line `$ …` is a command (it goes on in the
//! next line after `\`), and the lines up to the next command are what it says, stdout and stderr
//! as they come. A command that does not end with 0 is followed by `$ echo $?`. A block
//! ```` ```yaml file=NAME ```` is a file of that name in the directory where the guide is followed.
//! All commands run in one shell.
//!
//! What a reader does not see stands in comments, `<!-- before: … -->` and `<!-- after: … -->`: what
//! has to be so beforehand, and what takes everything away again, also after a guide that failed.
//!
//! With `GROUNDCREW_GUIDES=update` the guide is rewritten instead: blocks whose output is not
//! what it was, and only those.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use groundcrew_sandbox::layout::workspace_root;
use groundcrew_sandbox::nodes::LABEL;
use groundcrew_sandbox::real_node::SIMULATED_TAINT;
use regex::Regex;

use crate::command::Output;
use crate::suite::Suite;

/// What guides call an image, and what it is here: nothing is pulled.
const IMAGES: (&str, &str) = ("registry.example.com/", "sandbox.local/");

/// What differs from one run to the next. What a rule finds is replaced in what a guide says and in
/// what was said, and then both have to be equal; runs of blanks count as one, because columns
/// are as wide as what stands in them.
const MASKS: [(&str, &str); 8] = [
    // Names that Kubernetes makes come first: a part of one, such as `455d`, is not a span.
    // UIDs, also the start of one where a message is cut, and digests.
    (
        r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b|\([0-9a-f]{8}(-[0-9a-f]+)*",
        "DIGEST",
    ),
    // ReplicaSets and pods of a Deployment: decimal digits of a hash, and five characters, in the
    // alphabet of Kubernetes' `apimachinery/pkg/util/rand`.
    (
        r"\b[4-9bcdf]{6,10}(-[2-9b-df-hj-np-tv-xz]{5})?(\b|_)",
        "HASH",
    ),
    // Moments, and days without a time.
    (r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z?)?", "DATE"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "DAY"),
    // Ages and times that are left: 30d, 6d23h, 0.3s, 81 ms.
    (r"\b(\d+(\.\d+)?(ms|[wdhms])|\d+ ms)+\b", "SPAN"),
    // How much there is in a cluster that others use too, and how often it was asked.
    (
        r"\b\d+ (requests|permission checks|bindings|roles|namespaces)\b",
        "N $1",
    ),
    // Addresses of the API server and of pods.
    (r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b", "ADDRESS"),
    (r"[ \t]+", " "),
];

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rule = |(rule, word): &(&str, &'static str)| {
        let rule = Regex::new(rule).expect("a rule is a regular expression");
        (rule, *word)
    };
    MASKS.iter().map(rule).collect()
});

/// A command of a guide.
#[derive(Debug)]
struct Step {
    /// As it stands there, with its line ends.
    command: String,
    /// What it says there.
    says: String,
    /// The lines of the guide in which it says it.
    lines: std::ops::Range<usize>,
}

/// A guide that was read.
#[derive(Debug, Default)]
struct Guide {
    steps: Vec<Step>,
    files: Vec<(String, String)>,
    before: Vec<String>,
    after: Vec<String>,
}

impl Suite {
    /// Follows a guide, and compares or writes what its commands say.
    ///
    /// # Panics
    ///
    /// When a command says something else, or fails and the guide does not say so.
    pub fn follow(&self, name: &str) {
        let path = workspace_root().join("docs/guides").join(name);
        let text = fs::read_to_string(&path).expect("the guide can be read");
        let guide = read(&text);
        assert!(!guide.steps.is_empty(), "{name} has no command");
        for (file, text) in &guide.files {
            let _ = self.file(file, &here(text));
        }
        let hidden = |commands: &[String]| {
            for command in commands {
                // What is not there need not be taken away; the guide itself is what is checked.
                let _ = self.shell(command);
            }
        };
        hidden(&guide.before);
        let output = self.shell(&script(&guide.steps));
        hidden(&guide.after);
        let said = answers(&output, guide.steps.len());
        if std::env::var_os("GROUNDCREW_GUIDES").is_some_and(|word| word == "update") {
            update(&path, &text, &guide.steps, &said);
        }
        let mut wrong = String::new();
        for (index, (step, (says, code))) in guide.steps.iter().zip(&said).enumerate() {
            let next = guide.steps.get(index + 1);
            let told = next.is_some_and(|step| step.command == "echo $?");
            if *code != 0 && !told {
                let _ = writeln!(wrong, "$ {}\nended with {code}:\n{says}", step.command);
            } else if masked(says) != masked(&step.says) {
                let _ = writeln!(
                    wrong,
                    "$ {}\nshould say:\n{}says:\n{says}",
                    step.command, step.says
                );
            }
        }
        assert!(
            wrong.is_empty() && said.len() == guide.steps.len(),
            "{name} is not what happens; GROUNDCREW_GUIDES=update rewrites it\n{wrong}"
        );
    }

    fn shell(&self, script: &str) -> Output {
        // Where an admin has it, so that a guide can take another one and put it down again.
        let config = self.path(".kube/config");
        if !config.exists() {
            fs::create_dir_all(self.path(".kube")).expect("a home");
            fs::copy(self.cluster().kubeconfig(), &config).expect("a kubeconfig");
        }
        let run = self.program(Path::new("/bin/bash")).env("TZ", "UTC");
        run.args(["-c", script]).run()
    }
}

/// Reads a guide.
fn read(text: &str) -> Guide {
    let mut guide = Guide::default();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((_, line)) = lines.next() {
        let hidden = |word: &str| {
            let rest = line.strip_prefix("<!-- ")?.strip_prefix(word)?;
            Some(rest.strip_suffix(" -->")?.to_owned())
        };
        guide.before.extend(hidden("before: "));
        guide.after.extend(hidden("after: "));
        if let Some(name) = line.strip_prefix("```yaml file=") {
            let inside = lines.by_ref().map(|(_, line)| line);
            let inside = inside.take_while(|line| *line != "```");
            let text: String = inside.map(|line| format!("{line}\n")).collect();
            guide.files.push((name.to_owned(), text));
        } else if line == "```console" {
            while let Some((number, line)) = lines.next_if(|(_, line)| *line != "```") {
                if let Some(command) = line.strip_prefix("$ ") {
                    let mut command = command.to_owned();
                    let mut end = number + 1;
                    while command.ends_with('\\')
                        && let Some((number, line)) = lines.next()
                    {
                        command.push('\n');
                        command.push_str(line);
                        end = number + 1;
                    }
                    guide.steps.push(Step {
                        command,
                        says: String::new(),
                        lines: end..end,
                    });
                } else if let Some(step) = guide.steps.last_mut() {
                    let _ = writeln!(step.says, "{line}");
                    step.lines.end = number + 1;
                }
            }
        }
    }
    guide
}

/// Returns what a file or a command is here. A Deployment is told to run on simulated nodes, which
/// beside a real one take only who asks for them.
fn here(text: &str) -> String {
    let text = text.replace(IMAGES.0, IMAGES.1);
    let mut done = String::new();
    for line in text.lines() {
        let blanks = &line[..line.len() - line.trim_start().len()];
        if line.trim_start() == "containers:" {
            let _ = writeln!(done, "{blanks}nodeSelector: {{{LABEL}: simulated}}");
            let toleration = format!("{{key: {SIMULATED_TAINT}, operator: Exists}}");
            let _ = writeln!(done, "{blanks}tolerations: [{toleration}]");
        }
        let _ = writeln!(done, "{line}");
    }
    done
}

/// Returns one script of all steps: each is framed, and finds the exit code of the one before.
fn script(steps: &[Step]) -> String {
    let mut script = "exec 2>&1\ncode=0\n".to_owned();
    for step in steps {
        let command = step.command.replace(IMAGES.0, IMAGES.1);
        let _ = write!(
            script,
            "printf '\\001'\n(exit $code)\n{command}\ncode=$?\nprintf '\\002%d\\003' $code\n"
        );
    }
    script
}

/// Takes apart what the script said: text and exit code of each step.
fn answers(output: &Output, steps: usize) -> Vec<(String, i32)> {
    let mut said: Vec<(String, i32)> = output
        .stdout
        .split('\u{1}')
        .skip(1)
        .filter_map(|part| {
            let (text, rest) = part.split_once('\u{2}')?;
            let code = rest.split_once('\u{3}')?.0.parse().ok()?;
            let mut text = text.replace(IMAGES.1, IMAGES.0);
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            let lines = text.lines().map(str::trim_end);
            Some((lines.map(|line| format!("{line}\n")).collect(), code))
        })
        .collect();
    said.truncate(steps);
    said
}

fn masked(text: &str) -> String {
    RULES.iter().fold(text.to_owned(), |text, (rule, word)| {
        rule.replace_all(&text, *word).into_owned()
    })
}

/// Rewrites the guide where something else is said.
fn update(path: &Path, text: &str, steps: &[Step], said: &[(String, i32)]) {
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    for (step, (says, _)) in steps.iter().zip(said).rev() {
        if masked(says) != masked(&step.says) {
            lines.splice(step.lines.clone(), [says.clone()]);
        }
    }
    fs::write(path, lines.concat()).expect("the guide can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "text\n<!-- before: true -->\n```yaml file=a.yaml\na: 1\n```\n\
                         ```console\n$ one \\\n    two\nsays\n\n$ three\n```\n";

    #[test]
    fn a_guide_is_read_with_files_commands_and_what_they_say() {
        let guide = read(GUIDE);
        assert_eq!(guide.before, ["true"]);
        assert_eq!(guide.files, [("a.yaml".to_owned(), "a: 1\n".to_owned())]);
        let [one, two] = guide.steps.as_slice() else {
            panic!("{guide:?}")
        };
        assert_eq!(
            (one.command.as_str(), one.says.as_str()),
            ("one \\\n    two", "says\n\n")
        );
        assert_eq!((two.says.as_str(), two.lines.clone()), ("", 11..11));
    }

    #[test]
    fn what_differs_from_run_to_run_is_no_difference_and_the_rest_is_one() {
        let same = [
            (
                "until 2026-12-21 19:54 UTC (30d)",
                "until 2027-01-01 03:04 UTC (29d)",
            ),
            (
                "web-7c5d8f9b64-x2x4z   Running",
                "web-66b4c9d5d8-xbcd4  Running",
            ),
            ("0.3s, 23 requests", "1.4s, 24 requests"),
        ];
        for (one, other) in same {
            assert_eq!(masked(one), masked(other));
        }
        for (one, other) in [("10 of 10 checks", "9 of 10 checks"), ("✔ done", "done")] {
            assert_ne!(masked(one), masked(other));
        }
    }

    /// Returns `count` characters of an alphabet.
    fn word(alphabet: &str, count: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let letter = |_| letters[fastrand::usize(..letters.len())];
        (0..count).map(letter).collect()
    }

    #[test]
    fn no_name_that_kubernetes_makes_is_taken_for_something_else() {
        const HEX: &str = "0123456789abcdef";
        const SAFE: &str = "bcdfghjklmnpqrstvwxz2456789";
        fastrand::seed(7);
        for _ in 0..10_000 {
            let uid = [8, 4, 4, 4, 12].map(|count| word(HEX, count)).join("-");
            assert_eq!(masked(&format!("uid {uid}, 3d")), "uid DIGEST, SPAN");
            for end in [8, 13, 36] {
                assert_eq!(masked(&format!("shop({}", &uid[..end])), "shopDIGEST");
            }
            let hash = word("456789bcdf", 6 + fastrand::usize(..5));
            let pod = format!("web-{hash}-{}", word(SAFE, 5));
            assert_eq!(masked(&format!("pod/{pod} 3d")), "pod/web-HASH SPAN");
            assert_eq!(masked(&format!("web-{hash}  5/5")), "web-HASH 5/5");
        }
    }
}
