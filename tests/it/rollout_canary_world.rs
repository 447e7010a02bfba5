//! A Deployment on the real node that is held at a few stable pods and one canary, and requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use groundcrew::client::{Product, Session, connect};
use groundcrew::flags::kube::KubeArgs;
use groundcrew::ui::Ui;
use harness::{Suite, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

/// The most a step may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// How many stable pods there are.
pub(crate) const STABLE: usize = 3;

/// The Deployment `web` with one canary.
pub(crate) struct World<'a> {
    suite: &'a Suite,
    pub(crate) namespace: String,
    pub(crate) stable: String,
    pub(crate) canary: String,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) session: Session,
}

impl<'a> World<'a> {
    /// Makes a namespace with the Deployment, and holds it with one pod of `image` beside the
    /// stable ones.
    pub(crate) fn new(suite: &'a Suite, image: &str) -> Self {
        let namespace = suite.name("canary");
        suite
            .admin(&format!("create namespace {namespace}"))
            .run()
            .success();
        apply(suite, &namespace, &objects());
        let ready = |count: usize| {
            let found = suite
                .get(&format!("deployment web -n {namespace}"))
                .unwrap_or_default();
            found["status"]["readyReplicas"] == count
        };
        eventually("the stable pods are Ready", PATIENCE, || ready(STABLE));
        let hold = json!({"spec": {"minReadySeconds": 2_147_483_646, "progressDeadlineSeconds": 2_147_483_647,
            "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
        let patch = suite.admin(&format!("patch deployment web -n {namespace} -p"));
        patch.args([hold.to_string()]).run().success();
        eventually("the canary is Ready", PATIENCE, || ready(STABLE + 1));
        let hash = |image: &str| {
            let sets = suite
                .get(&format!("replicasets -n {namespace}"))
                .unwrap_or_default();
            let mut sets = sets["items"]
                .as_array()
                .cloned()
                .unwrap_or_default()
                .into_iter();
            let set =
                sets.find(|set| set["spec"]["template"]["spec"]["containers"][0]["image"] == image);
            let set = set.expect("a ReplicaSet of each image");
            let hash = &set["metadata"]["labels"]["pod-template-hash"];
            hash.as_str().expect("a hash").to_owned()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let session = runtime.block_on(session(suite));
        Self {
            suite,
            stable: hash("sandbox.local/web:1"),
            canary: hash(image),
            namespace,
            runtime,
            session,
        }
    }

    /// Lists the pods.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        let api: Api<Pod> = Api::namespaced(self.session.client.clone(), &self.namespace);
        let listed = self.runtime.block_on(api.list(&ListParams::default()));
        listed.expect("pods can be listed").items
    }

    /// Reads the Deployment.
    pub(crate) fn deployment(&self) -> Deployment {
        let api: Api<Deployment> = Api::namespaced(self.session.client.clone(), &self.namespace);
        self.runtime.block_on(api.get("web")).expect("it is there")
    }

    /// Makes or changes an object in the namespace.
    pub(crate) fn apply(&self, object: &Value) {
        apply(self.suite, &self.namespace, object);
    }

    /// Sends so many requests to every pod itself.
    pub(crate) fn ask_every_pod(&self, times: usize) {
        for pod in self.pods() {
            let status = pod.status.unwrap_or_default();
            let address = format!(
                "{}:8080",
                status.pod_ip.expect("a Ready pod has an address")
            );
            for _ in 0..times {
                let _ = get(&address, "web");
            }
        }
    }
}

fn apply(suite: &Suite, namespace: &str, object: &Value) {
    let text = object.to_string();
    let apply = suite.admin(&format!("apply -n {namespace} -f -"));
    apply.stdin(&text).run().success();
}

async fn session(suite: &Suite) -> Session {
    let args = KubeArgs {
        kubeconfig: Some(suite.cluster().kubeconfig().to_owned()),
        ..KubeArgs::default()
    };
    let product = Product {
        name: "kubectl-rollout_canary",
        version: "test",
    };
    let ui = Ui::into_sinks(std::io::sink(), std::io::sink(), None);
    connect(&args, &product, &ui)
        .await
        .expect("the sandbox's kubeconfig is good")
}

fn objects() -> Value {
    let labels = json!({"app": "web"});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": STABLE, "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 3,
                "containers": [{"name": "web", "image": "sandbox.local/web:1",
                    "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}}],
            }}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}},
    ]})
}

/// Makes one request; returns the status and the first line, which is the pod's version.
pub(crate) fn get(address: &str, host: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().next().unwrap_or_default().to_owned();
    let broken = || std::io::Error::other(format!("no HTTP: {answer}"));
    Ok((status.ok_or_else(broken)?, line))
}
