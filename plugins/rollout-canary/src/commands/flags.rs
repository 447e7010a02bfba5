//! What a canary is judged by.

use std::time::Duration;

use clap::Args;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;

use crate::judge::Asked;
use crate::signals::{Options, Sources};
use crate::verdict::Settings;
use crate::weight;

/// Where counts come from, and how sure to be.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Is the canary good?")]
pub struct JudgeArgs {
    /// Where Prometheus answers: svc:NAMESPACE/NAME:PORT through the API server, or a URL
    #[arg(long, value_name = "PLACE")]
    prometheus: Option<String>,

    /// Read every pod's own metrics page instead, through the API server: :8080/metrics
    #[arg(long, value_name = ":PORT/PATH", conflicts_with = "prometheus")]
    scrape: Option<String>,

    /// Counter of requests that failed: 'http_requests_total{code=~"5.."}'
    #[arg(long, value_name = "QUERY")]
    bad: Option<String>,

    /// Counter of all requests: http_requests_total
    #[arg(long, value_name = "QUERY")]
    total: Option<String>,

    /// The label that has the pod's name in Prometheus [default: pod]
    #[arg(long, value_name = "LABEL", requires = "prometheus")]
    pod_label: Option<String>,

    /// How much more of the requests may fail than of the stable pods' [default: 1%]
    #[arg(long, value_name = "PERCENT", value_parser = weight::share)]
    slo: Option<f64>,

    /// How many times as many failures as the stable pods' are no worse [default: 1]
    #[arg(long, value_name = "TIMES")]
    tolerate: Option<f64>,

    /// The accepted probability that a good canary is rolled back [default: 0.05]
    #[arg(long, value_name = "P")]
    alpha: Option<f64>,

    /// How long a pod's counts are left out after it became Ready
    /// [default: 60s, at most --smoke]
    #[arg(long, value_name = "DURATION")]
    warmup: Option<Span>,
}

impl JudgeArgs {
    /// Says whether nothing was stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            prometheus,
            scrape,
            bad,
            total,
            pod_label,
            slo,
            tolerate,
            alpha,
            warmup,
        } = self;
        let texts = [prometheus, scrape, bad, total, pod_label];
        let numbers = [slo, tolerate, alpha];
        texts.iter().all(|text| text.is_none())
            && numbers.iter().all(|number| number.is_none())
            && warmup.is_none()
    }

    /// Returns what is asked, for looks that take `smoke`.
    ///
    /// # Errors
    ///
    /// Which flag is wrong or missing.
    pub fn asked(&self, smoke: Duration) -> Result<Asked> {
        let asked = Asked {
            options: Options {
                prometheus: self.prometheus.clone(),
                scrape: self.scrape.clone(),
                bad: self.bad.clone(),
                total: self.total.clone(),
                pod_label: self.pod_label.clone(),
            },
            settings: self.settings(smoke),
        };
        Sources::new(&asked.options)?;
        asked.settings.check().map_err(Error::usage)?;
        Ok(asked)
    }

    fn settings(&self, smoke: Duration) -> Settings {
        let usual = Settings::default();
        Settings {
            alpha: self.alpha.unwrap_or(usual.alpha),
            tolerate: self.tolerate.unwrap_or(usual.tolerate),
            margin: self.slo.unwrap_or(usual.margin),
            warmup: self
                .warmup
                .map_or_else(|| usual.warmup.min(smoke), |warmup| warmup.0),
            soak: 2 * smoke,
            ..usual
        }
    }
}
