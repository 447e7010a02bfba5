//! All sources together: one reading for the verdict.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::finding::sight;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;

use crate::cluster::signals::arms::Arms;
use crate::cluster::signals::kubernetes::{self, Memory};
use crate::cluster::signals::prometheus::{self, Endpoint, Query};
use crate::cluster::signals::scrape::{self, Page};
use crate::cluster::signals::selector::Selector;
use crate::model::verdict::asked::{Asked, Options};
use crate::model::verdict::judge::Judge;
use crate::model::verdict::settings::{Indicator, Unit};
use crate::model::verdict::windows::{Arm, Reading, Sample, Series};

/// The indicator of `--bad` and `--total`.
pub const REQUESTS: &str = "requests";

/// Where counts come from, and what was seen so far.
#[derive(Clone, Debug)]
pub struct Sources {
    memory: Memory,
    requests: Option<Requests>,
    /// Whether any bad event was ever reported by the metrics.
    saw_bad: bool,
}

#[derive(Clone, Debug)]
enum Requests {
    Prometheus {
        endpoint: Box<Endpoint>,
        bad: Query,
        total: Query,
        pod_label: String,
    },
    Scrape {
        page: Page,
        bad: Selector,
        total: Selector,
    },
}

impl Sources {
    /// Reads the flags; Kubernetes itself is always one of the sources.
    ///
    /// # Errors
    ///
    /// Which flag is wrong or missing, with an example.
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self {
            memory: Memory::default(),
            requests: requests(options)?,
            saw_bad: false,
        })
    }

    /// Returns the sources that are asked for, and a judge: the one who has seen something already,
    /// if the same things are asked of it.
    ///
    /// # Errors
    ///
    /// Which flag is wrong.
    pub fn begin(asked: &Asked, known: Option<&Judge>) -> Result<(Self, Judge)> {
        let sources = Self::new(&asked.options)?;
        let indicators = sources.indicators();
        let judge = known
            .filter(|judge| judge.is_for(&asked.settings, &indicators))
            .cloned()
            .unwrap_or_else(|| Judge::new(asked.settings.clone(), indicators));
        Ok((sources, judge))
    }

    /// Returns the indicators of every reading, for [`Judge::new`](crate::model::verdict::judge::Judge::new).
    #[must_use]
    pub fn indicators(&self) -> Vec<Indicator> {
        let mut all = kubernetes::indicators();
        if self.requests.is_some() {
            all.push(Indicator::new(REQUESTS, Unit::Requests));
        }
        all
    }

    /// Reads everything once. `now` is the server's time.
    ///
    /// It takes one LIST of events, and two queries or one page per Ready pod. It does not fail:
    /// what could not be read says why in its own series.
    pub async fn observe(&mut self, session: &Session, arms: &Arms<'_>, now: Timestamp) -> Reading {
        let events = warnings(session, arms.namespace).await;
        let events = events.as_deref().map_err(Clone::clone);
        let mut reading = Reading {
            at: now,
            series: self.memory.count(arms, events, now),
            notes: unready(arms, now),
        };
        let counts = match &self.requests {
            None => return reading,
            Some(Requests::Prometheus {
                endpoint,
                bad,
                total,
                pod_label,
            }) => {
                let queries = [total, bad].map(|query| query.render(arms, pod_label));
                from_prometheus(endpoint, session, &queries, pod_label, &mut reading.notes).await
            }
            Some(Requests::Scrape { page, bad, total }) => {
                from_pages(session, arms, page, [total, bad], &mut reading.notes).await
            }
        };
        let samples = counts.and_then(|counts| samples(arms, &counts, now));
        if let Ok(samples) = &samples {
            self.saw_bad |= samples.iter().any(|sample| sample.bad > 0.0);
            if !self.saw_bad {
                let note = "no failed request was seen on either side so far: check that --bad \
                     names the right metric";
                reading.notes.push(note.to_owned());
            }
        }
        reading.series.push(Series {
            indicator: REQUESTS.to_owned(),
            samples,
        });
        reading
    }
}

fn requests(options: &Options) -> Result<Option<Requests>> {
    let given = |value: &Option<String>, flag: &str| {
        value.clone().ok_or_else(|| {
            Error::usage(format!("{flag} is missing"))
                .with_hint("--bad 'http_requests_total{code=~\"5..\"}' --total http_requests_total")
        })
    };
    match (&options.prometheus, &options.scrape) {
        (None, None) => match (&options.bad, &options.total) {
            (None, None) => Ok(None),
            _ => Err(Error::usage("--bad and --total need a source")
                .with_hint("--prometheus svc:NAMESPACE/NAME:PORT or --scrape :8080/metrics")),
        },
        (Some(_), Some(_)) => Err(Error::usage(
            "--prometheus and --scrape cannot be combined: each request would count twice",
        )),
        (Some(place), None) => Ok(Some(Requests::Prometheus {
            endpoint: Box::new(Endpoint::parse(place)?),
            bad: Query::parse("--bad", &given(&options.bad, "--bad")?)?,
            total: Query::parse("--total", &given(&options.total, "--total")?)?,
            pod_label: options
                .pod_label
                .clone()
                .unwrap_or_else(|| "pod".to_owned()),
        })),
        (None, Some(page)) => {
            let selector = |value: &Option<String>, flag: &str| {
                let text = given(value, flag)?;
                let broken = |why| Error::usage(format!("{flag} {text}: {why}"));
                Selector::parse(&text)
                    .map_err(broken)?
                    .ok_or_else(|| broken("--scrape supports selectors only".to_owned()))
            };
            Ok(Some(Requests::Scrape {
                page: Page::parse(page)?,
                bad: selector(&options.bad, "--bad")?,
                total: selector(&options.total, "--total")?,
            }))
        }
    }
}

/// Total and bad by the pod's name. A pod without a bad one has none: most programs show a counter
/// only once it has counted.
pub type Counts = BTreeMap<String, (f64, f64)>;

async fn from_prometheus(
    endpoint: &Endpoint,
    session: &Session,
    [total, bad]: &[String; 2],
    pod_label: &str,
    notes: &mut Vec<String>,
) -> std::result::Result<Counts, String> {
    let total = prometheus::ask(endpoint, session, total, pod_label, None).await?;
    // At the same moment: a scrape in between would give more bad ones than there were requests.
    let bad = prometheus::ask(endpoint, session, bad, pod_label, total.at.as_deref()).await?;
    notes.extend(total.warnings.into_iter().chain(bad.warnings));
    let count = |(pod, total): (String, f64)| {
        let bad = bad.by_pod.get(&pod).copied().unwrap_or_default();
        (pod, (total, bad))
    };
    Ok(total.by_pod.into_iter().map(count).collect())
}

async fn from_pages(
    session: &Session,
    arms: &Arms<'_>,
    page: &Page,
    [total, bad]: [&Selector; 2],
    notes: &mut Vec<String>,
) -> std::result::Result<Counts, String> {
    let mut counts = Counts::new();
    let mut unread = Vec::new();
    for (arm, pod, points) in scrape::pages(session, arms, page).await {
        let points = match points {
            Ok(points) => points,
            // A canary that does not answer may be the one that fails.
            Err(why) if arm == Arm::Canary => return Err(format!("pod {pod}: {why}")),
            Err(why) => {
                unread.push(format!("pod {pod}: {why}"));
                continue;
            }
        };
        // A page that lost its totals is not a page without requests.
        let Some(total) = total.sum(&points) else {
            continue;
        };
        counts.insert(pod, (total, bad.sum(&points).unwrap_or_default()));
    }
    if let Some(first) = unread.first() {
        let count = unread.len();
        notes.push(format!(
            "{count} stable pods could not be read, such as {first}"
        ));
    }
    Ok(counts)
}

/// Matches counts with pods. An arm of which nothing is known is a reason, not a zero.
pub fn samples(
    arms: &Arms<'_>,
    counts: &Counts,
    now: Timestamp,
) -> std::result::Result<Vec<Sample>, String> {
    let mut found = Vec::new();
    for member in &arms.members {
        if let Some((total, bad)) = counts.get(&member.pod.name) {
            found.push(Sample {
                arm: member.arm,
                pod: member.pod.name.clone(),
                bad: *bad,
                total: *total,
                ready_for: member.ready_for(now),
            });
        }
    }
    for (arm, name) in [(Arm::Canary, "canary"), (Arm::Stable, "stable")] {
        if !found.iter().any(|sample| sample.arm == arm) {
            return Err(format!("--total finds no series of the {name} pods"));
        }
    }
    Ok(found)
}

/// Tells which arm is not Ready as a whole, and for how long.
fn unready(arms: &Arms<'_>, now: Timestamp) -> Vec<String> {
    [(Arm::Canary, "canary"), (Arm::Stable, "stable")]
        .into_iter()
        .filter_map(|(arm, name)| {
            let (pods, seconds) = kubernetes::not_ready(arms, arm, now);
            let all = arms.count(arm);
            (pods > 0).then(|| {
                format!("{pods} of {all} {name} pods are not Ready, together for {seconds:.0}s")
            })
        })
        .collect()
}

/// Lists the Warning events of a namespace.
async fn warnings(session: &Session, namespace: &str) -> std::result::Result<Vec<Event>, String> {
    let events = session.in_(namespace).of::<Event>();
    let params = ListParams::default().fields("type=Warning,involvedObject.kind=Pod");
    sight(events.list_by(&params).await)
}

#[cfg(test)]
mod tests;
