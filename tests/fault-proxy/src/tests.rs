//! Every fault against a small server that tells what reached it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use groundcrew_sandbox::pki::Ca;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

/// A server that answers with the headers it saw, and counts.
struct World {
    ca: Ca,
    reached: Arc<AtomicUsize>,
    proxy: FaultProxy,
}

impl World {
    async fn new() -> Self {
        let ca = Ca::new("test").unwrap();
        let server = ca.issue_server("server", &["127.0.0.1"]).unwrap();
        let front = ca.issue_client("fault-proxy", &[]).unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let mut upstream = Upstream {
            api_server: ([127, 0, 0, 1], 1).into(),
            ca: ca.certificate().cert_pem.clone(),
            server_certificate: server.cert_pem,
            server_key: server.key_pem,
            front_proxy_certificate: front.cert_pem,
            front_proxy_key: front.key_pem,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        upstream.api_server = listener.local_addr().unwrap();
        let acceptor = tls::acceptor(&upstream).unwrap();
        let count = Arc::clone(&reached);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let proxied = stream.get_ref().1.peer_certificates().is_some();
                    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                        count.fetch_add(1, Ordering::SeqCst);
                        let text = format!("proxied={proxied} {:?}", request.headers());
                        async {
                            Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(text)))
                        }
                    });
                    let io = TokioIo::new(stream);
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await;
                });
            }
        });
        let proxy = FaultProxy::start(&upstream).unwrap();
        Self { ca, reached, proxy }
    }

    fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    async fn get(&self, path: &str) -> Result<(u16, String), String> {
        self.send(path, Some(("alice", &["onboard:alice:g1", "payments"])))
            .await
    }

    async fn send(
        &self,
        path: &str,
        who: Option<(&str, &[&str])>,
    ) -> Result<(u16, String), String> {
        let mut roots = RootCertStore::empty();
        let ca = self.ca.certificate().cert_pem.as_bytes();
        roots
            .add(CertificateDer::from_pem_slice(ca).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match who {
            None => config.with_no_client_auth(),
            Some((name, groups)) => {
                let issued = self.ca.issue_client(name, groups).unwrap();
                let chain =
                    vec![CertificateDer::from_pem_slice(issued.cert_pem.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .build();
        let client: Client<_, Full<bytes::Bytes>> =
            Client::builder(TokioExecutor::new()).build(connector);
        let request = Request::get(format!("https://{}{path}", self.proxy.address()))
            .header("authorization", "Bearer t")
            .header("x-remote-user", "admin")
            .header("x-remote-extra-scopes", "all")
            .body(Full::default())
            .unwrap();
        let response = client
            .request(request)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let code = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| format!("{error:?}"))?;
        Ok((code, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }
}

use std::convert::Infallible;

#[tokio::test]
async fn a_certificate_becomes_the_headers_of_a_front_proxy() {
    let world = World::new().await;
    let (_, text) = world.get("/x").await.unwrap();
    assert!(text.contains("proxied=true"), "{text}");
    assert!(text.contains(r#""x-remote-user": "alice""#), "{text}");
    assert!(text.contains(r#""x-remote-group": "payments""#), "{text}");
    assert!(text.contains("credential-id\": \"X509SHA256="), "{text}");
}

#[tokio::test]
async fn nobody_can_name_himself() {
    let world = World::new().await;
    for who in [None, Some(("alice", &[][..]))] {
        let (_, text) = world.send("/x", who).await.unwrap();
        assert!(
            !text.contains("admin") && !text.contains("scopes"),
            "{text}"
        );
        assert!(text.contains("Bearer t"), "{text}");
        assert_eq!(text.contains("proxied=true"), who.is_some(), "{text}");
    }
}

#[tokio::test]
async fn what_is_cut_before_never_arrives_and_what_is_cut_after_does() {
    let world = World::new().await;
    world
        .proxy
        .add(Rule::once(Match::number(1), Fault::CutBefore));
    world
        .proxy
        .add(Rule::once(Match::number(2), Fault::CutAfter));
    assert!(world.get("/a").await.is_err());
    assert_eq!(world.reached(), 0);
    assert!(world.get("/b").await.is_err());
    assert_eq!(world.reached(), 1);
    assert!(world.get("/c").await.is_ok());
    let log = world.proxy.log();
    assert_eq!(
        log.iter().map(|entry| entry.status).collect::<Vec<_>>(),
        [None, None, Some(200)]
    );
    assert_eq!(log[2].user.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_dead_client_stays_dead_until_it_is_healed() {
    let world = World::new().await;
    world
        .proxy
        .add(Rule::once(Match::number(1), Fault::DieAfter));
    assert!(world.get("/a").await.is_err());
    assert!(world.get("/b").await.is_err());
    assert_eq!(world.reached(), 1);
    world.proxy.heal();
    assert!(world.get("/c").await.is_ok());
    assert_eq!(world.proxy.count(), 3);
}

#[tokio::test]
async fn an_answer_of_the_proxy_is_a_kubernetes_status() {
    let world = World::new().await;
    let busy = Fault::Answer {
        code: 429,
        reason: "TooManyRequests",
        retry_after: Some(1),
    };
    world
        .proxy
        .add(Rule::once(Match::request(Method::GET, "/pods"), busy));
    assert_eq!(world.get("/x").await.unwrap().0, 200);
    let (code, body) = world.get("/pods?limit=1").await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (code, &body["kind"], &body["reason"]),
        (429, &"Status".into(), &"TooManyRequests".into())
    );
    assert_eq!(world.reached(), 1);
}

#[tokio::test]
async fn a_body_breaks_off_a_date_moves_and_a_delay_lasts() {
    let world = World::new().await;
    world
        .proxy
        .add(Rule::once(Match::number(1), Fault::CutBody(0)));
    world.proxy.add(Rule::once(
        Match::number(2),
        Fault::Delay(Duration::from_millis(80)),
    ));
    assert!(world.get("/a").await.is_err());
    let before = Instant::now();
    assert!(world.get("/b").await.is_ok());
    assert!(before.elapsed() >= Duration::from_millis(80));
}
