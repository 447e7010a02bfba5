//! Counts of the canary's and the stable pods, as the [verdict](crate::model::verdict) wants them.
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

pub mod arms;
pub mod fetch;
pub mod kubernetes;
pub mod prometheus;
pub mod scrape;
pub mod selector;
pub mod sources;
pub mod text;
