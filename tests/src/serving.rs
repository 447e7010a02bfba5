//! Deployments of real pods that answer requests, and the requests.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundcrew_sandbox::addons::{GATEWAY_NAME, GATEWAY_NAMESPACE};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::canary::Web;
use crate::suite::{Suite, eventually};

/// Between two requests: what a small service gets, and what two cores bear beside the tests.
const PAUSE: Duration = Duration::from_millis(4);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests between two looks at the pods.
const ROUND: usize = 100;

/// What came of requests.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// All of them.
    pub sent: usize,
    /// Those without an answer, and those with another one than 200.
    pub failed: usize,
    /// Answers by the version that gave them.
    pub by_version: BTreeMap<String, usize>,
}

impl Answers {
    /// Returns a version's share of all answers.
    #[must_use]
    pub fn share(&self, version: &str) -> f64 {
        let all: usize = self.by_version.values().sum();
        let of = self.by_version.get(version).copied().unwrap_or_default();
        of as f64 / all.max(1) as f64
    }

    fn take(&mut self, answer: std::io::Result<(u16, String)>) {
        self.sent += 1;
        match answer {
            Ok((status, version)) => {
                self.failed += usize::from(status != 200);
                if status == 200 {
                    *self.by_version.entry(version).or_default() += 1;
                }
            }
            Err(_) => self.failed += 1,
        }
    }
}

/// Where requests go.
#[derive(Clone, Debug)]
pub enum Way {
    /// To every Ready pod in turn.
    Pods,
    /// Through the gateway, under a host name.
    Gateway {
        /// Where it listens.
        entrance: String,
        /// The name.
        host: String,
    },
    /// Calls by gRPC through the gateway, under a host name.
    Calls {
        /// Where it listens.
        entrance: String,
        /// The name.
        host: String,
        /// The version that is asked for; answers of others count as `other`.
        version: String,
    },
}

impl Suite {
    /// Makes a Deployment `web` of real pods and a Service of the same name, all Ready.
    ///
    /// # Panics
    ///
    /// When it does not become Ready.
    #[must_use]
    pub fn serving(&self, replicas: i32) -> Web<'_> {
        self.serving_in(&self.name("canary"), replicas)
    }

    /// Does the same in a namespace of that name.
    ///
    /// # Panics
    ///
    /// When it does not become Ready.
    #[must_use]
    pub fn serving_in(&self, namespace: &str, replicas: i32) -> Web<'_> {
        let web = self.empty_in(namespace);
        let labels = json!({"app": "web"});
        let probe = json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1});
        // A gateway learns of a pod's end a little after the pod does.
        let before_the_end = json!({"preStop": {"sleep": {"seconds": 4}}});
        web.apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": web.namespace},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                "strategy": {"type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "terminationGracePeriodSeconds": 10,
                    "containers": [{"name": "web", "image": "sandbox.local/web:1",
                        "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 8080}],
                        "readinessProbe": probe, "lifecycle": before_the_end}],
                }}},
        }));
        web.apply(&json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": web.namespace},
            "spec": {"selector": labels, "ports": [
                {"name": "http", "port": 80, "targetPort": 8080},
                {"name": "grpc", "port": 9090, "targetPort": 9090},
            ]},
        }));
        web.kubectl("rollout status deployment/web --timeout=300s")
            .run()
            .success();
        web
    }
}

impl Web<'_> {
    /// Makes a route to the Service and returns the way through the gateway, once it leads there.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn route(&self) -> Way {
        let host = format!("{}.example", self.namespace);
        self.apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": self.namespace},
            "spec": {
                "parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        }));
        let entrance = self.suite().cluster().state().entrance.clone();
        eventually("the gateway passes requests on", || {
            get(&entrance, &host).is_ok_and(|(status, _)| status == 200)
        });
        Way::Gateway { entrance, host }
    }

    /// Makes a route of calls to the Service and returns the way through the gateway, once it leads
    /// there; answers are told apart by whether they are of `version`.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn grpc_route(&self, version: &str) -> Way {
        let host = format!("calls.{}.example", self.namespace);
        self.apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": {"name": "calls", "namespace": self.namespace},
            "spec": {
                "parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": "web", "port": 9090}]}],
            },
        }));
        let way = Way::Calls {
            entrance: self.suite().cluster().state().entrance.clone(),
            host,
            version: version.to_owned(),
        };
        eventually("the gateway passes calls on", || {
            self.ask(&way, 1).failed == 0
        });
        way
    }

    /// Sends `count` requests, one after the other.
    #[must_use]
    pub fn ask(&self, way: &Way, count: usize) -> Answers {
        let mut answers = Answers::default();
        let mut sender = Sender::new(way);
        for turn in 0..count {
            if let Some(answer) = sender.send(&[], turn) {
                answers.take(answer);
            }
        }
        answers
    }

    /// Sends requests for as long as `work` takes; returns what it returns, and what came of them.
    pub fn under_load<T>(&self, way: &Way, work: impl FnOnce() -> T) -> (T, Answers) {
        let (stop, answers) = (AtomicBool::new(false), Mutex::new(Answers::default()));
        let cluster = self.suite().cluster();
        let (kubectl, kubeconfig) = (cluster.kubectl().clone(), cluster.kubeconfig().to_owned());
        let namespace = self.namespace.clone();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut pods = Vec::new();
                let mut sender = Sender::new(way);
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    if matches!(way, Way::Pods) && turn % ROUND == 0 {
                        let mut command = Command::new(&kubectl);
                        command.env("KUBECONFIG", &kubeconfig);
                        command.args(["-n", &namespace, "get", "pods", "-o", "json"]);
                        let output = command.output().map(|output| output.stdout);
                        pods = ready(&output.unwrap_or_default());
                    }
                    if let Some(answer) = sender.send(&pods, turn)
                        && let Ok(mut answers) = answers.lock()
                    {
                        answers.take(answer);
                    }
                    turn += 1;
                    std::thread::sleep(PAUSE);
                }
            });
            // Also when an assertion fails, or the scope would never end.
            let _stop = Stop(&stop);
            work()
        });
        (result, answers.into_inner().unwrap_or_default())
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends requests on a way, calls over one connection.
struct Sender<'a> {
    way: &'a Way,
    calls: Option<Calls>,
}

impl<'a> Sender<'a> {
    fn new(way: &'a Way) -> Self {
        Self { way, calls: None }
    }

    /// Makes one request; `None` when there is no pod to send it to.
    fn send(&mut self, pods: &[String], turn: usize) -> Option<std::io::Result<(u16, String)>> {
        match self.way {
            Way::Pods => {
                let pod = pods.get(turn % pods.len().max(1))?;
                Some(get(pod, "web"))
            }
            Way::Gateway { entrance, host } => Some(get(entrance, host)),
            Way::Calls {
                entrance,
                host,
                version,
            } => {
                if self.calls.is_none() {
                    match Calls::to(entrance, host) {
                        Ok(calls) => self.calls = Some(calls),
                        Err(error) => return Some(Err(error)),
                    }
                }
                self.calls.as_mut().map(|calls| calls.check(version))
            }
        }
    }
}

/// A caller of the health service.
struct Calls {
    runtime: Runtime,
    client: HealthClient<Channel>,
}

impl Calls {
    /// Connects, under a host name, when the first call is made.
    fn to(entrance: &str, host: &str) -> std::io::Result<Self> {
        let wrong = std::io::Error::other::<tonic::transport::Error>;
        let origin = format!("http://{host}").parse();
        let endpoint = Endpoint::from_shared(format!("http://{entrance}"))
            .map_err(wrong)?
            .origin(origin.map_err(std::io::Error::other)?)
            .timeout(PATIENCE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let client = HealthClient::new(endpoint.connect_lazy());
        drop(entered);
        Ok(Self { runtime, client })
    }

    /// Asks whether it is a version that answers.
    fn check(&mut self, version: &str) -> std::io::Result<(u16, String)> {
        let request = HealthCheckRequest {
            service: version.to_owned(),
        };
        match self.runtime.block_on(self.client.check(request)) {
            Ok(_) => Ok((200, version.to_owned())),
            // Of another version there is no such service.
            Err(status) if status.code() == Code::NotFound => Ok((200, "other".to_owned())),
            Err(status) => Err(std::io::Error::other(status)),
        }
    }
}

/// Returns the addresses of the Ready pods in a list.
fn ready(list: &[u8]) -> Vec<String> {
    let list: Value = serde_json::from_slice(list).unwrap_or_default();
    let pods = list["items"].as_array().into_iter().flatten();
    pods.filter(|pod| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let mut ready = conditions.filter(|found| found["type"] == "Ready");
        ready.any(|found| found["status"] == "True")
            && pod["metadata"]["deletionTimestamp"].is_null()
    })
    .filter_map(|pod| Some(format!("{}:8080", pod["status"]["podIP"].as_str()?)))
    .collect()
}

/// Makes one request; returns the status and the first line, which is the pod's version.
fn get(address: &str, host: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
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
