//! JUnit's XML, as CI systems read it.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::error::{Error, Result};

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where it belongs to: a file, a namespace.
    pub class: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// Otherwise.
    Failed {
        /// In one line.
        message: String,
        /// In full; empty when the message says it all.
        detail: String,
    },
    /// It could not be carried out.
    Error {
        /// In one line.
        message: String,
    },
}

/// Renders one suite, which has the name of what was run.
///
/// # Errors
///
/// None in practice: everything here has a form in XML.
pub fn render(name: &str, cases: impl IntoIterator<Item = Case>) -> Result<String> {
    let mut suite = TestSuite::new(name);
    suite.add_test_cases(cases.into_iter().map(case));
    let mut report = Report::new(name);
    report.add_test_suite(suite);
    report
        .to_string()
        .map_err(|error| Error::failed("cannot write XML").with_source(error))
}

fn case(case: Case) -> TestCase {
    let status = match case.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed { message, detail } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(message);
            if !detail.is_empty() {
                status.set_description(detail);
            }
            status
        }
        Verdict::Error { message } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(message);
            status
        }
    };
    let mut test = TestCase::new(case.name, status);
    test.set_classname(case.class);
    test
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_cases_and_nothing_becomes_markup() {
        let case = |name: &str, verdict| Case {
            class: "a.yaml".to_owned(),
            name: name.to_owned(),
            verdict,
        };
        let text = render(
            "kubectl x",
            [
                case("one <&\"\u{1b}[31m\u{0}", Verdict::Passed),
                case(
                    "two",
                    Verdict::Failed {
                        message: "it is denied".to_owned(),
                        detail: "line 3: <b>\n".to_owned(),
                    },
                ),
                case(
                    "three",
                    Verdict::Error {
                        message: "not read".to_owned(),
                    },
                ),
            ],
        );
        insta::assert_snapshot!(text.unwrap());
    }
}
