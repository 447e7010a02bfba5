//! The diagnosis. Pure.

use std::net::IpAddr;
use std::time::Duration;

use groundcrew::finding::{Diagnosis, Finding, Severity, Unseen};
use groundcrew::flags::duration::Span;
use jiff::Timestamp;

use crate::commands::doctor::known::Looked;
use crate::commands::doctor::observe::Observed;
use crate::commands::doctor::probe::Outcome;
use crate::commands::doctor::{grant, network, records};
use crate::model::kubeconfig;
use crate::model::objects::certificate_request::SIGNER;

/// Puts the diagnosis together.
pub fn diagnosis(found: &Observed, now: Timestamp) -> Diagnosis {
    let version = found.version.as_deref().ok();
    let mut looked = vec![
        self::version(found),
        clock(found),
        rights(found),
        signer(&found.signer),
        address(found),
        network::look(&found.daemon_sets, &found.groups, version),
    ];
    looked.extend(records::look(found, now));
    let mut unseen = Vec::new();
    let mut findings = Vec::new();
    for one in looked {
        match one {
            Ok(finding) => findings.push(finding),
            Err(not_seen) => unseen.push(not_seen),
        }
    }
    Diagnosis::new(findings, unseen)
}

fn version(found: &Observed) -> Looked {
    const CHECK: &str = "cluster version";
    let version = found.version.as_ref();
    let version = version.map_err(|why| Unseen::new(CHECK, why))?;
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut next = || numbers.next()?.parse::<u32>().ok();
    Ok(match (next(), next()) {
        // Before 1.27 the server cannot say who a user is, so nothing could be proved.
        (Some(1), Some(minor)) if minor < 27 => {
            let why = format!("{version}: onboarding needs 1.27 or later to prove who a user is");
            Finding::new(Severity::Error, CHECK, why).fix("upgrade the cluster")
        }
        (Some(_), Some(_)) => Finding::new(Severity::Ok, CHECK, version),
        _ => {
            let why = format!("{version:?} is not a known version format");
            Finding::new(Severity::Warning, CHECK, why)
        }
    })
}

/// From here on a difference is worth a warning.
const SKEW_WARNING: u64 = 30;

/// From here on certificates and tokens fail: a certificate is dated back by five minutes.
const SKEW_BROKEN: u64 = 300;

fn clock(found: &Observed) -> Looked {
    const CHECK: &str = "clock";
    let skew = found.skew.as_ref();
    let skew = *skew.map_err(|why| Unseen::new(CHECK, why))?;
    let seconds = skew.unsigned_abs();
    let way = if skew < 0 { "behind" } else { "ahead of" };
    let why = format!(
        "this machine is {} {way} the API server",
        Span(Duration::from_secs(seconds))
    );
    let fix = "set the clock of this machine, or of the control plane (NTP)";
    Ok(match seconds {
        SKEW_BROKEN.. => Finding::new(Severity::Error, CHECK, why).fix(fix),
        SKEW_WARNING.. => Finding::new(Severity::Warning, CHECK, why).fix(fix),
        _ => Finding::new(Severity::Ok, CHECK, "agrees with the API server's"),
    })
}

fn rights(found: &Observed) -> Looked {
    const CHECK: &str = "your rights";
    let missing = found.missing.as_ref();
    let missing = missing.map_err(|why| Unseen::new(CHECK, why))?;
    let me = found.me.as_ref().map_or("you", |me| &me.username);
    if missing.is_empty() {
        let count = grant::required().len();
        let why = format!("{me} has all {count} that onboarding needs");
        return Ok(Finding::new(Severity::Ok, CHECK, why));
    }
    let shown: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let user = if me == "you" { "USER" } else { me };
    let why = format!("{me} lacks {}: {}", missing.len(), shown.join("; "));
    Ok(Finding::new(Severity::Error, CHECK, why).fix(format!(
        "an admin can grant them:  kubectl onboard doctor --grant {user} -o yaml | kubectl apply -f -"
    )))
}

fn signer(outcome: &Outcome) -> Looked {
    const CHECK: &str = "signer";
    let token = "onboard with --auth token, or --auth auto, which falls back to it";
    let warning = |why| Ok(Finding::new(Severity::Warning, CHECK, why).fix(token));
    match outcome {
        Outcome::Signed(after) => {
            let why = format!(
                "{SIGNER} issued a certificate after {} ms",
                after.as_millis()
            );
            Ok(Finding::new(Severity::Ok, CHECK, why))
        }
        Outcome::Useless(why) => warning(format!("{SIGNER} issued a certificate, but {why}")),
        Outcome::Silent(after) => warning(format!(
            "{SIGNER} issued nothing within {}; client certificates are not available",
            Span(*after)
        )),
        Outcome::Refused(why) => warning(format!("{SIGNER} refused: {why}")),
        Outcome::NotTried(why) => Err(Unseen::new(CHECK, format!("not asked: {why}"))),
        Outcome::Unasked => Err(Unseen::new(CHECK, "not asked")),
        Outcome::Left(name, why) => {
            let why = format!("the probe was not removed: {why}");
            Ok(Finding::new(Severity::Error, CHECK, why)
                .at(format!("certificatesigningrequest/{name}"))
                .fix(format!("kubectl delete csr {name}")))
        }
    }
}

fn address(found: &Observed) -> Looked {
    const CHECK: &str = "server address";
    let endpoint = found.endpoint.as_ref();
    let endpoint = endpoint.map_err(|why| Unseen::new(CHECK, why))?;
    let server = &endpoint.server;
    let warning = |why| {
        Finding::new(Severity::Warning, CHECK, why)
            .fix("set the address that others can reach with --user-server")
    };
    if kubeconfig::is_loopback(server) {
        let why = format!("{server} is this machine's own address; no other machine can reach it");
        return Ok(warning(why));
    }
    let proxy = endpoint.proxy_url.as_deref();
    if let Some(proxy) = proxy.filter(|proxy| kubeconfig::is_loopback(proxy)) {
        let why = format!("{proxy} is a proxy on this machine's own address");
        let fix = "set the proxy that others can reach with --user-proxy, or none";
        return Ok(Finding::new(Severity::Warning, CHECK, why).fix(fix));
    }
    let uri = server.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    Ok(match host.parse::<IpAddr>() {
        Ok(address) if is_private(address) => warning(format!(
            "{server} is private; only machines in its network can reach it"
        )),
        Err(_) if !host.contains('.') => warning(format!(
            "{server} is a bare host name; others may not be able to resolve it"
        )),
        // Whether others can reach it cannot be tried from here; nothing suggests otherwise.
        _ => Finding::new(Severity::Ok, CHECK, server),
    })
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
        for (skew, severity) in [
            (3, Severity::Ok),
            (-31, Severity::Warning),
            (300, Severity::Error),
            (-900, Severity::Error),
        ] {
            found.skew = Ok(skew);
            assert_eq!(clock(&found).unwrap().severity, severity, "{skew}");
        }
        for (text, severity) in [
            ("v1.24.17", Severity::Error),
            ("v1.27.0", Severity::Ok),
            ("v1.33.2-eks-1", Severity::Ok),
            ("what", Severity::Warning),
        ] {
            found.version = Ok(text.to_owned());
            assert_eq!(version(&found).unwrap().severity, severity, "{text}");
        }
    }

    #[test]
    fn an_address_that_others_do_not_reach_is_a_warning() {
        let mut found = healthy();
        for (server, severity) in [
            ("https://127.0.0.1:6443", Severity::Warning),
            ("https://10.0.0.1:6443", Severity::Warning),
            ("https://[fd00::1]:6443", Severity::Warning),
            ("https://100.100.0.1", Severity::Warning),
            ("https://master:6443", Severity::Warning),
            ("https://8.8.8.8:6443", Severity::Ok),
            ("https://api.example.com", Severity::Ok),
        ] {
            if let Ok(endpoint) = &mut found.endpoint {
                server.clone_into(&mut endpoint.server);
            }
            assert_eq!(address(&found).unwrap().severity, severity, "{server}");
        }
    }
}
