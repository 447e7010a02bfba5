//! What a policy asks of volumes, `v`.

use super::super::policy::{HostPath, Policy};
use super::expression::{Condition, text, texts};

pub(super) fn conditions(policy: &Policy) -> Vec<Condition> {
    let spec = &policy.spec;
    let mut parts = Vec::new();
    let any = spec.volumes.iter().any(|kind| kind == "*");
    if !any {
        let mut kinds: Vec<String> = spec
            .volumes
            .iter()
            .map(|kind| match kind.as_str() {
                // One is spelt otherwise in policies.
                "cephFS" => "has(v.cephfs)".to_owned(),
                kind => format!("has(v.{kind})"),
            })
            .collect();
        if spec.volumes.iter().any(|kind| kind == "secret") {
            kinds.push(TOKEN.to_owned());
        }
        if kinds.is_empty() {
            return vec![(
                "volumes",
                "object.spec.?volumes.orValue([]).size() == 0".to_owned(),
            )];
        }
        parts.push(format!("({})", kinds.join(" || ")));
    }
    if !spec.allowed_host_paths.is_empty() {
        parts.push(format!(
            "(!has(v.hostPath) || {})",
            host_path(&spec.allowed_host_paths)
        ));
    }
    for (kind, drivers) in [
        (
            "flexVolume",
            spec.allowed_flex_volumes
                .iter()
                .map(|it| it.driver.as_str())
                .collect::<Vec<_>>(),
        ),
        (
            "csi",
            spec.allowed_csi_drivers
                .iter()
                .map(|it| it.name.as_str())
                .collect(),
        ),
    ] {
        if !drivers.is_empty() {
            let drivers = texts(drivers);
            parts.push(format!("(!has(v.{kind}) || v.{kind}.driver in {drivers})"));
        }
    }
    if parts.is_empty() {
        return Vec::new();
    }
    let all = parts.join(" && ");
    vec![(
        "volumes",
        format!("object.spec.?volumes.orValue([]).all(v, {all})"),
    )]
}

/// A projected volume of nothing but the service account's token counts as a secret.
const TOKEN: &str = "(has(v.projected) && v.projected.?sources.orValue([]).all(s, \
    has(s.serviceAccountToken) ? s.serviceAccountToken.path == \"token\" && \
    s.serviceAccountToken.?audience.orValue(\"\") == \"\" : \
    has(s.configMap) ? s.configMap.?name.orValue(\"\") == \"kube-root-ca.crt\" : \
    has(s.downwardAPI) && s.downwardAPI.?items.orValue([]).all(i, i.path == \"namespace\" && \
    i.?fieldRef.?apiVersion.orValue(\"v1\") == \"v1\" && \
    i.?fieldRef.?fieldPath.orValue(\"\") == \"metadata.namespace\")))";

/// Whole steps of a path; a writable entry wins.
fn host_path(paths: &[HostPath]) -> String {
    let fits = |path: &HostPath| {
        let prefix = path
            .path_prefix
            .strip_suffix('/')
            .unwrap_or(&path.path_prefix);
        // A slash behind both makes a prefix of steps out of a prefix of letters.
        format!(
            "(v.hostPath.path.endsWith(\"/\") ? v.hostPath.path : v.hostPath.path + \"/\")\
             .startsWith({})",
            text(&format!("{prefix}/"))
        )
    };
    let of = |read_only: bool| -> Vec<String> {
        paths
            .iter()
            .filter(|path| path.read_only == read_only)
            .map(fits)
            .collect()
    };
    let (writable, read_only) = (of(false), of(true));
    let mounted = "variables.containers.all(c, c.?volumeMounts.orValue([]).all(m, \
        m.name != v.name || m.?readOnly.orValue(false)))";
    let mut parts = writable;
    if !read_only.is_empty() {
        parts.push(format!("(({}) && {mounted})", read_only.join(" || ")));
    }
    format!("({})", parts.join(" || "))
}
