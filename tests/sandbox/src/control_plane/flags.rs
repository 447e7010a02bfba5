//! The command lines of the parts.

use super::Plan;
use crate::kubernetes::WITH_POD_SECURITY_POLICY;
use crate::layout::RunDir;

/// Where everything listens, on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The API server.
    pub api: u16,
    /// etcd, for the API server.
    pub etcd: u16,
    /// etcd, for other members (there are none, but it insists).
    pub etcd_peer: u16,
}

/// What was asked of the API server and by whom, without bodies: request counts come from it.
pub(super) const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

pub(super) fn etcd(run: &RunDir, plan: &Plan) -> Vec<String> {
    let client = format!("http://127.0.0.1:{}", plan.ports.etcd);
    let peer = format!("http://127.0.0.1:{}", plan.ports.etcd_peer);
    vec![
        "--name=sandbox".to_owned(),
        format!("--data-dir={}", run.path().join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=sandbox={peer}"),
        // Nothing here outlives a power failure, so nothing waits for the disk.
        "--unsafe-no-fsync=true".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

pub(super) fn apiserver(run: &RunDir, plan: &Plan) -> Vec<String> {
    let pki = run.pki();
    let pki = pki.display();
    // 1.24 is here for the sake of PodSecurityPolicy, which it is the last to have.
    let plugins = if plan.kubernetes == WITH_POD_SECURITY_POLICY {
        "NodeRestriction,PodSecurityPolicy"
    } else {
        "NodeRestriction"
    };
    vec![
        format!("--etcd-servers=http://127.0.0.1:{}", plan.ports.etcd),
        format!("--secure-port={}", plan.ports.api),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        // Since 1.37 no Endpoints may name a loopback address; nothing here reads those of the
        // Service `kubernetes`.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--tls-cert-file={pki}/apiserver.crt"),
        format!("--tls-private-key-file={pki}/apiserver.key"),
        format!("--client-ca-file={pki}/ca.crt"),
        format!("--kubelet-client-certificate={pki}/kube-apiserver-kubelet-client.crt"),
        format!("--kubelet-client-key={pki}/kube-apiserver-kubelet-client.key"),
        // Node names are in no DNS.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--service-account-key-file={pki}/service-account.pub"),
        format!("--service-account-signing-key-file={pki}/service-account.key"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--requestheader-client-ca-file={pki}/front-proxy-ca.crt"),
        "--requestheader-allowed-names=fault-proxy".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        format!("--enable-admission-plugins={plugins}"),
        "--allow-privileged=true".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        format!(
            "--audit-policy-file={}",
            run.path().join("audit-policy.yaml").display()
        ),
        format!("--audit-log-path={}", run.audit_log().display()),
        "--profiling=false".to_owned(),
    ]
}

pub(super) fn controller_manager(run: &RunDir, plan: &Plan) -> Vec<String> {
    let pki = run.pki();
    let pki = pki.display();
    let mut flags = vec![
        format!(
            "--kubeconfig={}",
            run.path().join("controller-manager.kubeconfig").display()
        ),
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!("--service-account-private-key-file={pki}/service-account.key"),
        format!("--root-ca-file={pki}/ca.crt"),
        "--profiling=false".to_owned(),
    ];
    // Tests wait for controllers: theirs are not to wait for their own rate limit, unless the wait
    // is what they are about. The limit is each controller's own, since each has its own account.
    let (qps, burst) = if plan.slow_controllers {
        (8, 8)
    } else {
        (200, 400)
    };
    flags.push(format!("--kube-api-qps={qps}"));
    flags.push(format!("--kube-api-burst={burst}"));
    if plan.signer {
        flags.push(format!("--cluster-signing-cert-file={pki}/ca.crt"));
        flags.push(format!("--cluster-signing-key-file={pki}/ca.key"));
    }
    flags
}

pub(super) fn scheduler(run: &RunDir) -> Vec<String> {
    vec![
        format!(
            "--kubeconfig={}",
            run.path().join("scheduler.kubeconfig").display()
        ),
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kubernetes: &str, signer: bool) -> Plan {
        Plan {
            kubernetes: kubernetes.to_owned(),
            etcd: "etcd".into(),
            apiserver: "kube-apiserver".into(),
            kubectl: "kubectl".into(),
            controllers: None,
            signer,
            slow_controllers: false,
            ports: Ports {
                api: 1,
                etcd: 2,
                etcd_peer: 3,
            },
        }
    }

    #[test]
    fn without_a_signer_the_controllers_have_no_key_to_sign_with() {
        let run = RunDir::of("x").unwrap();
        let signs = |signer| {
            controller_manager(&run, &plan("1.36", signer))
                .iter()
                .any(|flag| flag.starts_with("--cluster-signing"))
        };
        assert_eq!((signs(true), signs(false)), (true, false));
    }

    #[test]
    fn slow_controllers_may_ask_eight_times_a_second() {
        let run = RunDir::of("x").unwrap();
        let limit = |slow_controllers| {
            let plan = Plan {
                slow_controllers,
                ..plan("1.36", true)
            };
            let flags = controller_manager(&run, &plan);
            let limits = flags.iter().filter(|flag| flag.contains("kube-api-"));
            limits.cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(limit(true), "--kube-api-qps=8 --kube-api-burst=8");
        assert_eq!(limit(false), "--kube-api-qps=200 --kube-api-burst=400");
    }

    #[test]
    fn only_the_last_version_that_has_pod_security_policies_enforces_them() {
        let run = RunDir::of("x").unwrap();
        let enforces = |version| {
            apiserver(&run, &plan(version, true))
                .iter()
                .any(|f| f.contains("PodSecurityPolicy"))
        };
        assert_eq!((enforces("1.24"), enforces("1.36")), (true, false));
    }

    #[test]
    fn every_address_that_listens_is_loopback() {
        let run = RunDir::of("x").unwrap();
        let plan = plan("1.36", true);
        for flag in etcd(&run, &plan).iter().chain(&apiserver(&run, &plan)) {
            if flag.contains("listen") || flag.contains("bind-address") {
                assert!(flag.contains("127.0.0.1"), "{flag}");
            }
        }
    }
}
