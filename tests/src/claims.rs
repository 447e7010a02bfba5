//! Plain users who claim, and the installation that lets them.

use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

use crate::command::{Output, Run};
use crate::suite::Suite;

/// The reaper and the guard are the cluster's: cases that run or change them run alone.
static CLAIMS: RwLock<()> = RwLock::new(());
static INSTALLED: OnceLock<()> = OnceLock::new();

/// What makes a plain user a claimer.
const CLAIMER: [&str; 2] = [
    "--as-group=groundcrew:claimers",
    "--as-group=system:authenticated",
];

impl Suite {
    /// Waits for cases that have the claims for themselves, and installs once.
    pub fn claims(&self) -> RwLockReadGuard<'static, ()> {
        let guard = CLAIMS
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.install_claims();
        guard
    }

    /// Waits for every other case with claims, and installs once.
    pub fn claims_alone(&self) -> RwLockWriteGuard<'static, ()> {
        let guard = CLAIMS
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.install_claims();
        guard
    }

    fn install_claims(&self) {
        INSTALLED.get_or_init(|| {
            let install = "ns-claim install --max-claims 3 --max-total 7d --default-ttl 8h";
            self.admin(install).run().success();
        });
    }

    /// Returns `kubectl WORDS` as a plain user who may claim.
    #[must_use]
    pub fn claimer(&self, user: &str, words: &str) -> Run {
        self.admin(words)
            .args([format!("--as={user}")])
            .args(CLAIMER)
    }

    /// Claims as a plain user, and returns the claim.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[must_use]
    pub fn claim(&self, user: &str, words: &str) -> Value {
        let run = self.claimer(user, &format!("ns-claim {words} --wait -o json"));
        run.run().success().json()
    }

    /// Writes an annotation of a namespace as the admin.
    pub fn annotate(&self, namespace: &str, key: &str, value: &str) {
        let note = format!("groundcrew.dev/{key}={value}");
        let run = self
            .admin("annotate namespace --overwrite")
            .args([namespace, &note]);
        run.run().success();
    }

    /// Reads one annotation of a namespace.
    #[must_use]
    pub fn annotation(&self, namespace: &str, key: &str) -> Option<String> {
        let found = self.get(&format!("namespace {namespace}"))?;
        let note = &found["metadata"]["annotations"][format!("groundcrew.dev/{key}")];
        note.as_str().map(str::to_owned)
    }

    /// Returns who holds a claim by the index.
    #[must_use]
    pub fn holder(&self, namespace: &str) -> Option<String> {
        let index = self.get("configmap claims -n groundcrew-system")?;
        index["data"][namespace].as_str().map(str::to_owned)
    }

    /// Reaps as the admin, as the CronJob would.
    #[must_use]
    pub fn reap(&self, words: &str) -> Output {
        self.admin(&format!("ns-claim reap --yes -o json {words}"))
            .run()
    }
}

/// Returns what a run of the reaper did with a namespace.
///
/// # Panics
///
/// When the report does not name it.
#[must_use]
#[track_caller]
pub fn action(report: &Output, namespace: &str) -> String {
    action_of(report, namespace).unwrap_or_else(|| panic!("{namespace} is not in {report}"))
}

/// Returns what a run of the reaper did with a namespace, if it saw it.
///
/// # Panics
///
/// When there is no report.
#[must_use]
#[track_caller]
pub fn action_of(report: &Output, namespace: &str) -> Option<String> {
    let report = report.json();
    let rows = report["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["claim"]["name"] == namespace)?;
    Some(row["action"].as_str().expect("an action").to_owned())
}

/// Returns a moment so many seconds from now as RFC 3339.
#[must_use]
pub fn moment(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second() + seconds;
    jiff::Timestamp::from_second(now)
        .unwrap_or_default()
        .to_string()
}
