//! People: what the tests of `kubectl onboard` do with each of them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Output, Run};
use crate::suite::Suite;

impl Suite {
    /// Returns `kubectl onboard NAME` with the user's file in the case's own directory.
    #[must_use]
    pub fn onboard(&self, name: &str) -> Run {
        let file = self.path(&format!("{name}.kubeconfig"));
        self.admin("onboard").args([name, "--out"]).args([file])
    }

    /// Makes the user's key and request in a directory of its own, and returns it: their laptop.
    ///
    /// # Panics
    ///
    /// When they cannot be made.
    #[must_use]
    pub fn requested(&self, name: &str, generation: u32) -> PathBuf {
        let laptop = self.path(&format!("laptop-{name}"));
        let run = self.program(&self.plugin("kubectl-onboard"));
        let run = run.args(["request", name, "--out-dir"]).args([&laptop]);
        let output = run.line(&format!("--generation {generation}")).run();
        output.success();
        laptop
    }

    /// Returns `kubectl onboard NAME --csr-file` for the request on their laptop; the certificate
    /// goes into the case's own directory.
    #[must_use]
    pub fn sign(&self, name: &str, request: &Path) -> Run {
        let file = self.path(&format!("{name}.crt"));
        let run = self.admin("onboard").args([name, "--csr-file"]);
        run.args([request]).args(["--out"]).args([file])
    }

    /// Returns `kubectl onboard accept` of the user's certificate with the key on their laptop, without any
    /// kubeconfig.
    #[must_use]
    pub fn accept(&self, name: &str) -> Run {
        let file = self.path(&format!("{name}.crt"));
        let key = self.path(&format!("laptop-{name}/{name}.key"));
        let run = self.program(&self.cluster().kubectl());
        let run = run.line("onboard accept").args([file]);
        run.args(["--key"]).args([key])
    }

    /// Runs `kubectl WORDS` with nothing but their file.
    #[must_use]
    pub fn as_user(&self, name: &str, words: &str) -> Output {
        let file = self.path(&format!("{name}.kubeconfig"));
        self.program(&self.cluster().kubectl())
            .kubeconfig(&file)
            .line(words)
            .run()
    }

    /// Returns what the cluster remembers of the user.
    ///
    /// # Panics
    ///
    /// When there is no record, or it is none.
    #[must_use]
    pub fn record(&self, name: &str) -> Value {
        let map = self.get(&format!("configmap onboard-{name} -n groundcrew-system"));
        let map = map.expect("a record");
        let text = map["data"]["record.json"]
            .as_str()
            .expect("a record has a text");
        serde_json::from_str(text).expect("a record is JSON")
    }

    /// Counts the user's certificate requests that are still there.
    #[must_use]
    pub fn requests_of(&self, name: &str) -> usize {
        let found = self.get(&format!("csr -l groundcrew.dev/user={name}"));
        found.map_or(0, |list| list["items"].as_array().map_or(0, Vec::len))
    }

    /// Checks that the user's file is for its owner alone.
    ///
    /// # Panics
    ///
    /// When it is not, or is not there.
    pub fn has_private_file(&self, name: &str) {
        let file = self.path(&format!("{name}.kubeconfig"));
        let metadata = std::fs::metadata(&file).expect("their file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                metadata.permissions().mode() & 0o777,
                0o600,
                "for its owner alone"
            );
        }
        assert!(metadata.len() > 0, "their file is empty");
    }
}
