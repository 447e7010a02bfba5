//! Which user a container runs as.

use crate::model::standards::finding::{Faults, Found, Looking};
use crate::model::text::containers;

/// `check_runAsNonRoot.go`: the pod's own `false` counts even where every container says `true`,
/// and what is set wrongly hides what is not set.
pub(in crate::model::standards) fn non_root(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.runAsNonRoot";
    if looking.relaxed() {
        return None;
    }
    let spec = &looking.pod.spec;
    let mut faults = Faults::default();
    let mut setters = Vec::new();
    let of_pod = spec.security_context.as_ref();
    let of_pod = of_pod.and_then(|context| context.run_as_non_root);
    if of_pod == Some(false) {
        faults.pod(format!("spec.{FIELD}"), Some("false".to_owned()), "true");
        setters.push("pod".to_owned());
    }
    let (mut explicit, mut implicit) = (Vec::new(), Vec::new());
    for place in spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let value = context.and_then(|context| context.run_as_non_root);
        let list = match value {
            Some(true) => continue,
            Some(false) => &mut explicit,
            None if of_pod == Some(true) => continue,
            None => &mut implicit,
        };
        list.push(place.2.name.as_str());
        faults.container(place, FIELD, value.map(|value| value.to_string()), "true");
    }
    if !explicit.is_empty() {
        setters.push(containers(&explicit));
    }
    let detail = if !setters.is_empty() {
        format!(
            "{} must not set securityContext.runAsNonRoot=false",
            setters.join(" and ")
        )
    } else if !implicit.is_empty() {
        format!(
            "pod or {} must set securityContext.runAsNonRoot=true",
            containers(&implicit)
        )
    } else {
        return None;
    };
    Some(Found {
        reason: "runAsNonRoot != true".to_owned(),
        detail,
        faults: faults.0,
    })
}

/// `check_runAsUser.go`: the pod's own 0 counts even where every container has another.
pub(in crate::model::standards) fn uid(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.runAsUser";
    if looking.relaxed() {
        return None;
    }
    let spec = &looking.pod.spec;
    let mut faults = Faults::default();
    let mut setters = Vec::new();
    let of_pod = spec.security_context.as_ref();
    if of_pod.is_some_and(|context| context.run_as_user == Some(0)) {
        faults.pod(format!("spec.{FIELD}"), Some("0".to_owned()), "not 0");
        setters.push("pod".to_owned());
    }
    let mut bad = Vec::new();
    for place in spec.all_containers() {
        let context = place.2.security_context.as_ref();
        if context.is_some_and(|context| context.run_as_user == Some(0)) {
            faults.container(place, FIELD, Some("0".to_owned()), "not 0");
            bad.push(place.2.name.as_str());
        }
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    (!setters.is_empty()).then(|| Found {
        reason: "runAsUser=0".to_owned(),
        detail: format!("{} must not set runAsUser=0", setters.join(" and ")),
        faults: faults.0,
    })
}
