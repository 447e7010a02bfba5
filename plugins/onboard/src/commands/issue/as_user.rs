//! What a run does as her, once she can work: `--setup` and `--smoke`.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use crate::apply::{Outcome, writer};
use crate::kubeconfig::Document;
use crate::options::Options;
use crate::plan::{CredentialStep, Plan};
use crate::proof::Check;
use crate::run::{Host, product};
use crate::setup::{How, Ready, SetupReport};
use crate::smoke::{self, SmokeReport};

/// What came of it.
#[derive(Debug, Default)]
pub struct Extras {
    /// What `--setup` did.
    pub setup: Option<SetupReport>,
    /// What `--smoke` saw.
    pub smoke: Option<SmokeReport>,
    /// Requests sent as her.
    pub requests: u64,
    /// What ended it before its end.
    pub error: Option<Error>,
}

impl Options {
    /// Says whether something is to be done as her.
    #[must_use]
    pub fn has_extras(&self) -> bool {
        self.setup.is_some() || self.smoke.is_some()
    }
}

/// Checks what can be checked before anything is written: her file will be here, and the server
/// knows every object.
///
/// # Errors
///
/// Usage, with what is missing or wrong; what the server says.
pub async fn check<'a>(
    session: &Session,
    options: &'a Options,
    plan: &Plan,
) -> Result<Option<Ready<'a>>> {
    if options.has_extras() && matches!(plan.credential, CredentialStep::KeepElsewhere(_)) {
        let (user, out) = (&options.user, options.out.display());
        return Err(Error::usage(format!(
            "--setup and --smoke work with {user}'s own file, and {out} is not here"
        ))
        .with_hint("name the file that she was given with --out")
        .with_hint(format!(
            "or replace her credential:  kubectl onboard {user} --force"
        )));
    }
    if options.has_extras() && options.provider.is_some() {
        return Err(
            Error::usage("--setup and --smoke work as her, and nobody but her can log in")
                .with_hint("leave them out with --auth oidc and --auth exec"),
        );
    }
    match &options.setup {
        Some(setup) => setup.check(session, &plan.namespace).await.map(Some),
        None => Ok(None),
    }
}

impl Host<'_> {
    /// Sets up and tries out what was asked for, with her file.
    ///
    /// An error is part of the answer: she is onboarded, and that is to be said as well.
    pub async fn extras(
        &self,
        options: &Options,
        plan: &Plan,
        outcome: &Outcome,
        ready: Option<&Ready<'_>>,
    ) -> Extras {
        let mut extras = Extras::default();
        if !options.has_extras() {
            return extras;
        }
        if Check::exit(&outcome.checks) != Exit::Done {
            self.ui.warning(
                "not everything is proved, so nothing was set up or tried in her namespace",
            );
            return extras;
        }
        extras.error = self.as_her(options, plan, ready, &mut extras).await.err();
        extras
    }

    async fn as_her(
        &self,
        options: &Options,
        plan: &Plan,
        ready: Option<&Ready<'_>>,
        extras: &mut Extras,
    ) -> Result<()> {
        let document = Document::read(&options.out)?;
        let her = groundcrew::client::from_kubeconfig(
            document.as_str().as_bytes(),
            &options.out,
            self.tuning,
            &product(),
            self.ui,
        )
        .await?;
        let result = self.steps(options, plan, ready, &her, extras).await;
        extras.requests = her.requests();
        result
    }

    async fn steps(
        &self,
        options: &Options,
        plan: &Plan,
        ready: Option<&Ready<'_>>,
        her: &Session,
        extras: &mut Extras,
    ) -> Result<()> {
        if let Some(ready) = ready {
            let how = How {
                kubeconfig: &options.out,
                field_manager: &options.field_manager,
                force_conflicts: options.force_conflicts,
            };
            let (report, result) = ready.run(her, &how, self.ui, self.interrupt).await;
            extras.setup = Some(report);
            let user = &options.user;
            result.map_err(|error| {
                let error = match &options.smoke {
                    Some(_) => error.with_detail("the first pod was not tried"),
                    None => error,
                };
                error
                    .with_detail(format!(
                        "{user} is onboarded; nothing of that is taken back"
                    ))
                    .with_hint("run the same command again once it is mended")
            })?;
        }
        if let Some(smoke) = &options.smoke {
            let (namespace, writer) = (&plan.namespace, writer(options));
            let report = smoke::run(smoke, her, namespace, &writer, self.ui, self.interrupt);
            extras.smoke = Some(report.await?);
        }
        Ok(())
    }
}
