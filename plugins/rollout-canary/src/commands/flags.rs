//! Groups of flags that several commands take, and what they ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

use crate::cluster::signals::sources::Sources;
use crate::drive::driver::Patience;
use crate::drive::session::Open;
use crate::local::manifest;
use crate::model::change::{Change, Image, Variable};
use crate::model::findings::question::{ACCEPT_NO_TRAFFIC, ACCEPT_OWNER, ACCEPT_QUOTA};
use crate::model::intent::Split;
use crate::model::record::Layout;
use crate::model::target;
use crate::model::traffic::Router;
use crate::model::verdict::asked::{Asked, Options};
use crate::model::verdict::settings::Settings;
use crate::model::weight::{Surge, Weight};

/// Heading of the flags of the verdict.
pub const VERDICT: &str = "Verdict";

/// Where counts come from, and how sure to be.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = VERDICT)]
pub struct JudgeArgs {
    /// Prometheus: svc:NAMESPACE/NAME:PORT through the API server, or a URL
    #[arg(long, value_name = "PLACE")]
    prometheus: Option<String>,

    /// Metrics page of each pod, read through the API server
    #[arg(long, value_name = ":PORT/PATH", conflicts_with = "prometheus")]
    scrape: Option<String>,

    /// Counter of failed requests: 'http_requests_total{code=~"5.."}'
    #[arg(long, value_name = "QUERY")]
    bad: Option<String>,

    /// Counter of all requests: http_requests_total
    #[arg(long, value_name = "QUERY")]
    total: Option<String>,

    /// Prometheus label with the pod's name [default: pod]
    #[arg(long, value_name = "LABEL", requires = "prometheus")]
    pod_label: Option<String>,

    /// Acceptable increase in failed requests over stable [default: 1%]
    #[arg(long, value_name = "PERCENT")]
    slo: Option<Weight>,

    /// Highest acceptable failure ratio of canary to stable [default: 1]
    #[arg(long, value_name = "TIMES")]
    tolerate: Option<f64>,

    /// Probability of rolling back a good canary [default: 0.05]
    #[arg(long, value_name = "P")]
    alpha: Option<f64>,

    /// Time to ignore a pod's counts after it is Ready [default: 60s, at most --smoke]
    #[arg(long, value_name = "DURATION")]
    warmup: Option<Span>,
}

impl JudgeArgs {
    /// Says whether nothing was given.
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
        let numbers = [tolerate, alpha];
        texts.iter().all(|text| text.is_none())
            && numbers.iter().all(|number| number.is_none())
            && slo.is_none()
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
            margin: self.slo.map_or(usual.margin, Weight::fraction),
            warmup: self
                .warmup
                .map_or_else(|| usual.warmup.min(smoke), |warmup| warmup.0),
            soak: 2 * smoke,
            ..usual
        }
    }
}

/// What every command but the first takes.
#[derive(Args, Debug)]
pub struct Common {
    /// Deployment: web or deploy/web
    #[arg(index = 1, value_name = "DEPLOYMENT", add = deployments())]
    pub deployment: String,

    #[command(flatten)]
    pub output: OutputArgs,
}

impl Common {
    /// Connects, and finds the place of the Deployment's record.
    ///
    /// # Errors
    ///
    /// As [`Frame::connect`]; usage, when no Deployment is named.
    pub async fn open(&self, frame: &Frame) -> Result<Open> {
        open(frame, &self.deployment).await
    }
}

/// Connects for the Deployment of this name.
///
/// # Errors
///
/// As [`Frame::connect`]; usage, when no Deployment is named.
pub async fn open(frame: &Frame, name: &str) -> Result<Open> {
    let name = target::parse(name)?;
    Ok(Open::new(frame.connect().await?, name))
}

/// Whether only to show what would be done.
#[derive(Args, Clone, Debug, Default)]
pub struct DryRunArgs {
    /// Show what would be done
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "client",
        hide_default_value = true
    )]
    dry_run: DryRun,

    /// Field manager name recorded by the server [default: groundcrew-rollout-canary]
    #[arg(long, value_name = "NAME")]
    field_manager: Option<String>,
}

impl DryRunArgs {
    /// Returns what is open, to be written under the name that was asked for.
    ///
    /// # Errors
    ///
    /// Usage, for a name that the server or Flux does not leave alone.
    pub fn written(&self, open: Open) -> Result<Open> {
        let Some(name) = &self.field_manager else {
            return Ok(open);
        };
        let is_printable = name.chars().all(|c| !c.is_control());
        if name.is_empty() || name.len() > 128 || !is_printable {
            return Err(Error::usage(
                "--field-manager takes 1 to 128 printable characters",
            ));
        }
        if name.starts_with("kubectl") {
            return Err(Error::usage(format!(
                "--field-manager {name}: Flux takes over the fields of managers whose name begins \
                 with kubectl, and removes them"
            )));
        }
        Ok(open.written_by(name))
    }

    /// Returns how, unless it is to be done.
    #[must_use]
    pub fn mode(&self) -> Option<DryRun> {
        Some(self.dry_run).filter(|mode| *mode != DryRun::None)
    }
}

/// How long a command may take.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct WaitArgs {
    /// Longest wait; the state is safe when it ends
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    pub timeout: Option<Span>,

    /// Longest wait for a Ready pod [default: progressDeadlineSeconds]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    pub ready_within: Option<Span>,
}

impl WaitArgs {
    /// Returns the same for the driver.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience {
            goal: self.timeout.map(|span| span.0),
            ready: self.ready_within.map(|span| span.0),
        }
    }
}

/// How the split is made.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Split")]
pub struct ShapeArgs {
    /// Layout at rest
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "auto")]
    pub layout: Layout,

    /// Most extra pods, such as 2 or 25% [default: maxSurge, at least 1]
    #[arg(long, value_name = "PODS")]
    pub surge: Option<Surge>,

    /// What gives the canary its share of the requests [default: replicas]
    #[arg(long, value_name = "ROUTER", value_enum)]
    pub traffic: Option<Router>,

    /// Allow a split far from the weight, or one that cannot be parked
    #[arg(long)]
    pub accept_weight: bool,

    /// Start although a Service would not select the canary
    #[arg(long)]
    pub accept_no_traffic: bool,

    /// Start although a GitOps tool will remove the canary
    #[arg(long)]
    pub accept_owner: bool,

    /// Start although a quota leaves too little room: wait for room instead
    #[arg(long)]
    pub accept_quota: bool,
}

/// What the canary has that stable pods have not.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Change")]
pub struct ChangeArgs {
    /// Image of a container, or of the only one; repeatable
    #[arg(long = "image", value_name = "CONTAINER=IMAGE")]
    pub images: Vec<String>,

    /// Environment variable of every container; NAME- removes it
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub env: Vec<String>,

    /// Same template again, as `kubectl rollout restart` does
    #[arg(long)]
    pub restart: bool,

    /// Patch of the Deployment, as `kubectl patch` accepts it
    #[arg(long, value_name = "PATCH", conflicts_with_all = ["images", "env", "restart", "file"])]
    pub patch: Option<String>,

    /// Manifest (- is stdin); its whole pod template is used
    #[arg(short = 'f', long = "filename", value_name = "FILE",
          conflicts_with_all = ["images", "env", "restart"])]
    pub file: Option<PathBuf>,
}

impl ChangeArgs {
    /// Returns what is new, for the Deployment of this name; files are read here.
    ///
    /// # Errors
    ///
    /// Usage, for flags that say nothing that can be done.
    pub async fn change(&self, deployment: &str, interrupt: &Interrupt) -> Result<Change> {
        if let Some(patch) = &self.patch {
            return manifest::patch(patch).map(Change::Patch);
        }
        if let Some(file) = &self.file {
            let found = manifest::of_file(file, deployment, interrupt).await?;
            return Ok(Change::Manifests(found));
        }
        if self.is_empty() {
            return Ok(Change::Pending);
        }
        let images = self.images.iter().map(|image| Image::parse(image));
        let variables = self.env.iter().map(|variable| Variable::parse(variable));
        Ok(Change::Edits {
            images: images.collect::<Result<_>>()?,
            variables: variables.collect::<Result<_>>()?,
            restarted: self.restart.then(Timestamp::now),
        })
    }

    /// Says whether nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
            && self.env.is_empty()
            && !self.restart
            && self.patch.is_none()
            && self.file.is_none()
    }
}

impl ShapeArgs {
    /// Returns what they ask for.
    #[must_use]
    pub fn split(&self) -> Split {
        Split {
            layout: self.layout,
            surge: self.surge,
            router: self.traffic,
            accept_weight: self.accept_weight,
            yes: false,
        }
    }

    /// Returns the findings that are accepted, by their flag.
    #[must_use]
    pub fn accepted(&self) -> Vec<&'static str> {
        [
            (self.accept_no_traffic, ACCEPT_NO_TRAFFIC),
            (self.accept_owner, ACCEPT_OWNER),
            (self.accept_quota, ACCEPT_QUOTA),
        ]
        .into_iter()
        .filter_map(|(is, flag)| is.then_some(flag))
        .collect()
    }
}

/// Completes the names of Deployments in the current namespace.
#[must_use]
pub fn deployments() -> ArgValueCompleter {
    complete::from_cluster(|session| async move {
        let api = Api::<Deployment>::namespaced(session.client, &session.namespace);
        complete::listed(&api, None).await
    })
}
