//! Deployments with a canary, and a watcher of what must hold, from outside.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use groundcrew_sandbox::nodes::LABEL;
use groundcrew_sandbox::real_node::SIMULATED_TAINT;
use serde_json::{Value, json};

use crate::command::{Output, Run};
use crate::suite::{Suite, eventually};

/// A Deployment called `web` in a namespace of its own.
#[derive(Debug)]
pub struct Web<'a> {
    suite: &'a Suite,
    /// Its namespace.
    pub namespace: String,
}

impl Suite {
    /// Makes a Deployment `web` with `replicas` simulated pods that are all Ready, and a strategy.
    ///
    /// # Panics
    ///
    /// When it does not become Ready.
    #[must_use]
    pub fn web(&self, replicas: i32, strategy: Value) -> Web<'_> {
        self.web_in(&self.name("canary"), replicas, strategy)
    }

    /// Does the same in a namespace of that name.
    ///
    /// # Panics
    ///
    /// When it does not become Ready.
    #[must_use]
    pub fn web_in(&self, namespace: &str, replicas: i32, strategy: Value) -> Web<'_> {
        let web = self.empty_in(namespace);
        web.apply(&web.manifest(replicas, strategy, "sandbox.local/sim:1"));
        web.kubectl("rollout status deployment/web --timeout=280s")
            .run()
            .success();
        web
    }

    /// Makes a namespace alone.
    pub(crate) fn empty_in(&self, namespace: &str) -> Web<'_> {
        self.admin(&format!("create namespace {namespace}"))
            .run()
            .success();
        Web {
            suite: self,
            namespace: namespace.to_owned(),
        }
    }
}

impl Web<'_> {
    /// Returns the suite that it belongs to.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        self.suite
    }

    /// Returns its manifest.
    #[must_use]
    pub fn manifest(&self, replicas: i32, strategy: Value, image: &str) -> Value {
        let mut spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "web", "image": image}],
                    // Beside a real node the simulated ones take only who asks for them.
                    "nodeSelector": {LABEL: "simulated"},
                    "tolerations": [{"key": SIMULATED_TAINT, "operator": "Exists"}],
                },
            },
        });
        if !strategy.is_null() {
            spec["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": strategy});
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": self.namespace},
            "spec": spec,
        })
    }

    /// Applies a manifest, taking over every field in it.
    pub fn apply(&self, manifest: &Value) {
        let apply = "apply --server-side --force-conflicts -f -";
        let run = self.kubectl(apply).stdin(&manifest.to_string());
        run.run().success();
    }

    /// Returns `kubectl WORDS` in its namespace.
    #[must_use]
    pub fn kubectl(&self, words: &str) -> Run {
        self.suite
            .admin(&format!("-n {}", self.namespace))
            .line(words)
    }

    /// Returns `kubectl rollout-canary WORDS` in its namespace.
    #[must_use]
    pub fn canary(&self, words: &str) -> Run {
        let run = self.suite.admin(&format!("rollout-canary {words}"));
        run.args(["-n", &self.namespace])
    }

    /// Starts a canary of another image at a weight.
    #[must_use]
    pub fn start(&self, words: &str) -> Output {
        self.canary(&format!("web {words} --image web=sandbox.local/sim:2"))
            .run()
    }

    /// Aborts, which has to leave nothing different from before.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn aborts(&self) {
        let abort = self.canary("abort web").run();
        abort.success().answers("0 differences");
    }

    /// Reads an object in its namespace.
    #[must_use]
    pub fn get(&self, words: &str) -> Option<Value> {
        self.suite.get(&format!("{words} -n {}", self.namespace))
    }

    /// Returns the Deployment.
    ///
    /// # Panics
    ///
    /// When it is gone.
    #[must_use]
    pub fn deployment(&self) -> Value {
        self.get("deployment web").expect("the Deployment is there")
    }

    /// Returns stable and canary pods by the status document.
    #[must_use]
    pub fn split(&self) -> (i64, i64) {
        let status = self.canary("status web -o json").run().json();
        let pods = |side: &str| status[side]["replicas"].as_i64().unwrap_or_default();
        (pods("stable"), pods("canary"))
    }

    /// Returns the sizes of all ReplicaSets with pods, by image tag.
    #[must_use]
    pub fn sizes(&self) -> BTreeMap<String, i64> {
        let sets = self.get("replicasets").unwrap_or_default();
        let sets = sets["items"].as_array().cloned().unwrap_or_default();
        sets.iter()
            .map(|set| {
                let image = &set["spec"]["template"]["spec"]["containers"][0]["image"];
                let image = image.as_str().unwrap_or_default();
                let tag = image.rsplit(':').next().unwrap_or_default();
                (
                    tag.to_owned(),
                    set["spec"]["replicas"].as_i64().unwrap_or_default(),
                )
            })
            .filter(|(_, size)| *size > 0)
            .collect()
    }

    /// Returns the UIDs of the pods of an image tag that are not on their way out.
    #[must_use]
    pub fn pods_of(&self, tag: &str) -> Vec<String> {
        let pods = self.get("pods").unwrap_or_default();
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        let is = |pod: &&Value| {
            let image = pod["spec"]["containers"][0]["image"].as_str();
            image.is_some_and(|image| image.ends_with(&format!(":{tag}")))
                && pod["metadata"]["deletionTimestamp"].is_null()
        };
        let uid = |pod: &Value| {
            pod["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        pods.iter().filter(is).map(uid).collect()
    }

    /// Returns the part of the Deployment that a canary may touch and has to put back.
    #[must_use]
    pub fn snapshot(&self) -> Value {
        let deployment = self.deployment();
        let metadata = &deployment["metadata"];
        json!({
            "spec": deployment["spec"],
            "labels": metadata["labels"],
            "annotations": without_revision(&metadata["annotations"]),
        })
    }

    /// Checks that nothing of a canary is left, on the Deployment, on ReplicaSets, or as a record.
    ///
    /// # Panics
    ///
    /// When something is.
    #[track_caller]
    pub fn is_clean(&self) {
        assert!(
            self.get("configmap rollout-canary.web").is_none(),
            "a record is left"
        );
        for objects in ["deployments", "replicasets"] {
            let found = self.get(objects).unwrap_or_default().to_string();
            // What its own manifest says of nodes is none.
            let found = found.replace(LABEL, "").replace(SIMULATED_TAINT, "");
            assert!(
                !found.contains("groundcrew.dev/"),
                "a mark is left: {found}"
            );
        }
        let spec = &self.deployment()["spec"];
        assert!(spec["minReadySeconds"].as_i64().unwrap_or_default() < 2_147_483_645);
        assert!(spec["paused"].is_null(), "{spec}");
    }

    /// Watches Ready and present pods until it is asked for them.
    ///
    /// # Panics
    ///
    /// When kubectl cannot be started, or the pods are not all Ready in the beginning.
    #[must_use]
    pub fn watch(&self) -> Watcher {
        let replicas = self.deployment()["spec"]["replicas"]
            .as_i64()
            .unwrap_or_default();
        let replicas = usize::try_from(replicas).unwrap_or_default();
        let cluster = self.suite.cluster();
        let mut child = Command::new(cluster.kubectl())
            .env("KUBECONFIG", cluster.kubeconfig())
            .args(["-n", &self.namespace, "get", "pods", "--watch"])
            .args(["--output-watch-events", "-o", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kubectl can be started");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
            for event in events.map_while(Result::ok) {
                lock(&shared).take(&event, replicas);
            }
        });
        let watcher = Watcher {
            child,
            thread: Some(thread),
            seen,
        };
        eventually("every pod is seen to be Ready", || {
            lock(&watcher.seen).whole
        });
        watcher
    }
}

fn without_revision(annotations: &Value) -> Value {
    let mut annotations = annotations.clone();
    if let Some(map) = annotations.as_object_mut() {
        map.remove("deployment.kubernetes.io/revision");
    }
    annotations
}

/// Extremes of what was seen since everything was Ready.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pods: BTreeMap<String, (bool, String)>,
    whole: bool,
    /// Fewest Ready pods that were not on their way out.
    pub fewest_ready: usize,
    /// Most pods that were not on their way out.
    pub most: usize,
    /// The same by image tag.
    pub most_of: BTreeMap<String, usize>,
    /// Fewest by image tag, since there was one.
    pub fewest_of: BTreeMap<String, usize>,
}

impl Seen {
    fn take(&mut self, event: &Value, replicas: usize) {
        let pod = &event["object"];
        let uid = pod["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let gone = event["type"] == "DELETED" || pod["metadata"]["deletionTimestamp"].is_string();
        if gone {
            self.pods.remove(&uid);
        } else {
            let ready = pod["status"]["conditions"]
                .as_array()
                .is_some_and(|conditions| {
                    conditions
                        .iter()
                        .any(|found| found["type"] == "Ready" && found["status"] == "True")
                });
            let image = &pod["spec"]["containers"][0]["image"];
            let tag = image.as_str().unwrap_or_default().rsplit(':').next();
            self.pods
                .insert(uid, (ready, tag.unwrap_or_default().to_owned()));
        }
        let ready = self.pods.values().filter(|(ready, _)| *ready).count();
        if !self.whole {
            self.whole = ready >= replicas;
            self.fewest_ready = ready;
        }
        self.fewest_ready = self.fewest_ready.min(ready);
        self.most = self.most.max(self.pods.len());
        let mut counts = BTreeMap::<&str, usize>::new();
        for (_, tag) in self.pods.values() {
            *counts.entry(tag).or_default() += 1;
        }
        for (tag, count) in &counts {
            let most = self.most_of.entry((*tag).to_owned()).or_default();
            *most = (*most).max(*count);
        }
        if self.whole {
            for tag in self.most_of.keys() {
                let count = counts.get(tag.as_str()).copied().unwrap_or_default();
                let fewest = self.fewest_of.entry(tag.clone()).or_insert(count);
                *fewest = (*fewest).min(count);
            }
        }
    }
}

/// A watch that runs.
#[derive(Debug)]
pub struct Watcher {
    child: Child,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    /// Returns what was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
