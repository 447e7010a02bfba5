//! One request after the other.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::header::{DATE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::fault::{Fault, Rule};
use crate::identity::{self, Identity};
use crate::log::Entry;
use crate::tls::Clients;
use crate::{State, lock};

/// A body that is passed on as it comes.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Everything a connection needs.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) clients: Clients,
    pub(crate) api_server: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(crate) async fn serve(self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, for example: the client sees it soon enough.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let proxy = self.clone();
            tokio::spawn(async move {
                // A connection that breaks is the client's business, and often the purpose.
                let _ = proxy.connection(stream).await;
            });
        }
    }

    async fn connection(self, stream: TcpStream) -> io::Result<()> {
        let stream = self.acceptor.accept(stream).await?;
        let identity = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| Identity::of(chain.first()?.as_ref()));
        let service = service_fn(|request| self.request(request, identity.as_ref()));
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await
            .map_err(io::Error::other)
    }

    /// Handles a request; an error ends the connection without an answer.
    async fn request(
        &self,
        request: Request<Incoming>,
        identity: Option<&Identity>,
    ) -> io::Result<Response<Body>> {
        let (index, fault) = self.note(&request, identity);
        let cut = || Err(io::ErrorKind::ConnectionAborted.into());
        match &fault {
            Some(Fault::CutBefore | Fault::DieBefore) => return cut(),
            Some(Fault::Answer {
                code,
                reason,
                retry_after,
            }) => {
                self.answered(index, *code);
                return Ok(status(*code, reason, *retry_after));
            }
            Some(Fault::Delay(pause)) => tokio::time::sleep(*pause).await,
            _ => {}
        }
        let identity = identity.filter(|_| !lock(&self.state).keeps_certificates);
        let mut response = self.forward(request, identity).await?;
        match fault {
            Some(Fault::CutAfter | Fault::DieAfter) => {
                // The last byte of the body: only then is the request carried out for certain.
                let _ = response.into_body().collect().await;
                return cut();
            }
            Some(Fault::CutBody(bytes)) => response = response.map(|body| cut_after(body, bytes)),
            Some(Fault::ShiftDate(by)) => shift_date(&mut response, by),
            _ => {}
        }
        self.answered(index, response.status().as_u16());
        Ok(response)
    }

    fn note(
        &self,
        request: &Request<Incoming>,
        identity: Option<&Identity>,
    ) -> (usize, Option<Fault>) {
        let mut state = lock(&self.state);
        let index = state.log.len() + 1;
        let uri = request.uri();
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let user_agent = request.headers().get(USER_AGENT);
        let mut entry = Entry {
            index,
            method: request.method().to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            user_agent: user_agent
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            user: identity.map(|identity| identity.user.clone()),
            status: None,
            fault: None,
        };
        let writes = state.log.iter().filter(|entry| entry.is_write()).count();
        let write = entry.is_write().then_some(writes + 1);
        let fault = if state.dead {
            Some(Fault::DieBefore)
        } else {
            Rule::take(&mut state.rules, index, write, request.method(), target)
        };
        state.dead |= matches!(fault, Some(Fault::DieBefore | Fault::DieAfter));
        entry.fault.clone_from(&fault);
        state.log.push(entry);
        (index, fault)
    }

    fn answered(&self, index: usize, code: u16) {
        // The log may have been forgotten in between.
        if let Some(entry) = lock(&self.state).log.get_mut(index - 1) {
            entry.status = Some(code);
        }
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        identity: Option<&Identity>,
    ) -> io::Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        let authority = self.api_server.to_string();
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(Scheme::HTTPS);
        uri.authority = Some(authority.parse::<Authority>().map_err(io::Error::other)?);
        head.uri = Uri::from_parts(uri).map_err(io::Error::other)?;
        head.headers.remove(HOST);
        identity::strip(&mut head.headers);
        let client = match identity {
            Some(identity) => {
                identity.write(&mut head.headers);
                &self.clients.front_proxy
            }
            None => &self.clients.plain,
        };
        let body = body.map_err(io::Error::other).boxed_unsync();
        let response = client.request(Request::from_parts(head, body)).await;
        Ok(response
            .map_err(io::Error::other)?
            .map(|body| body.map_err(io::Error::other).boxed_unsync()))
    }
}

/// Returns the API server's own form of a refusal.
fn status(code: u16, reason: &str, retry_after: Option<u32>) -> Response<Body> {
    let body = serde_json::json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("the fault proxy answers {code}"),
        "reason": reason,
        "code": code,
        "details": {"retryAfterSeconds": retry_after},
    });
    let full = Full::new(Bytes::from(body.to_string()));
    let mut response = Response::new(
        full.map_err(|never: Infallible| match never {})
            .boxed_unsync(),
    );
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    let json = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Passes on so many bytes and then breaks off.
fn cut_after(body: Body, bytes: usize) -> Body {
    let mut left = bytes;
    let frames = BodyStream::new(body).and_then(move |frame| {
        let size = frame.data_ref().map_or(0, Bytes::len);
        let result = if size > left {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            left -= size;
            Ok(frame)
        };
        std::future::ready(result)
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Moves the `Date` header (RFC 9110, section 5.6.7).
fn shift_date(response: &mut Response<Body>, by: SignedDuration) {
    const FORM: &str = "%a, %d %b %Y %H:%M:%S GMT";
    let now = jiff::Timestamp::now();
    let Ok(moved) = now.checked_add(by) else {
        return;
    };
    let text = moved
        .to_zoned(jiff::tz::TimeZone::UTC)
        .strftime(FORM)
        .to_string();
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(DATE, value);
    }
}
