//! Privileged containers, capabilities and what a process may gain.

use crate::model::standards::finding::{Faults, Found, Looking};
use crate::model::text::{Names, containers, join_quote};

/// What `capabilities_baseline` lets a container add, for people.
pub(in crate::model::standards) const BASELINE_CAPABILITIES: &str = "AUDIT_WRITE, CHOWN, DAC_OVERRIDE, \
    FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP, SETUID, SYS_CHROOT";

fn is_baseline(capability: &str) -> bool {
    BASELINE_CAPABILITIES
        .split(", ")
        .any(|allowed| allowed == capability)
}

/// `check_privileged.go`.
pub(in crate::model::standards) fn privileged(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.privileged";
    let mut faults = Faults::default();
    let mut bad = Vec::new();
    for place in looking.pod.spec.all_containers() {
        let context = place.2.security_context.as_ref();
        if context.is_some_and(|context| context.privileged == Some(true)) {
            faults.container(place, FIELD, Some("true".to_owned()), "false");
            bad.push(place.2.name.as_str());
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "privileged".to_owned(),
        detail: format!(
            "{} must not set securityContext.privileged=true",
            containers(&bad)
        ),
        faults: faults.0,
    })
}

/// `check_allowPrivilegeEscalation.go`.
pub(in crate::model::standards) fn escalation(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.allowPrivilegeEscalation";
    if looking.windows() {
        return None;
    }
    let mut faults = Faults::default();
    let mut bad = Vec::new();
    for place in looking.pod.spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let value = context.and_then(|context| context.allow_privilege_escalation);
        if value != Some(false) {
            faults.container(place, FIELD, value.map(|value| value.to_string()), "false");
            bad.push(place.2.name.as_str());
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "allowPrivilegeEscalation != false".to_owned(),
        detail: format!(
            "{} must set securityContext.allowPrivilegeEscalation=false",
            containers(&bad)
        ),
        faults: faults.0,
    })
}

/// `check_capabilities_baseline.go`.
pub(in crate::model::standards) fn capabilities_baseline(looking: &Looking<'_>) -> Option<Found> {
    let mut faults = Faults::default();
    let (bad, names) = added(looking, &mut faults, is_baseline, "a default capability");
    (!bad.is_empty()).then(|| Found {
        reason: "non-default capabilities".to_owned(),
        detail: must_not_include(&bad, &names),
        faults: faults.0,
    })
}

/// `check_capabilities_restricted.go`: `ALL` in capitals and nothing else counts.
pub(in crate::model::standards) fn capabilities_restricted(looking: &Looking<'_>) -> Option<Found> {
    if looking.windows() {
        return None;
    }
    let mut faults = Faults::default();
    let mut missing = Vec::new();
    for place in looking.pod.spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        let drop = capabilities.map(|capabilities| capabilities.drop.as_slice());
        let drop = drop.unwrap_or_default();
        if !drop.iter().any(|capability| capability == "ALL") {
            let current = (!drop.is_empty()).then(|| drop.join(", "));
            faults.container(place, "securityContext.capabilities.drop", current, "ALL");
            missing.push(place.2.name.as_str());
        }
    }
    let (bad, names) = added(
        looking,
        &mut faults,
        |capability| capability == "NET_BIND_SERVICE",
        "NET_BIND_SERVICE",
    );
    let mut details = Vec::new();
    if !missing.is_empty() {
        details.push(format!(
            "{} must set securityContext.capabilities.drop=[\"ALL\"]",
            containers(&missing)
        ));
    }
    if !bad.is_empty() {
        details.push(must_not_include(&bad, &names));
    }
    (!details.is_empty()).then(|| Found {
        reason: "unrestricted capabilities".to_owned(),
        detail: details.join("; "),
        faults: faults.0,
    })
}

/// Returns the containers that add what they may not, and what that is.
fn added<'a>(
    looking: &Looking<'a>,
    faults: &mut Faults,
    allows: impl Fn(&str) -> bool,
    allowed: &'static str,
) -> (Vec<&'a str>, Names<'a>) {
    let (mut bad, mut names) = (Vec::new(), Names::new());
    for place in looking.pod.spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let Some(capabilities) = context.and_then(|context| context.capabilities.as_ref()) else {
            continue;
        };
        let before = faults.0.len();
        for (index, capability) in capabilities.add.iter().enumerate() {
            if !allows(capability) {
                let field = format!("securityContext.capabilities.add[{index}]");
                faults.container(place, &field, Some(capability.clone()), allowed);
                names.insert(capability);
            }
        }
        if faults.0.len() > before {
            bad.push(place.2.name.as_str());
        }
    }
    (bad, names)
}

fn must_not_include(bad: &[&str], names: &Names<'_>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        containers(bad),
        join_quote(names)
    )
}
