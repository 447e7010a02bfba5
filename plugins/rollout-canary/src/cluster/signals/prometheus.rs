//! Counters from Prometheus, both arms in one query.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use serde::Deserialize;

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::fetch::{self, Answer, fetch};
use crate::cluster::signals::selector::Selector;

/// Stands in a query for a regular expression that matches the names of both arms' pods.
pub const PODS: &str = "{{pods}}";

/// Stands in a query for the namespace.
pub const NAMESPACE: &str = "{{namespace}}";

/// Where Prometheus answers.
#[derive(Clone)]
pub enum Endpoint {
    /// A Service, through the API server's proxy (`get services/proxy`).
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The number or name of its port.
        port: String,
        /// What comes before `/api/v1`, empty or beginning with a slash.
        prefix: String,
    },
    /// A URL, asked directly and without credentials.
    Url {
        /// As it was given.
        url: http::Uri,
        /// Without anything of the cluster's; made with the first question.
        client: OnceLock<kube::Client>,
    },
}

impl Endpoint {
    /// Reads `svc:NAMESPACE/NAME:PORT[/PREFIX]` or `http[s]://…`.
    ///
    /// # Errors
    ///
    /// That the text is neither, or has a user and a password in it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("--prometheus {text} is not an address"))
                .with_hint("--prometheus svc:NAMESPACE/NAME:PORT or --prometheus https://HOST:PORT")
        };
        if let Some(rest) = text.strip_prefix("svc:") {
            let (namespace, rest) = rest.split_once('/').ok_or_else(wrong)?;
            let (name, rest) = rest.split_once(':').ok_or_else(wrong)?;
            let (port, prefix) = rest
                .find('/')
                .map_or((rest, ""), |slash| rest.split_at(slash));
            let is_name = |text: &str| {
                let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
                text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(part)
            };
            if prefix.contains("..") {
                return Err(wrong());
            }
            if ![namespace, name, port].into_iter().all(is_name) {
                return Err(wrong());
            }
            return Ok(Self::Service {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                port: port.to_owned(),
                prefix: prefix.trim_end_matches('/').to_owned(),
            });
        }
        let url: http::Uri = text.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        if url
            .authority()
            .is_some_and(|place| place.as_str().contains('@'))
        {
            // Not repeated: it may be a password.
            return Err(
                Error::usage("--prometheus does not accept a user and password")
                    .with_hint("--prometheus svc:NAMESPACE/NAME:PORT goes through the API server"),
            );
        }
        Ok(Self::Url {
            url,
            client: OnceLock::new(),
        })
    }

    async fn get(&self, session: &Session, path: &str) -> Answer {
        match self {
            Self::Service {
                namespace,
                name,
                port,
                prefix,
            } => {
                let base = format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy");
                fetch(&session.client, &format!("{base}{prefix}{path}")).await
            }
            Self::Url { url, client } => {
                let client = match client.get() {
                    Some(client) => client.clone(),
                    None => {
                        let made = kube::Client::try_from(kube::Config::new(url.clone()))
                            .map_err(|error| error.to_string())?;
                        client.get_or_init(|| made).clone()
                    }
                };
                fetch(&client, path).await
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                namespace,
                name,
                port,
                ..
            } => write!(f, "service/{name}:{port} in {namespace}"),
            Self::Url { url, .. } => write!(f, "{url}"),
        }
    }
}

/// A query that gives one counter per pod, once the pods are known.
#[derive(Clone, Debug)]
pub enum Query {
    /// A selector, which gets the pods added and is summed per pod.
    Selector(Selector),
    /// An expression with [`PODS`] in it, whose result carries the pod's label.
    Template(String),
}

impl Query {
    /// Reads a query; `flag` is what the error calls it.
    ///
    /// # Errors
    ///
    /// That it names no pods, or returns rates where counters are wanted: a rate is an estimate,
    /// and `increase()` makes fractions of counts.
    pub fn parse(flag: &str, text: &str) -> Result<Self> {
        let broken = |why: String| Error::usage(format!("{flag} {text}: {why}"));
        if let Some(selector) = Selector::parse(text).map_err(broken)? {
            return Ok(Self::Selector(selector));
        }
        let calls = |name: &str| {
            text.match_indices(name).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let is_word = before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
                !is_word && text[at + name.len()..].trim_start().starts_with('(')
            })
        };
        let rates = ["rate", "irate", "increase", "delta", "idelta", "deriv"];
        if let Some(name) = rates.into_iter().find(|name| calls(name)) {
            return Err(broken(format!("{name}() is not a counter"))
                .with_hint(format!("{flag} 'http_requests_total{{code=~\"5..\"}}'")));
        }
        if !text.contains(PODS) {
            return Err(
                broken(format!("it is not a selector and does not contain {PODS}")).with_hint(
                    format!("{flag} 'sum by (pod) (http_requests_total{{pod=~\"{PODS}\"}})'"),
                ),
            );
        }
        Ok(Self::Template(text.to_owned()))
    }

    /// Returns the query for these pods.
    #[must_use]
    pub fn render(&self, arms: &Arms<'_>, pod_label: &str) -> String {
        let pods = pattern(arms);
        match self {
            Self::Selector(selector) => {
                let more = [
                    format!("namespace=\"{}\"", arms.namespace),
                    format!("{pod_label}=~\"{pods}\""),
                ];
                format!("sum by ({pod_label}) ({})", selector.with(&more))
            }
            Self::Template(text) => text.replace(PODS, &pods).replace(NAMESPACE, arms.namespace),
        }
    }
}

/// Returns a regular expression for the names of all pods: by what their ReplicaSets name them
/// after, so that it stays short with thousands of them.
fn pattern(arms: &Arms<'_>) -> String {
    let names: BTreeSet<String> = arms
        .members
        .iter()
        .map(|member| match &member.pod.stem {
            Some(stem) => format!("{stem}.+"),
            None => member.pod.name.clone(),
        })
        .collect();
    // A name is made of letters, digits, `-` and `.`, of which only the last means something.
    let quote = |name: &String| match name.strip_suffix(".+") {
        Some(stem) => format!("{}.+", stem.replace('.', "[.]")),
        None => name.replace('.', "[.]"),
    };
    names.iter().map(quote).collect::<Vec<_>>().join("|")
}

/// One counter per pod by name, when they were evaluated, and the server's own warnings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// By the pod's name.
    pub by_pod: BTreeMap<String, f64>,
    /// The moment the query was evaluated for, in seconds, as the server writes it.
    pub at: Option<String>,
    /// What the server warned of.
    pub warnings: Vec<String>,
}

/// Asks for the counters of all pods, at a moment that an earlier answer named, or now.
///
/// # Errors
///
/// Why there are none, in one sentence.
pub async fn ask(
    endpoint: &Endpoint,
    session: &Session,
    query: &str,
    pod_label: &str,
    at: Option<&str>,
) -> std::result::Result<Counters, String> {
    let path = path(query, at);
    let (status, body) = endpoint
        .get(session, &path)
        .await
        .map_err(|why| format!("Prometheus ({endpoint}): {why}"))?;
    read(status, &body, pod_label).map_err(|why| format!("Prometheus ({endpoint}): {why}"))
}

fn path(query: &str, at: Option<&str>) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("query", query);
    if let Some(at) = at {
        pairs.append_pair("time", at);
    }
    format!("/api/v1/query?{}", pairs.finish())
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (serde_json::Number, String),
}

/// Reads an answer of `/api/v1/query`.
pub fn read(
    status: http::StatusCode,
    body: &str,
    pod_label: &str,
) -> std::result::Result<Counters, String> {
    let document: Option<Document> = serde_json::from_str(body).ok();
    if let Some(document) = document.as_ref().filter(|found| found.status == "error") {
        return Err(format!("the query failed: {}", document.error));
    }
    if !status.is_success() {
        return Err(fetch::refusal(status, body));
    }
    let document = document.ok_or("the answer is not Prometheus' JSON")?;
    let data = document.data.ok_or("the answer has no data")?;
    if data.kind != "vector" {
        return Err(format!("the query returns a {}, not a vector", data.kind));
    }
    let series: Vec<Series> =
        serde_json::from_value(data.result).map_err(|_| "cannot read the vector")?;
    let mut counters = Counters {
        warnings: document.warnings,
        ..Counters::default()
    };
    for Series { metric, value } in series {
        let pod = metric
            .get(pod_label)
            .ok_or_else(|| format!("the query returns a series without the label {pod_label}"))?;
        let count: f64 = value
            .1
            .parse()
            .map_err(|_| format!("pod {pod} has the value {}", value.1))?;
        if !count.is_finite() {
            return Err(format!("pod {pod} has the value {}", value.1));
        }
        counters.at = Some(value.0.to_string());
        // A template may leave other labels on; they are of the same pod.
        *counters.by_pod.entry(pod.clone()).or_default() += count;
    }
    Ok(counters)
}

#[cfg(test)]
mod tests;
