use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};

use super::*;
use crate::model::time::until;

fn report() -> Report {
    Report {
        user: "alice".to_owned(),
        namespace: "alice".to_owned(),
        generation: 1,
        credential: Credential {
            r#type: "certificate",
            groups: vec!["onboard:alice:g1".to_owned()],
            not_after: "2026-12-21T09:14:00Z".parse().unwrap(),
        },
        certificate: None,
        kubeconfig: Some("./alice.kubeconfig".to_owned()),
        verified: true,
        first: "kubectl create deployment hello --image=IMAGE",
        exit: Exit::Done,
        elapsed_seconds: 2.3,
        requests: 24,
        now: "2026-11-21T09:14:03Z".parse().unwrap(),
    }
}

fn shown(report: &Report, format: Format) -> String {
    report
        .render_with(
            &OutputArgs {
                format,
                no_headers: false,
            },
            report,
            &[],
            report.exit(),
        )
        .unwrap()
}

#[test]
fn the_report_for_people() {
    insta::assert_snapshot!(shown(&report(), Format::Table));
}

#[test]
fn the_report_without_a_new_credential() {
    let report = Report {
        kubeconfig: None,
        verified: false,
        ..report()
    };
    assert_eq!(report.exit(), Exit::Done);
    insta::assert_snapshot!(shown(&report, Format::Table));
}

#[test]
fn the_json_document_is_a_contract() {
    insta::assert_snapshot!(shown(&report(), Format::Json));
}

#[test]
fn yaml_and_json_say_the_same() {
    let json: serde_json::Value = serde_json::from_str(&shown(&report(), Format::Json)).unwrap();
    let yaml: serde_json::Value = serde_saphyr::from_str(&shown(&report(), Format::Yaml)).unwrap();
    assert_eq!(json, yaml);
}

#[test]
fn what_is_not_proved_is_said_in_the_first_line() {
    for (exit, words) in [
        (Exit::No, "not as it should be"),
        (Exit::Incomplete, "not everything could be checked"),
    ] {
        let report = Report {
            verified: false,
            exit,
            ..report()
        };
        assert!(
            shown(&report, Format::Table)
                .lines()
                .next()
                .unwrap()
                .contains(words)
        );
    }
}

#[test]
fn the_rest_of_a_lifetime_is_rounded_as_people_count() {
    let now = "2026-11-21T09:14:03Z".parse().unwrap();
    let end = "2026-12-21T09:09:00Z".parse().unwrap();
    assert_eq!(until(end, now), "2026-12-21 09:09 UTC (30d)");
}
