//! `kubectl psp-advise migrate`: from PodSecurityPolicies to what today's API server enforces.
//!
//! - [`psa`]: to levels of the standards;
//! - [`vap`]: to a ValidatingAdmissionPolicy, [`templates`]: what templates must set themselves then;
//! - [`verify`]: the comparison with the engine on a real server.

mod args;
mod psa;
mod templates;
mod vap;
mod verify;
mod workloads;

use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use super::flags::{self, ReadFrom};
pub use args::MigrateArgs;
use args::Target;
use workloads::Pods;

/// Migrates.
///
/// # Errors
///
/// What cannot be read; what the server says.
pub async fn run(args: MigrateArgs, frame: &Frame) -> Result<Exit> {
    if args.to == Target::Psa && (args.verify || !args.rbac.is_empty()) {
        return Err(
            Error::usage("--verify and --rbac are for a ValidatingAdmissionPolicy")
                .with_hint("--to vap"),
        );
    }
    let pods = Pods::of(&args.pods)?;
    let read = [&args.pods, &args.filename, &args.rbac];
    let connects = args.verify || read.iter().any(|from| from.contains(&ReadFrom::Cluster));
    let session = if connects {
        Some(frame.interrupt.guard(frame.connect()).await?)
    } else {
        None
    };
    let session = session.as_ref();
    let policies = flags::policies(&args.filename, session);
    let policies = frame.interrupt.guard(policies).await?;
    if policies.is_empty() {
        return Err(Error::usage("-f contains no PodSecurityPolicy"));
    }
    match args.to {
        Target::Psa => psa::run(&args, &policies, &pods, session, frame).await,
        Target::Vap => vap::run(&args, &policies, &pods, session, frame).await,
    }
}
