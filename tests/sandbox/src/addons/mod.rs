//! What a real cluster has beside Kubernetes itself: a gateway for requests from outside, and
//! Prometheus. Both are for the pods of the real node; simulated ones answer nobody.

mod gateway;
mod prometheus;

use std::path::PathBuf;

use crate::error::Result;
use crate::kubectl::Kubectl;
use crate::process::Spawner;
use crate::{build, ports};

pub use gateway::{GATEWAY_NAME, GATEWAY_NAMESPACE};
pub use prometheus::SERVICE as PROMETHEUS_SERVICE;

/// Which of them are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addons {
    /// Traefik with the Gateway API.
    pub gateway: bool,
    /// Prometheus, which reads the metrics of the web image's pods.
    pub prometheus: bool,
}

impl Addons {
    /// Returns those that `names` asks for, and those that are built already: the others would make
    /// tests wait for many minutes.
    #[must_use]
    pub fn asked_or_built(names: &str) -> Self {
        let asked = |name: &str| names.split(',').any(|asked| asked.trim() == name);
        Self {
            gateway: asked("gateway") || build::is_built("traefik"),
            prometheus: asked("prometheus") || build::is_built("prometheus"),
        }
    }

    /// Says whether none is wanted.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Where requests from outside enter; `None` without a gateway.
pub type Entrance = Option<String>;

struct Built {
    traefik: Option<(PathBuf, PathBuf)>,
    prometheus: Option<PathBuf>,
}

/// Builds what is wanted, unless it is there.
///
/// # Errors
///
/// When Go is missing or too old, or a build fails.
pub fn build(addons: Addons) -> Result<()> {
    built(addons).map(drop)
}

fn built(addons: Addons) -> Result<Built> {
    let traefik = addons.gateway.then(gateway::build).transpose()?;
    let prometheus = addons.prometheus.then(|| build::ensure("prometheus", &[]));
    Ok(Built {
        traefik,
        prometheus: prometheus.transpose()?.map(|dir| dir.join("prometheus")),
    })
}

/// Starts what is wanted on a sandbox that has a real node, and returns when all of it answers.
///
/// # Errors
///
/// When a build fails, a part ends early (with the end of its log) or does not answer in time.
pub fn start(spawner: &Spawner<'_>, kubectl: &Kubectl, addons: Addons) -> Result<Entrance> {
    let built = built(addons)?;
    let entrance = match built.traefik {
        Some((traefik, definitions)) => {
            let port = ports::free(1)?[0];
            Some(gateway::start(
                spawner,
                kubectl,
                &traefik,
                &definitions,
                port,
            )?)
        }
        None => None,
    };
    if let Some(program) = built.prometheus {
        prometheus::start(spawner, kubectl, &program)?;
    }
    Ok(entrance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_built_and_the_rest_only_used_when_it_is_there() {
        let asked = Addons::asked_or_built("gateway, prometheus");
        assert!(asked.gateway && asked.prometheus);
        let none = Addons::asked_or_built("");
        assert_eq!(none.gateway, build::is_built("traefik"));
        assert_eq!(none.prometheus, build::is_built("prometheus"));
    }
}
