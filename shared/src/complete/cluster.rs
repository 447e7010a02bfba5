//! Candidates that come from the kubeconfig and from the cluster.

use std::ffi::OsString;
use std::sync::OnceLock;

use clap::{Args as _, FromArgMatches as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, PartialObjectMeta};

use crate::client::{self, Product, Session};
use crate::flags::KubeArgs;
use crate::ui::Ui;
use crate::write::Object;

/// More candidates than this help nobody and cost the server.
const LIMIT: u32 = 500;

/// The connection flags typed so far; clap hands a completer nothing but the word itself.
static CONNECTION: OnceLock<KubeArgs> = OnceLock::new();

/// Reads the connection flags out of a line that is still being typed.
pub(super) fn remember_connection(words: &[OsString]) {
    let command = KubeArgs::augment_args(clap::Command::new("words")).ignore_errors(true);
    let typed = command
        .try_get_matches_from(words)
        .ok()
        .and_then(|matches| KubeArgs::from_arg_matches(&matches).ok());
    // A second completion in one process does not happen.
    let _ = CONNECTION.set(typed.unwrap_or_default());
}

/// Completes the names of contexts.
#[must_use]
pub fn contexts() -> ArgValueCompleter {
    from_kubeconfig(|config| {
        config
            .contexts
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    })
}

/// Completes the names of cluster entries.
#[must_use]
pub fn clusters() -> ArgValueCompleter {
    from_kubeconfig(|config| {
        config
            .clusters
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    })
}

/// Completes the names of user entries.
#[must_use]
pub fn users() -> ArgValueCompleter {
    from_kubeconfig(|config| {
        config
            .auth_infos
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    })
}

/// Completes the names of namespaces.
#[must_use]
pub fn namespaces() -> ArgValueCompleter {
    names::<Namespace>(None)
}

/// Completes the names of ClusterRoles.
#[must_use]
pub fn cluster_roles() -> ArgValueCompleter {
    names::<ClusterRole>(None)
}

/// Completes the names of cluster-scoped objects of one kind, optionally by label.
#[must_use]
pub fn names<K: Object + 'static>(selector: Option<&'static str>) -> ArgValueCompleter {
    from_cluster(
        move |session| async move { listed(&Api::<K>::all(session.client), selector).await },
    )
}

/// Returns the names of what there is of a kind, optionally by label.
pub async fn listed<K: Object>(api: &Api<K>, selector: Option<&str>) -> Option<Vec<String>> {
    let mut params = ListParams::default().limit(LIMIT);
    params.label_selector = selector.map(str::to_owned);
    let found = api.list_metadata(&params).await.ok()?;
    let names = found.items.iter().map(PartialObjectMeta::name_any);
    Some(names.collect())
}

/// Completes what `read` finds in the cluster.
pub fn from_cluster<F>(read: impl Fn(Session) -> F + Send + Sync + 'static) -> ArgValueCompleter
where
    F: Future<Output = Option<Vec<String>>>,
{
    ArgValueCompleter::new(move |typed: &std::ffi::OsStr| {
        candidates(typed, block_on(async { read(connect().await?).await }))
    })
}

fn from_kubeconfig(
    read: impl Fn(kube::config::Kubeconfig) -> Vec<String> + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &std::ffi::OsStr| {
        let args = CONNECTION.get().cloned().unwrap_or_default();
        candidates(
            typed,
            client::merged_kubeconfig(args.kubeconfig.as_deref())
                .ok()
                .map(&read),
        )
    })
}

async fn connect() -> Option<Session> {
    let args = CONNECTION.get().cloned().unwrap_or_default();
    let silent = Ui::into_sinks(std::io::sink(), std::io::sink(), None);
    let product = Product::new("complete");
    client::connect(&args, &product, &silent).await.ok()
}

fn block_on<T>(work: impl Future<Output = Option<T>>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let found = runtime.block_on(work);
    runtime.shutdown_background();
    found
}

fn candidates(typed: &std::ffi::OsStr, names: Option<Vec<String>>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    names
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name.starts_with(typed.as_ref()))
        .map(CompletionCandidate::new)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_go_on_from_what_is_typed_are_offered() {
        let names = Some(vec![
            "prod".to_owned(),
            "staging".to_owned(),
            "prod-eu".to_owned(),
        ]);
        let shown: Vec<_> = candidates("prod".as_ref(), names)
            .iter()
            .map(|candidate| candidate.get_value().to_string_lossy().into_owned())
            .collect();
        assert_eq!(shown, ["prod", "prod-eu"]);
    }
}
