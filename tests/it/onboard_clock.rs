//! Everything is decided and recorded by the server's clock.

use std::fs;

use harness::{Case, Fault, Match, Need, Proxied, Rule, Suite};
use jiff::{SignedDuration, Timestamp};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new("two_clocks_that_disagree_revoke_nothing", needs, due),
        Case::new("the_record_has_the_servers_time", needs, record),
        Case::new(
            "a_certificate_is_accepted_by_the_servers_clock",
            needs,
            accept,
        ),
    ]
}

/// Moves the server's clock, as this machine's would be wrong the other way.
fn moved(suite: &Suite, by: SignedDuration) -> Proxied {
    let through = suite.proxied();
    let fault = Fault::ShiftDate(by);
    through
        .proxy
        .add(Rule::times(10_000, Match::default(), fault));
    through
}

fn due(suite: &Suite) {
    let name = suite.name("julia");
    suite.onboard(&name).run().success();
    let old = suite.path(&format!("{name}.kubeconfig"));
    let kept = suite.path("kept");
    fs::copy(&old, &kept).expect("a copy");
    let renew = suite.admin(&format!("onboard renew {name} --grace 24h --out"));
    renew.args([&old]).run().success();
    let before = suite.record(&name);
    for hours in [48, -48] {
        let through = moved(suite, SignedDuration::from_hours(hours));
        let run = suite.admin(&format!("onboard renew {name} --due"));
        let output = run.kubeconfig(&through.kubeconfig).run();
        output.code(4).no_answer().says("nothing was revoked");
        let word = if hours > 0 { "2d behind" } else { "2d ahead" };
        output.says(word);
        assert_eq!(suite.record(&name), before);
    }
    let user = suite.program(&suite.cluster().kubectl()).kubeconfig(&kept);
    user.line("get pods").run().success();
    let run = suite.admin(&format!("onboard renew {name} --due"));
    run.run().success();
}

fn record(suite: &Suite) {
    let name = suite.name("leo");
    let through = moved(suite, SignedDuration::from_mins(40));
    let run = suite.onboard(&name).kubeconfig(&through.kubeconfig);
    run.run().success();
    let out = suite.path("second");
    let renew = suite.admin(&format!("onboard renew {name} --grace 15m --out"));
    renew
        .args([&out])
        .kubeconfig(&through.kubeconfig)
        .run()
        .success();
    let record = suite.record(&name);
    let moment = |value: &serde_json::Value| -> Timestamp {
        value.as_str().expect("a moment").parse().expect("a moment")
    };
    let now = Timestamp::now();
    let ahead = |value: &serde_json::Value| moment(value).duration_since(now).as_mins();
    let first = &record["generations"][0];
    for key in ["issuedAt", "provedAt"] {
        assert!((35..=40).contains(&ahead(&first[key])), "{key}\n{record}");
    }
    assert!(
        (50..=55).contains(&ahead(&first["retireAfter"])),
        "{record}"
    );
    // By the server's clock the grace is not over, whatever this machine says.
    let list = suite
        .admin("onboard list -o json")
        .kubeconfig(&through.kubeconfig);
    list.run().success();
}

fn accept(suite: &Suite) {
    for (minutes, code, words) in [
        (12, 4, "12m behind"),
        (-12, 2, "the server's clock"),
        (60 * 24 * 31, 2, "expired"),
    ] {
        let name = suite.name("carl");
        let _laptop = suite.requested(&name, 1);
        let through = suite.proxied();
        let request = suite.path(&format!("laptop-{name}/{name}.csr"));
        let sign = suite.sign(&name, &request).kubeconfig(&through.kubeconfig);
        sign.run().success();
        let fault = Fault::ShiftDate(SignedDuration::from_mins(minutes));
        through
            .proxy
            .add(Rule::times(10_000, Match::default(), fault));
        let output = suite.accept(&name).run();
        output.code(code).says(words);
        let written = suite.path(&format!("{name}.kubeconfig")).exists();
        assert_eq!(written, code == 4, "{output}");
    }
}
