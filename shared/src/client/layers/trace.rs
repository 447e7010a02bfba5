//! What `-v` shows of a request: method, path, status and time. Never a header, never a body.

use std::fmt;
use std::time::Duration;

use http::{Method, Request, Response, Uri};
use tower::BoxError;

/// The query parameters of Kubernetes' own API whose values may be shown; a proxied service may
/// have any others, a token among them.
const SHOWN: [&str; 19] = [
    "allowWatchBookmarks",
    "container",
    "continue",
    "dryRun",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "gracePeriodSeconds",
    "labelSelector",
    "limit",
    "pretty",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];

/// A request as it may be shown.
#[derive(Clone, Debug)]
pub(super) struct Line {
    method: Method,
    target: String,
}

impl Line {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            target: target(request.uri()),
        }
    }

    pub(super) fn log<B>(&self, result: &Result<Response<B>, BoxError>, elapsed: Duration) {
        let milliseconds = elapsed.as_millis();
        match result {
            Ok(response) => {
                tracing::debug!("{self} {} in {milliseconds} ms", response.status().as_u16());
            }
            Err(error) => tracing::debug!("{self} failed in {milliseconds} ms: {error}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

fn target(uri: &Uri) -> String {
    let mut text = uri.path().to_owned();
    for (index, pair) in uri
        .query()
        .filter(|query| !query.is_empty())
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        text.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((key, _)) if !SHOWN.contains(&key) => text.extend([key, "=…"]),
            _ => text.push_str(pair),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_query_values_are_shown() {
        let uri = "https://me:pw@h/api/v1/pods?limit=5&token=hunter2&x"
            .parse()
            .unwrap();
        assert_eq!(target(&uri), "/api/v1/pods?limit=5&token=…&x");
        assert_eq!(target(&"/api/v1/pods?".parse().unwrap()), "/api/v1/pods");
    }
}
