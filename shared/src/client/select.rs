//! Choosing context, cluster and user, and laying the flags over them as client-go does.

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};

use crate::error::{Error, Result};
use crate::flags::kube::KubeArgs;

/// The entries of a kubeconfig that a run uses, with the flags laid over them.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    pub(super) context: Option<String>,
    pub(super) cluster_name: String,
    pub(super) user_name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
}

impl Target {
    /// Lays the flags over a target that came from elsewhere than a kubeconfig.
    pub(super) fn overridden(self, args: &KubeArgs) -> Result<Self> {
        Ok(Self {
            cluster: overridden_cluster(self.cluster, args)?,
            user: overridden_user(self.user, args)?,
            ..self
        })
    }

    /// Names the first field that points at something outside of the kubeconfig.
    pub(super) fn outside_reference(&self) -> Option<&'static str> {
        let Self { cluster, user, .. } = self;
        let fields = [
            (
                "certificate-authority",
                cluster.certificate_authority.is_some(),
            ),
            ("client-certificate", user.client_certificate.is_some()),
            ("client-key", user.client_key.is_some()),
            ("tokenFile", user.token_file.is_some()),
            ("exec", user.exec.is_some()),
            ("auth-provider", user.auth_provider.is_some()),
        ];
        fields
            .into_iter()
            .find(|(_, present)| *present)
            .map(|(name, _)| name)
    }
}

/// Returns the target, or `None` when neither the file nor `--server` names a cluster.
pub(super) fn choose(config: &Kubeconfig, args: &KubeArgs) -> Result<Option<Target>> {
    let (name, context) = context(config, args)?;
    let server_given = given(args.server.as_ref()).is_some();

    let asked = given(args.cluster.as_ref());
    let cluster_name = asked.or_else(|| given(Some(&context.cluster)));
    let entry = cluster_name
        .and_then(|name| config.clusters.iter().find(|named| named.name == name))
        .map(|named| named.cluster.clone().unwrap_or_default());
    let cluster = match (entry, cluster_name) {
        (Some(cluster), _) => cluster,
        (None, Some(name)) if asked.is_some() || !server_given => {
            let known = config.clusters.iter().map(|named| named.name.as_str());
            return Err(unknown("cluster", name, known));
        }
        (None, None) if !server_given => return Ok(None),
        (None, _) => Cluster::default(),
    };

    let asked = given(args.user.as_ref());
    let user_name = asked.or(context.user.as_deref());
    let entry =
        user_name.and_then(|name| config.auth_infos.iter().find(|named| named.name == name));
    let user = match (entry, asked) {
        (Some(named), _) => named.auth_info.clone().unwrap_or_default(),
        (None, Some(name)) => {
            let known = config.auth_infos.iter().map(|named| named.name.as_str());
            return Err(unknown("user", name, known));
        }
        // client-go goes on without credentials when the context names a user that is not there.
        (None, None) => AuthInfo::default(),
    };

    Ok(Some(Target {
        context: name,
        cluster_name: cluster_name.unwrap_or_default().to_owned(),
        user_name: user_name.map(str::to_owned),
        namespace: context.namespace,
        cluster: overridden_cluster(cluster, args)?,
        user: overridden_user(user, args)?,
    }))
}

fn context(config: &Kubeconfig, args: &KubeArgs) -> Result<(Option<String>, Context)> {
    let asked = given(args.context.as_ref());
    let Some(name) = asked.or(config.current_context.as_deref()) else {
        return Ok((None, Context::default()));
    };
    match config.contexts.iter().find(|named| named.name == name) {
        Some(named) => Ok((
            Some(name.to_owned()),
            named.context.clone().unwrap_or_default(),
        )),
        None => {
            let known = config.contexts.iter().map(|named| named.name.as_str());
            let error = unknown("context", name, known);
            Err(if asked.is_none() {
                error.with_detail("it is the current-context")
            } else {
                error
            })
        }
    }
}

/// An empty flag is an absent one, as in Go.
pub(super) fn given(flag: Option<&String>) -> Option<&str> {
    flag.map(String::as_str).filter(|text| !text.is_empty())
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let list = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Error::failed(format!(
        "{what} \"{name}\" does not exist in the kubeconfig"
    ))
    .with_detail(format!("known {what}s: {list}"))
}

fn overridden_cluster(mut cluster: Cluster, args: &KubeArgs) -> Result<Cluster> {
    let authority = args
        .certificate_authority
        .as_ref()
        .map(|path| path.display().to_string());
    let authority = authority.filter(|path| !path.is_empty());
    if args.insecure_skip_tls_verify && authority.is_some() {
        return Err(Error::usage(
            "--insecure-skip-tls-verify and --certificate-authority exclude each other",
        ));
    }
    // Either flag replaces everything that the file says about checking the server.
    if args.insecure_skip_tls_verify || authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(args.insecure_skip_tls_verify);
        cluster.certificate_authority = authority;
        cluster.certificate_authority_data = None;
    }
    let server = given(args.server.as_ref());
    let tls_server_name = given(args.tls_server_name.as_ref());
    // The file's name belongs to the file's server.
    if server.is_some() || tls_server_name.is_some() {
        cluster.tls_server_name = tls_server_name.map(str::to_owned);
    }
    if let Some(server) = server {
        cluster.server = Some(server.to_owned());
    }
    if args.disable_compression {
        cluster.disable_compression = Some(true);
    }
    let has_authority =
        cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
    if cluster.insecure_skip_tls_verify == Some(true) && has_authority {
        return Err(Error::failed(
            "the cluster has both a certificate authority and insecure-skip-tls-verify, \
             which exclude each other",
        )
        .with_hint("pass --certificate-authority=FILE or --insecure-skip-tls-verify to choose"));
    }
    Ok(cluster)
}

fn overridden_user(mut user: AuthInfo, args: &KubeArgs) -> Result<AuthInfo> {
    if let Some(token) = &args.token {
        // A token on the command line is the one to use, whatever the file would do for another.
        user = AuthInfo {
            token: Some(token.clone()),
            token_file: None,
            exec: None,
            auth_provider: None,
            username: None,
            password: None,
            ..user
        };
    }
    if let Some(path) = &args.client_certificate {
        user.client_certificate = Some(path.display().to_string());
        user.client_certificate_data = None;
    }
    if let Some(path) = &args.client_key {
        user.client_key = Some(path.display().to_string());
        user.client_key_data = None;
    }
    if let Some(name) = given(args.impersonate.as_ref()) {
        user.impersonate = Some(name.to_owned());
    }
    if let Some(uid) = given(args.impersonate_uid.as_ref()) {
        user.impersonate_uid = Some(uid.to_owned());
    }
    if !args.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(args.impersonate_groups.clone());
    }
    if !args.impersonate_extra.is_empty() {
        let mut extra = std::collections::HashMap::<String, Vec<String>>::new();
        for (key, value) in &args.impersonate_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
        user.impersonate_user_extra = Some(extra);
    }
    let without_name = user.impersonate_uid.is_some()
        || user
            .impersonate_groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
        || user
            .impersonate_user_extra
            .as_ref()
            .is_some_and(|extra| !extra.is_empty());
    if user.impersonate.is_none() && without_name {
        return Err(Error::usage(
            "a UID, group or extra attribute can be impersonated only together with a user",
        )
        .with_hint("add --as=USER"));
    }
    Ok(user)
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
