//! What a pod takes from its node: namespaces, ports, probes, kernel parameters, processes.

use crate::model::pod::Probe;
use crate::model::standards::finding::{Faults, Found, Looking};
use crate::model::text::{Names, containers, join_quote, plural};

/// `check_hostNamespaces.go`.
pub(in crate::model::standards) fn namespaces(looking: &Looking<'_>) -> Option<Found> {
    let spec = &looking.pod.spec;
    let mut faults = Faults::default();
    let mut details = Vec::new();
    for (name, set) in [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ] {
        if set {
            details.push(format!("{name}=true"));
            faults.pod(format!("spec.{name}"), Some("true".to_owned()), "false");
        }
    }
    (!details.is_empty()).then(|| Found {
        reason: "host namespaces".to_owned(),
        detail: details.join(", "),
        faults: faults.0,
    })
}

/// `check_hostPorts.go`: ports are sorted as strings.
pub(in crate::model::standards) fn ports(looking: &Looking<'_>) -> Option<Found> {
    let mut faults = Faults::default();
    let mut bad = Vec::new();
    let mut ports = std::collections::BTreeSet::new();
    for place in looking.pod.spec.all_containers() {
        let before = faults.0.len();
        for (index, port) in place.2.ports.iter().enumerate() {
            if port.host_port != 0 {
                let port = port.host_port.to_string();
                let field = format!("ports[{index}].hostPort");
                faults.container(place, &field, Some(port.clone()), "unset");
                ports.insert(port);
            }
        }
        if faults.0.len() > before {
            bad.push(place.2.name.as_str());
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "hostPort".to_owned(),
        detail: format!(
            "{} {} {} {}",
            containers(&bad),
            plural(bad.len(), "uses", "use"),
            plural(ports.len(), "hostPort", "hostPorts"),
            ports.into_iter().collect::<Vec<_>>().join(", ")
        ),
        faults: faults.0,
    })
}

/// `check_hostProbesAndhostLifecycle.go`: containers are sorted, each once.
pub(in crate::model::standards) fn probes(looking: &Looking<'_>) -> Option<Found> {
    let mut faults = Faults::default();
    let mut bad = Names::new();
    let mut hosts = Names::new();
    for place in looking.pod.spec.all_containers() {
        let container = place.2;
        let lifecycle = container.lifecycle.as_ref();
        let handlers: [(&str, Option<&Probe>); 5] = [
            ("livenessProbe", container.liveness_probe.as_ref()),
            ("readinessProbe", container.readiness_probe.as_ref()),
            ("startupProbe", container.startup_probe.as_ref()),
            (
                "lifecycle.postStart",
                lifecycle.and_then(|hooks| hooks.post_start.as_ref()),
            ),
            (
                "lifecycle.preStop",
                lifecycle.and_then(|hooks| hooks.pre_stop.as_ref()),
            ),
        ];
        for (field, probe) in handlers {
            let Some(probe) = probe else { continue };
            for (way, handler) in [
                ("httpGet", &probe.http_get),
                ("tcpSocket", &probe.tcp_socket),
            ] {
                let Some(handler) = handler.as_ref().filter(|handler| !handler.host.is_empty())
                else {
                    continue;
                };
                let field = format!("{field}.{way}.host");
                faults.container(place, &field, Some(handler.host.clone()), "unset");
                bad.insert(&container.name);
                hosts.insert(&handler.host);
            }
        }
    }
    let names: Vec<&str> = bad.into_iter().collect();
    (!names.is_empty()).then(|| Found {
        reason: "probe or lifecycle host".to_owned(),
        detail: format!(
            "{} {} {} {}",
            containers(&names),
            plural(names.len(), "uses", "use"),
            plural(
                hosts.len(),
                "probe or lifecycle host",
                "probe or lifecycle hosts"
            ),
            join_quote(&hosts)
        ),
        faults: faults.0,
    })
}

/// Allowed kernel parameters with the first minor version that allows them; `check_sysctls.go`.
pub(in crate::model::standards) const SYSCTLS: [(&str, u32); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

/// `check_sysctls.go`: names as they are written, in their order, each as often as it stands there.
pub(in crate::model::standards) fn sysctls(looking: &Looking<'_>) -> Option<Found> {
    let context = looking.pod.spec.security_context.as_ref()?;
    let mut faults = Faults::default();
    let mut bad = Vec::new();
    for (index, sysctl) in context.sysctls.iter().enumerate() {
        let allowed = SYSCTLS
            .iter()
            .any(|(name, since)| *name == sysctl.name && *since <= looking.version);
        if !allowed {
            let path = format!("spec.securityContext.sysctls[{index}].name");
            faults.pod(path, Some(sysctl.name.clone()), "a safe kernel parameter");
            bad.push(sysctl.name.as_str());
        }
    }
    (!bad.is_empty()).then(|| Found {
        reason: "forbidden sysctls".to_owned(),
        detail: bad.join(", "),
        faults: faults.0,
    })
}

/// `check_windowsHostProcess.go`.
pub(in crate::model::standards) fn windows_process(looking: &Looking<'_>) -> Option<Found> {
    const FIELD: &str = "securityContext.windowsOptions.hostProcess";
    let spec = &looking.pod.spec;
    let mut faults = Faults::default();
    let mut setters = Vec::new();
    let of_pod = spec.security_context.as_ref();
    let of_pod = of_pod.and_then(|context| context.windows_options.as_ref());
    if of_pod.is_some_and(|options| options.host_process == Some(true)) {
        faults.pod(format!("spec.{FIELD}"), Some("true".to_owned()), "false");
        setters.push("pod".to_owned());
    }
    let mut bad = Vec::new();
    for place in spec.all_containers() {
        let context = place.2.security_context.as_ref();
        let options = context.and_then(|context| context.windows_options.as_ref());
        if options.is_some_and(|options| options.host_process == Some(true)) {
            faults.container(place, FIELD, Some("true".to_owned()), "false");
            bad.push(place.2.name.as_str());
        }
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    (!setters.is_empty()).then(|| Found {
        reason: "hostProcess".to_owned(),
        detail: format!(
            "{} must not set securityContext.windowsOptions.hostProcess=true",
            setters.join(" and ")
        ),
        faults: faults.0,
    })
}
