//! Pods by the thousand, from a seed: valid ones for the most part, with what is rare in them often.

use serde_json::{Map, Value, json};

/// A generator of numbers (splitmix64): the same pods for the same seed, everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap_or_default();
        items[index]
    }
}

const CAPABILITIES: [&str; 10] = [
    "NET_BIND_SERVICE",
    "NET_RAW",
    "CHOWN",
    "CAP_CHOWN",
    "SYS_PTRACE",
    "ALL",
    "all",
    "MKNOD",
    "net_bind_service",
    "SETUID",
];
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net/ipv4/tcp_syncookies",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "kernel.msgmax",
    "net.core.somaxconn",
];
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// Makes a pod.
pub(crate) fn pod(dice: &mut Dice, name: &str) -> Value {
    let windows = dice.once_in(15);
    let mut spec = Map::new();
    let mut annotations = Map::new();
    if windows {
        spec.insert("os".into(), json!({"name": "windows"}));
    } else if dice.once_in(6) {
        spec.insert("os".into(), json!({"name": "linux"}));
    }
    let host_users = !windows && dice.once_in(5);
    if host_users {
        spec.insert("hostUsers".into(), json!(false));
    } else if dice.once_in(20) {
        spec.insert("hostUsers".into(), json!(true));
    }
    if !windows && !host_users {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            if dice.once_in(8) {
                spec.insert(field.into(), json!(dice.below(3) > 0));
            }
        }
    }
    let host_network = spec.get("hostNetwork") == Some(&json!(true));
    let context = pod_context(dice, windows, host_network);
    if let Some(context) = context {
        spec.insert("securityContext".into(), context);
    }
    let mut port = 1000;
    for (list, most) in [("initContainers", 2), ("containers", 3)] {
        let least = u64::from(list == "containers");
        let count = least + dice.below(most);
        let containers: Vec<Value> = (0..count)
            .map(|index| {
                let name = format!("{}{index}", &list[..1]);
                annotate(dice, &name, &mut annotations, windows);
                container(
                    dice,
                    &name,
                    windows,
                    host_users,
                    host_network,
                    list,
                    &mut port,
                )
            })
            .collect();
        if !containers.is_empty() {
            spec.insert(list.into(), json!(containers));
        }
    }
    let volumes = volumes(dice);
    if !volumes.is_empty() {
        spec.insert("volumes".into(), json!(volumes));
    }
    if dice.once_in(12) {
        annotations.insert(
            "seccomp.security.alpha.kubernetes.io/pod".into(),
            json!(dice.pick(&[
                "unconfined",
                "runtime/default",
                "docker/default",
                "localhost/x"
            ])),
        );
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    })
}

/// Puts a pod's specification into a controller; one in eight kinds.
pub(crate) fn controller(dice: &mut Dice, pod: &Value) -> Value {
    let name = pod["metadata"]["name"].clone();
    let labels = json!({"app": "x"});
    let mut spec = pod["spec"].clone();
    let mut template = json!({
        "metadata": {"labels": labels, "annotations": pod["metadata"]["annotations"]},
    });
    let selector = json!({"matchLabels": labels});
    let meta = json!({"name": name});
    match dice.below(8) {
        kind @ 0..4 => {
            let kinds = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"];
            let kind = kinds[usize::try_from(kind).unwrap_or_default()];
            template["spec"] = spec;
            let mut body = json!({"selector": selector, "template": template});
            if kind == "StatefulSet" {
                body["serviceName"] = json!("x");
            }
            json!({"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": body})
        }
        4 => {
            template["spec"] = spec;
            json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": meta,
                "spec": {"replicas": 0, "template": template}})
        }
        5 => {
            template["spec"] = spec;
            json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": meta,
                "template": template})
        }
        kind => {
            spec["restartPolicy"] = json!("Never");
            template["spec"] = spec;
            if kind == 6 {
                return json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta,
                    "spec": {"suspend": true, "template": template}});
            }
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta,
                "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}})
        }
    }
}

fn pod_context(dice: &mut Dice, windows: bool, host_network: bool) -> Option<Value> {
    if dice.once_in(3) {
        return if dice.once_in(2) {
            None
        } else {
            Some(Value::Null)
        };
    }
    let mut context = shared_context(dice, windows);
    if !windows && dice.once_in(4) {
        let mut names: Vec<&str> = (0..=dice.below(3)).map(|_| dice.pick(&SYSCTLS)).collect();
        names.sort_unstable();
        names.dedup();
        if !host_network {
            let sysctls: Vec<Value> = names
                .into_iter()
                .map(|name| json!({"name": name, "value": "1"}))
                .collect();
            context.insert("sysctls".into(), json!(sysctls));
        }
    }
    Some(context.into())
}

/// What a pod and a container can both say.
fn shared_context(dice: &mut Dice, windows: bool) -> Map<String, Value> {
    let mut context = Map::new();
    if dice.once_in(2) {
        context.insert("runAsNonRoot".into(), json!(dice.below(4) > 0));
    }
    if windows {
        if dice.once_in(4) {
            let name = json!({"runAsUserName": "ContainerUser"});
            context.insert("windowsOptions".into(), name);
        }
        return context;
    }
    if dice.once_in(4) {
        context.insert("runAsUser".into(), json!(dice.below(2) * 1000));
    }
    if dice.once_in(2) {
        context.insert("seccompProfile".into(), profile(dice, "RuntimeDefault"));
    }
    if dice.once_in(4) {
        context.insert("appArmorProfile".into(), profile(dice, "RuntimeDefault"));
    }
    if dice.once_in(4) {
        let mut options = Map::new();
        let types = [
            "container_t",
            "container_engine_t",
            "spc_t",
            "container_kvm_t",
            "",
        ];
        options.insert("type".into(), json!(dice.pick(&types)));
        for part in ["user", "role", "level"] {
            if dice.once_in(4) {
                options.insert(part.into(), json!("x"));
            }
        }
        context.insert("seLinuxOptions".into(), options.into());
    }
    context
}

fn profile(dice: &mut Dice, usual: &str) -> Value {
    match dice.below(5) {
        0 => json!({"type": "Unconfined"}),
        1 => json!({"type": "Localhost", "localhostProfile": "x"}),
        _ => json!({"type": usual}),
    }
}

fn container(
    dice: &mut Dice,
    name: &str,
    windows: bool,
    host_users: bool,
    host_network: bool,
    list: &str,
    port: &mut u64,
) -> Value {
    let mut container = json!({"name": name, "image": "registry.k8s.io/pause"});
    if dice.below(5) > 0 {
        let mut context = shared_context(dice, windows);
        if !windows {
            own_context(dice, &mut context, host_users);
        }
        container["securityContext"] = context.into();
    }
    if dice.once_in(3) {
        *port += if dice.once_in(2) { 1 } else { 9003 };
        *port %= 60_000;
        let mut entry = json!({"containerPort": *port});
        if dice.once_in(2) {
            entry["hostPort"] = json!(*port);
        } else if host_network && dice.once_in(3) {
            entry["hostPort"] = json!(0);
        }
        container["ports"] = json!([entry]);
    }
    if list == "containers" && dice.once_in(3) {
        let host = dice.pick(&["127.0.0.1", "::1", "example.com", ""]);
        let handler = match dice.below(3) {
            0 => json!({"httpGet": {"port": 80, "host": host}}),
            1 => json!({"tcpSocket": {"port": 80, "host": host}}),
            _ => json!({"grpc": {"port": 80}}),
        };
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"];
        container[dice.pick(&probes)] = handler;
        if dice.once_in(3) {
            let hook = dice.pick(&["postStart", "preStop"]);
            container["lifecycle"] = json!({hook: {"httpGet": {"port": 80, "host": host}}});
        }
    }
    container
}

fn own_context(dice: &mut Dice, context: &mut Map<String, Value>, host_users: bool) {
    let privileged = dice.once_in(8);
    if privileged || dice.once_in(8) {
        context.insert("privileged".into(), json!(privileged));
    }
    if dice.below(3) > 0 {
        let mut capabilities = Map::new();
        if dice.below(5) > 0 {
            let drop = dice.pick(&["ALL", "ALL", "ALL", "all", "CAP_ALL", "NET_RAW"]);
            capabilities.insert("drop".into(), json!([drop]));
        }
        if dice.once_in(3) {
            let adds: Vec<&str> = (0..=dice.below(3))
                .map(|_| dice.pick(&CAPABILITIES))
                .collect();
            capabilities.insert("add".into(), json!(adds));
        }
        context.insert("capabilities".into(), capabilities.into());
    }
    if dice.below(3) > 0 {
        let escalation = privileged || dice.once_in(6);
        context.insert("allowPrivilegeEscalation".into(), json!(escalation));
    }
    if dice.once_in(5) {
        let mount = if host_users && dice.once_in(2) {
            "Unmasked"
        } else {
            "Default"
        };
        context.insert("procMount".into(), json!(mount));
    }
}

fn annotate(dice: &mut Dice, container: &str, annotations: &mut Map<String, Value>, windows: bool) {
    if !windows && dice.once_in(10) {
        let values = ["runtime/default", "localhost/x", "unconfined"];
        let value = dice.pick(&values);
        annotations.insert(format!("{APP_ARMOR}{container}"), json!(value));
    }
    if dice.once_in(15) {
        let values = [
            "unconfined",
            "runtime/default",
            "docker/default",
            "weird \"x\"\n",
        ];
        let value = dice.pick(&values);
        annotations.insert(format!("{SECCOMP}{container}"), json!(value));
    }
    if dice.once_in(30) {
        annotations.insert(format!("{SECCOMP}nobody"), json!("unconfined"));
    }
}

fn volumes(dice: &mut Dice) -> Vec<Value> {
    let sources = [
        json!({}),
        json!({"emptyDir": {}}),
        json!({"hostPath": {"path": "/x"}}),
        json!({"hostPath": null, "secret": {"secretName": "s"}}),
        json!({"configMap": {"name": "c"}}),
        json!({"nfs": {"server": "s", "path": "/x"}}),
        json!({"image": {"reference": "r"}}),
        json!({"iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.example:x", "lun": 0}}),
        json!({"flexVolume": {"driver": "a/b"}}),
        json!({"csi": {"driver": "d.example.com"}}),
        json!({"projected": {"sources": []}}),
        json!({"downwardAPI": {}}),
        json!({"persistentVolumeClaim": {"claimName": "c"}}),
        json!({"portworxVolume": {"volumeID": "v"}}),
        json!({"cephfs": {"monitors": ["m"]}}),
        json!({"rbd": {"monitors": ["m"], "image": "i"}}),
        json!({"azureDisk": {"diskName": "d", "diskURI": "https://blob/d.vhd"}}),
        json!({"scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "n"}, "volumeName": "v"}}),
    ];
    let count = if dice.once_in(2) { 0 } else { dice.below(3) };
    let all: Vec<&Value> = sources.iter().collect();
    (0..count)
        .map(|index| {
            let mut volume = dice.pick(&all).clone();
            volume["name"] = json!(format!("v{index}"));
            volume
        })
        .collect()
}
