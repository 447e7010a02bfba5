//! What a run does as the user, once they can work: `--setup` and `--smoke`.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::onboarding::run::writer;
use crate::commands::issue::setup;
use crate::commands::issue::setup::manifest::{Ready, Setup};
use crate::commands::issue::setup::report::{How, SetupReport};
use crate::commands::issue::smoke::{self, Smoke, SmokeReport};
use crate::local::kubeconfig::file;
use crate::model::change::{Change, Line};
use crate::model::check::Check;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::outcome::Outcome;
use crate::model::onboarding::plan::{CredentialStep, Plan};
use crate::model::product::PRODUCT;

/// What is asked for.
#[derive(Debug, Default)]
pub struct AsUser {
    /// What is set up in the user's namespace.
    pub setup: Option<Setup>,
    /// A first pod that is tried.
    pub smoke: Option<Smoke>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Done {
    /// What `--setup` did.
    pub setup: Option<SetupReport>,
    /// What `--smoke` saw.
    pub smoke: Option<SmokeReport>,
    /// Requests sent as the user.
    pub requests: u64,
    /// What ended it before its end.
    pub error: Option<Error>,
}

impl AsUser {
    /// Says whether something is to be done as the user.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.setup.is_some() || self.smoke.is_some()
    }

    /// Returns what it would do, line by line.
    #[must_use]
    pub fn lines(&self, user: &str) -> Vec<Line> {
        let setup = self.setup.iter().flat_map(|setup| setup.lines(user));
        let smoke = self.smoke.iter();
        let smoke = smoke.map(|smoke| {
            Line::new(
                "first pod",
                Change::Run,
                format!("{} as {user}", smoke.image),
            )
        });
        setup.chain(smoke).collect()
    }

    /// Checks what can be checked before anything is written: the user's file will be here, and
    /// the server knows every object.
    ///
    /// # Errors
    ///
    /// Usage, with what is missing or wrong; what the server says.
    pub async fn check<'a>(
        &'a self,
        session: &Session,
        options: &Options,
        plan: &Plan,
    ) -> Result<Option<Ready<'a>>> {
        if self.is_asked_for() && matches!(plan.credential, CredentialStep::KeepElsewhere(_)) {
            let (user, out) = (&options.user, options.out.display());
            return Err(Error::usage(format!(
                "--setup and --smoke need {user}'s kubeconfig, and {out} does not exist"
            ))
            .with_hint("pass the user's kubeconfig with --out")
            .with_hint(format!(
                "or replace the credential:  kubectl onboard {user} --force"
            )));
        }
        if self.is_asked_for() && options.provider().is_some() {
            return Err(Error::usage(
                "--setup and --smoke run as the user, which is impossible when only the user can log in",
            )
            .with_hint("omit them with --auth oidc and --auth exec"));
        }
        match &self.setup {
            Some(setup) => setup::check(setup, session, &plan.namespace)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Sets up and tries out what was asked for, with the user's file.
    ///
    /// An error is part of the answer: the user is onboarded, and that is to be said as well.
    pub async fn run(
        &self,
        onboarder: &Onboarder<'_>,
        options: &Options,
        plan: &Plan,
        outcome: &Outcome,
        ready: Option<&Ready<'_>>,
    ) -> Done {
        let mut done = Done::default();
        if !self.is_asked_for() {
            return done;
        }
        if Check::exit(&outcome.checks) != Exit::Done {
            onboarder
                .ui
                .warning("not everything could be verified, so --setup and --smoke were skipped");
            return done;
        }
        let trying = self.log_in(onboarder, options, plan, ready, &mut done);
        done.error = trying.await.err();
        done
    }

    async fn log_in(
        &self,
        onboarder: &Onboarder<'_>,
        options: &Options,
        plan: &Plan,
        ready: Option<&Ready<'_>>,
        done: &mut Done,
    ) -> Result<()> {
        let document = file::read(&options.out)?;
        let session = groundcrew::client::from_kubeconfig(
            document.as_str().as_bytes(),
            &options.out,
            onboarder.tuning,
            &PRODUCT,
            onboarder.ui,
        )
        .await?;
        let result = self.steps(onboarder, options, plan, ready, &session, done);
        let result = result.await;
        done.requests = session.requests();
        result
    }

    async fn steps(
        &self,
        onboarder: &Onboarder<'_>,
        options: &Options,
        plan: &Plan,
        ready: Option<&Ready<'_>>,
        session: &Session,
        done: &mut Done,
    ) -> Result<()> {
        let (ui, interrupt) = (onboarder.ui, onboarder.interrupt);
        if let Some(ready) = ready {
            let how = How {
                kubeconfig: &options.out,
                field_manager: &options.field_manager,
                force_conflicts: options.force_conflicts,
            };
            let (report, result) = setup::run(ready, session, &how, ui, interrupt).await;
            done.setup = Some(report);
            result.map_err(|error| self.left_standing(error, options))?;
        }
        if let Some(smoke) = &self.smoke {
            let (namespace, writer) = (&plan.namespace, writer(options));
            let report = smoke::run(smoke, session, namespace, &writer, ui, interrupt);
            done.smoke = Some(report.await?);
        }
        Ok(())
    }

    /// Adds to an error of the setup what it leaves as it is.
    fn left_standing(&self, error: Error, options: &Options) -> Error {
        let error = match &self.smoke {
            Some(_) => error.with_detail("the first pod was not started"),
            None => error,
        };
        let user = &options.user;
        error
            .with_detail(format!("{user} is onboarded and stays so"))
            .with_hint("fix the problem and run the same command again")
    }
}
