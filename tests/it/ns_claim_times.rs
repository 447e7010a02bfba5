//! When a claim ends: by whose clock, in whose zone, and how far it goes.

use harness::{Case, Fault, Match, Need, Rule, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let faults = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    vec![
        Case::new("what_ends_soon_is_an_exit_code", needs, expiring),
        Case::new(
            "extending_moves_the_end_and_stops_at_the_cap",
            needs,
            extend,
        ),
        Case::new("a_time_of_day_is_that_of_the_users_zone", needs, zone),
        Case::new(
            "a_time_of_day_is_right_when_the_clocks_change_before_it",
            needs,
            clocks_change,
        ),
        Case::new(
            "an_end_is_counted_by_the_servers_clock",
            faults,
            servers_clock,
        ),
    ]
}

fn expiring(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let _ = suite.claim(&ana, &format!("{ana} --ttl 30m"));
    let list = |within: &str| {
        suite
            .claimer(&ana, &format!("ns-claim list --mine --expiring {within}"))
            .run()
    };
    list("1h").code(3).answers(&ana);
    list("10m").code(0).no_answer();
}

fn extend(suite: &Suite) {
    let _claims = suite.claims();
    let (ana, bo) = (suite.name("ana"), suite.name("bo"));
    let _ = suite.claim(&ana, &format!("{ana} --ttl 2h"));
    let run = |user: &str, words: &str| {
        suite
            .claimer(user, &format!("ns-claim extend {ana} {words}"))
            .run()
    };
    let before = suite.annotation(&ana, "expires-at").expect("an end");
    let after = run(&ana, "--by 4h -o json").success().json();
    let (before, after): (jiff::Timestamp, jiff::Timestamp) = (
        before.parse().expect("a moment"),
        after["endsAt"]
            .as_str()
            .expect("an end")
            .parse()
            .expect("a moment"),
    );
    assert_eq!(after.duration_since(before).as_secs(), 4 * 3600);
    run(&ana, "--by 0h10m")
        .success()
        .answers("of 7d in total can still be added");
    run(&ana, "--by 8d")
        .code(2)
        .says("7d in total")
        .says("can still be added");
    run(&ana, "--by 0").code(2);
    run(&ana, "").code(2);
    run(&ana, "--until 2001-01-01T00:00:00Z")
        .code(2)
        .says("is in the past");
    run(&bo, "--by 1h").code(1).says("cannot patch");
    let kept = suite.annotation(&ana, "expires-at").expect("an end");
    let kept = kept.parse::<jiff::Timestamp>().expect("a moment");
    assert_eq!(kept.duration_since(after).as_secs(), 600);
}

fn zone(suite: &Suite) {
    let _claims = suite.claims();
    for (zone, utc) in [
        ("EST5", "T14:30:00Z"),
        ("UTC0", "T09:30:00Z"),
        ("XXX-3", "T06:30:00Z"),
    ] {
        let ana = suite.name("ana");
        let run = suite.claimer(&ana, &format!("ns-claim {ana} -o json"));
        let run = run.args(["--until=tomorrow 9:30"]).env("TZ", zone);
        let ends = run.run().success().json()["endsAt"].clone();
        let ends = ends.as_str().expect("an end");
        assert!(ends.ends_with(utc), "{zone}: {ends}");
    }
}

/// A laptop that is a day behind, which is a server that is a day ahead.
fn servers_clock(suite: &Suite) {
    let _claims = suite.claims();
    let ana = suite.name("ana");
    let through = suite.proxied();
    let day = Fault::ShiftDate(jiff::SignedDuration::from_hours(24));
    through.proxy.add(Rule::times(99, Match::default(), day));
    let run = suite.claimer(&ana, &format!("ns-claim {ana} --ttl 2h"));
    run.kubeconfig(&through.kubeconfig).run().success();
    let ends = suite.annotation(&ana, "expires-at").expect("an end");
    let ends: jiff::Timestamp = ends.parse().expect("a moment");
    let hours = ends.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3600.0;
    assert!((25.9..26.1).contains(&hours), "{hours}");
}

/// A zone whose clocks go forward in two days, and back in three, at these hours.
fn changing(forward: &str, back: &str) -> (String, [String; 3]) {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = |days: i64| today.saturating_add(jiff::Span::new().days(days));
    let number = |days| day(days).day_of_year_no_leap().unwrap_or(59);
    let zone = format!("AAA0BBB,J{}/{forward},J{}/{back}", number(2), number(3));
    let name = |days| day(days).strftime("%a").to_string().to_lowercase();
    (zone, [name(1), name(2), name(3)])
}

fn clocks_change(suite: &Suite) {
    let _claims = suite.claims();
    let (zone, [before, on, after]) = changing("2", "22");
    let claim = |moment: String| {
        let ana = suite.name("ana");
        let run = suite.claimer(&ana, &format!("ns-claim {ana} -o json"));
        run.args([format!("--until={moment}")])
            .env("TZ", &zone)
            .run()
    };
    // 18:00 is 18:00 on each of these days, and an hour earlier for the server on two of them.
    for (day, utc) in [
        (&before, "T18:00:00Z"),
        (&on, "T17:00:00Z"),
        (&after, "T17:00:00Z"),
    ] {
        let ends = claim(format!("{day} 18:00")).success().json()["endsAt"].clone();
        let ends = ends.as_str().expect("an end");
        assert!(ends.ends_with(utc), "{zone} {day}: {ends}");
    }
    // What the clocks skip or show twice is no moment.
    for (day, time) in [(&on, "2:30"), (&after, "21:30")] {
        let run = claim(format!("{day} {time}"));
        let why = format!("show {time:0>5} not exactly once");
        run.code(2).no_answer().says(&why);
    }
    // The zone that was meant is shown.
    let ana = suite.name("ana");
    let run = suite.claimer(&ana, &format!("ns-claim {ana}"));
    let run = run.args([format!("--until={after} 18:00")]);
    run.env("TZ", &zone).run().success().answers("18:00 BBB");
}
