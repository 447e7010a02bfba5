//! Counters from every pod's own metrics page, through `pods/proxy`.

use futures::StreamExt as _;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::fetch::{fetch, refusal};
use crate::cluster::signals::text::{self, Point};
use crate::model::verdict::windows::Arm;

/// How many pods are read at the same time.
const AT_ONCE: usize = 8;

/// Where a pod shows its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    port: u16,
    path: String,
}

impl Page {
    /// Reads `:PORT/PATH`; without a path it is `/metrics`.
    ///
    /// # Errors
    ///
    /// That the text is something else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("--scrape {text} is not :PORT/PATH"))
                .with_hint("--scrape :8080/metrics")
        };
        let rest = text.strip_prefix(':').ok_or_else(wrong)?;
        let (port, path) = rest
            .find('/')
            .map_or((rest, "/metrics"), |slash| rest.split_at(slash));
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(wrong)?;
        // It becomes part of a path of the API server's, and must not leave the pod.
        if path.contains("..") || path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(wrong());
        }
        Ok(Self {
            port,
            path: path.to_owned(),
        })
    }
}

/// Reads all Ready pods' pages; per pod its arm, its name, and its points or why there are none.
pub async fn pages(
    session: &Session,
    arms: &Arms<'_>,
    page: &Page,
) -> Vec<(Arm, String, std::result::Result<Vec<Point>, String>)> {
    let one = |(arm, name): (Arm, String)| async move {
        let Page { port, path } = page;
        let namespace = arms.namespace;
        let url = format!("/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy{path}");
        let points = match fetch(&session.client, &url).await {
            Err(why) => Err(why),
            Ok((status, body)) if status.is_success() => {
                text::parse(&body).map_err(|why| format!("the metrics page: {why}"))
            }
            Ok((status, body)) => Err(refusal(status, &body)),
        };
        (arm, name, points)
    };
    // Only Ready pods are asked: one that starts has no page yet, and nothing of it counts.
    let ready = arms
        .members
        .iter()
        .filter(|member| member.pod.ready)
        .map(|member| (member.arm, member.pod.name.clone()));
    futures::stream::iter(ready.map(one).collect::<Vec<_>>())
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_port_and_a_path_inside_of_the_pod() {
        let page = |port, path: &str| Page {
            port,
            path: path.to_owned(),
        };
        assert_eq!(
            Page::parse(":8080/stats?x=1").unwrap(),
            page(8080, "/stats?x=1")
        );
        assert_eq!(Page::parse(":8080").unwrap(), page(8080, "/metrics"));
        for text in [
            "8080",
            ":0",
            ":x",
            ":8080/../../../secrets",
            ":8080/a b",
            "",
        ] {
            assert!(Page::parse(text).is_err(), "{text}");
        }
    }
}
