//! An API server on loopback that answers by script and remembers what it was asked.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The server; it ends with the runtime of the test.
pub(super) struct Api {
    pub(super) address: SocketAddr,
    /// The certificate authority in PEM, when it speaks TLS.
    pub(super) authority: Option<String>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Script = Arc<dyn Fn(&Seen) -> (u16, Value) + Send + Sync>;

impl Api {
    /// Starts a server that speaks plain HTTP.
    pub(super) async fn plain(
        script: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::start(Arc::new(script), None, None).await
    }

    /// Starts a server that speaks TLS with a certificate for 127.0.0.1.
    pub(super) async fn tls(
        script: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::start(Arc::new(script), Some(acceptor), Some(made.cert.pem())).await
    }

    async fn start(script: Script, tls: Option<TlsAcceptor>, authority: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls.clone(), script.clone(), log.clone()));
            }
        });
        Self {
            address,
            authority,
            seen,
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns a kubeconfig for this server alone, with `user` as its user.
    pub(super) fn kubeconfig(&self, user: &Value) -> Vec<u8> {
        use base64::Engine;
        let encode = |pem: &String| base64::engine::general_purpose::STANDARD.encode(pem);
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        let cluster = serde_json::json!({
            "server": format!("{scheme}://{}", self.address),
            "certificate-authority-data": self.authority.as_ref().map(encode),
        });
        let config = serde_json::json!({
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        });
        config.to_string().into_bytes()
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    script: Script,
    log: Arc<Mutex<Vec<Seen>>>,
) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (script, log) = (script.clone(), log.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = Seen {
                method: parts.method.to_string(),
                path: parts.uri.path_and_query().unwrap().to_string(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            let (status, answer) = script(&seen);
            log.lock().unwrap().push(seen);
            let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    // A client that goes away ends its connection, which is no fault of a test.
    let _ = match tls {
        None => {
            connection
                .serve_connection(TokioIo::new(stream), service)
                .await
        }
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            connection
                .serve_connection(TokioIo::new(stream), service)
                .await
        }
    };
}

/// A writer that can be read back.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Heard {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns a user interface that speaks into this.
    pub(super) fn ui(&self) -> crate::ui::Ui {
        crate::ui::Ui::into_sinks(std::io::sink(), self.clone(), None)
    }
}
