//! The configuration of a pod: the service account that Kubernetes mounts.

use std::path::Path;

use kube::config::{AuthInfo, Cluster};

use super::select::Target;

const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Returns the cluster this process runs in, or `None` outside of one.
pub(super) fn target() -> Option<Target> {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    let host = variable("KUBERNETES_SERVICE_HOST")?;
    let port = variable("KUBERNETES_SERVICE_PORT")?;
    from_mount(Path::new(MOUNT), &host, &port, variable("POD_NAMESPACE"))
}

fn from_mount(mount: &Path, host: &str, port: &str, namespace: Option<String>) -> Option<Target> {
    let file = |name: &str| mount.join(name).display().to_string();
    if !mount.join("token").is_file() {
        return None;
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mounted = || {
        let text = std::fs::read_to_string(mount.join("namespace")).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Some(Target {
        cluster_name: "in-cluster".to_owned(),
        namespace: namespace.or_else(mounted),
        cluster: Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: mount.join("ca.crt").is_file().then(|| file("ca.crt")),
            ..Cluster::default()
        },
        user: AuthInfo {
            token_file: Some(file("token")),
            ..AuthInfo::default()
        },
        ..Target::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mounted_service_account_is_the_user() {
        let mount = tempfile::tempdir().unwrap();
        assert!(from_mount(mount.path(), "10.0.0.1", "443", None).is_none());
        std::fs::write(mount.path().join("token"), "t").unwrap();
        std::fs::write(mount.path().join("namespace"), "team\n").unwrap();
        let target = from_mount(mount.path(), "fd00::1", "443", None).unwrap();
        assert_eq!(
            target.cluster.server.as_deref(),
            Some("https://[fd00::1]:443")
        );
        assert_eq!(target.cluster.certificate_authority, None);
        assert_eq!(target.namespace.as_deref(), Some("team"));
        let other = from_mount(mount.path(), "h", "1", Some("own".to_owned())).unwrap();
        assert_eq!(other.namespace.as_deref(), Some("own"));
    }
}
