//! The diagnosis. Pure.

use std::net::IpAddr;
use std::time::Duration;

use groundcrew::flags::duration::Span;
use jiff::Timestamp;

use crate::commands::doctor::finding::{Diagnosis, Line, State};
use crate::commands::doctor::observe::Observed;
use crate::commands::doctor::probe::Outcome;
use crate::commands::doctor::{grant, network, records};
use crate::model::kubeconfig;
use crate::model::objects::certificate_request::SIGNER;

/// Puts the diagnosis together.
pub fn diagnosis(found: &Observed, now: Timestamp) -> Diagnosis {
    let version = found.version.as_deref().ok();
    let mut checks = vec![
        self::version(found),
        clock(found),
        rights(found),
        signer(&found.signer),
        address(found),
        network::line(&found.daemon_sets, &found.groups, version),
    ];
    checks.extend(records::lines(found, now));
    Diagnosis {
        complete: checks.iter().all(|line| line.state != State::Unseen),
        checks,
    }
}

fn version(found: &Observed) -> Line {
    const CHECK: &str = "cluster version";
    let version = match &found.version {
        Ok(version) => version,
        Err(why) => return Line::unseen(CHECK, why),
    };
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut next = || numbers.next()?.parse::<u32>().ok();
    match (next(), next()) {
        // Before 1.27 the server cannot say who a user is, so nothing could be proved.
        (Some(1), Some(minor)) if minor < 27 => Line::new(
            CHECK,
            State::Broken,
            format!("{version}: onboarding needs 1.27 or later to prove who a user is"),
        )
        .fix("upgrade the cluster"),
        (Some(_), Some(_)) => Line::new(CHECK, State::Ok, version.clone()),
        _ => Line::new(
            CHECK,
            State::Warning,
            format!("{version:?} is not a known version format"),
        ),
    }
}

/// From here on a difference is worth a warning. From 300 seconds on certificates and tokens fail:
/// a certificate is dated back by five minutes.
const SKEW_WARNING: u64 = 30;

const SKEW_BROKEN: u64 = 300;

fn clock(found: &Observed) -> Line {
    const CHECK: &str = "clock";
    let skew = match found.skew {
        Ok(skew) => skew,
        Err(ref why) => return Line::unseen(CHECK, why),
    };
    let seconds = skew.unsigned_abs();
    let way = if skew < 0 { "behind" } else { "ahead of" };
    let text = format!(
        "this machine is {} {way} the API server",
        Span(Duration::from_secs(seconds))
    );
    let fix = "set the clock of this machine, or of the control plane (NTP)";
    match seconds {
        SKEW_BROKEN.. => Line::new(CHECK, State::Broken, text).fix(fix),
        SKEW_WARNING.. => Line::new(CHECK, State::Warning, text).fix(fix),
        _ => Line::new(CHECK, State::Ok, "agrees with the API server's"),
    }
}

fn rights(found: &Observed) -> Line {
    const CHECK: &str = "your rights";
    let missing = match &found.missing {
        Ok(missing) => missing,
        Err(why) => return Line::unseen(CHECK, why),
    };
    let me = found.me.as_ref().map_or("you", |me| &me.username);
    if missing.is_empty() {
        let count = grant::required().len();
        let text = format!("{me} has all {count} that onboarding needs");
        return Line::new(CHECK, State::Ok, text);
    }
    let shown: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let user = if me == "you" { "USER" } else { me };
    Line::new(
        CHECK,
        State::Broken,
        format!("{me} lacks {}: {}", missing.len(), shown.join("; ")),
    )
    .fix(format!(
        "an admin can grant them:  kubectl onboard doctor --grant {user} -o yaml | kubectl apply -f -"
    ))
}

fn signer(outcome: &Outcome) -> Line {
    const CHECK: &str = "signer";
    let token = "onboard with --auth token, or --auth auto, which falls back to it";
    match outcome {
        Outcome::Signed(after) => {
            let text = format!(
                "{SIGNER} issued a certificate after {} ms",
                after.as_millis()
            );
            Line::new(CHECK, State::Ok, text)
        }
        Outcome::Silent(after) => {
            let waited = Span(*after);
            let text = format!(
                "{SIGNER} issued nothing within {waited}; client certificates are not available"
            );
            Line::new(CHECK, State::Warning, text).fix(token)
        }
        Outcome::Refused(why) => {
            let text = format!("{SIGNER} refused: {why}");
            Line::new(CHECK, State::Warning, text).fix(token)
        }
        Outcome::NotTried(why) => Line::unseen(CHECK, &format!("not asked: {why}")),
        Outcome::Unasked => Line::unseen(CHECK, "not asked"),
        Outcome::Left(name, why) => {
            let text = format!("the probe certificatesigningrequest/{name} was not removed: {why}");
            Line::new(CHECK, State::Broken, text).fix(format!("kubectl delete csr {name}"))
        }
    }
}

fn address(found: &Observed) -> Line {
    const CHECK: &str = "server address";
    let server = match &found.endpoint {
        Ok(endpoint) => &endpoint.server,
        Err(why) => return Line::unseen(CHECK, why),
    };
    let fix = "set the address that others can reach with --user-server";
    if kubeconfig::is_loopback(server) {
        let text = format!("{server} is this machine's own address; no other machine can reach it");
        return Line::new(CHECK, State::Warning, text).fix(fix);
    }
    let uri = server.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) if is_private(address) => {
            let text = format!("{server} is private; only machines in its network can reach it");
            Line::new(CHECK, State::Warning, text).fix(fix)
        }
        Err(_) if !host.contains('.') => {
            let text =
                format!("{server} is a bare host name; others may not be able to resolve it");
            Line::new(CHECK, State::Warning, text).fix(fix)
        }
        // Whether others can reach it cannot be tried from here; nothing suggests otherwise.
        _ => Line::new(CHECK, State::Ok, server.clone()),
    }
}

/// RFC 1918 and 6598, link-local, unique local and unspecified addresses.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let shared = four.octets()[0] == 100 && (64..128).contains(&four.octets()[1]);
            four.is_private() || four.is_link_local() || four.is_unspecified() || shared
        }
        IpAddr::V6(six) => {
            six.is_unique_local() || six.is_unicast_link_local() || six.is_unspecified()
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cluster::people::People;
    use groundcrew::exit::Exit;

    /// A cluster where everything is as it should be and no users are onboarded.
    pub fn healthy() -> Observed {
        Observed {
            version: Ok("v1.36.3".to_owned()),
            skew: Ok(0),
            me: Ok(groundcrew::client::access::Identity::default()),
            missing: Ok(Vec::new()),
            endpoint: Ok(kubeconfig::Endpoint {
                server: "https://api.example.com:6443".to_owned(),
                certificate_authority: None,
                tls_server_name: None,
                proxy_url: None,
            }),
            daemon_sets: Ok(Vec::new()),
            groups: Ok(Vec::new()),
            signer: Outcome::Signed(Duration::from_millis(40)),
            people: Ok(People::default()),
            namespaces: Ok(Vec::new()),
            bindings: Ok(Vec::new()),
            cluster_bindings: Ok(Vec::new()),
            requests: Ok(Vec::new()),
            secrets: Ok(Vec::new()),
        }
    }

    fn now() -> Timestamp {
        "2026-11-21T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_healthy_cluster_is_done_and_anything_unseen_is_not() {
        let mut found = healthy();
        assert_eq!(diagnosis(&found, now()).exit(), Exit::Done);
        found.people = Err("forbidden".to_owned());
        assert_eq!(diagnosis(&found, now()).exit(), Exit::Incomplete);
        found.skew = Ok(-600);
        assert_eq!(diagnosis(&found, now()).exit(), Exit::No);
    }

    #[test]
    fn a_clock_and_a_version_are_judged() {
        let mut found = healthy();
        for (skew, state) in [
            (3, State::Ok),
            (-31, State::Warning),
            (300, State::Broken),
            (-900, State::Broken),
        ] {
            found.skew = Ok(skew);
            assert_eq!(clock(&found).state, state, "{skew}");
        }
        for (text, state) in [
            ("v1.24.17", State::Broken),
            ("v1.27.0", State::Ok),
            ("v1.33.2-eks-1", State::Ok),
            ("what", State::Warning),
        ] {
            found.version = Ok(text.to_owned());
            assert_eq!(version(&found).state, state, "{text}");
        }
    }

    #[test]
    fn an_address_that_others_do_not_reach_is_a_warning() {
        let mut found = healthy();
        for (server, state) in [
            ("https://127.0.0.1:6443", State::Warning),
            ("https://10.0.0.1:6443", State::Warning),
            ("https://[fd00::1]:6443", State::Warning),
            ("https://100.100.0.1", State::Warning),
            ("https://master:6443", State::Warning),
            ("https://8.8.8.8:6443", State::Ok),
            ("https://api.example.com", State::Ok),
        ] {
            if let Ok(endpoint) = &mut found.endpoint {
                server.clone_into(&mut endpoint.server);
            }
            assert_eq!(address(&found).state, state, "{server}");
        }
    }
}
