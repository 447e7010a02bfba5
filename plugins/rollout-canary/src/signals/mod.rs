//! Counts of the canary's and the stable pods, as the [verdict](crate::verdict) wants them.
//!
//! Three sources, each of which may be used alone or with others:
//!
//! - [`kubernetes`]: restarts, OOM kills, lost readiness and kinds of Warning events, from the pods
//!   themselves; there without any metrics server.
//! - [`prometheus`]: `--bad` and `--total`, asked once for all pods of both arms by name, through
//!   the API server's proxy to a Service or at a URL.
//! - [`scrape`]: the same two, read from every pod's own metrics page through `pods/proxy`.
//!
//! A source that fails says why in its series and fails nothing else: the verdict is undecided then.
//! 403 is such a reason, and never an empty answer.
//!
//! # How a driver uses it
//!
//! ```no_run
//! use rollout_canary::signals::{self, Arms, Options, Sources};
//! use rollout_canary::verdict::{Judge, Settings};
//!
//! # async fn example(session: groundcrew::client::Session, pods: Vec<k8s_openapi::api::core::v1::Pod>,
//! #                  now: jiff::Timestamp) -> groundcrew::error::Result<()> {
//! let mut sources = Sources::new(&Options {
//!     prometheus: Some("svc:monitoring/prometheus:9090".to_owned()),
//!     bad: Some(r#"http_requests_total{code=~"5.."}"#.to_owned()),
//!     total: Some("http_requests_total".to_owned()),
//!     ..Options::default()
//! })?;
//! let mut judge = Judge::new(Settings::default(), sources.indicators());
//! // Every few seconds, with the pods that the driver watches anyway and the server's time:
//! let arms = Arms::by_hash("shop", &pods, "5d4f8c", "7b9c6d");
//! let reading = sources.observe(&session, &arms, now).await;
//! judge.observe(&reading);
//! # Ok(()) }
//! ```

pub mod kubernetes;
pub mod prometheus;
pub mod scrape;
pub mod selector;
pub mod text;

mod arms;
mod sources;

pub use arms::{Arms, Member};
pub use sources::{Options, Sources};
