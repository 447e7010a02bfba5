//! One attempt of a request, from its first byte to the last of its answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Either, Full};
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::counters::{Counters, Place};
use super::failure::{AnswerTooLarge, BodyLost, Failed, TimedOut};
use super::{trace, warnings};
use crate::limits;
use crate::ui::Ui;

/// An answer that is here in full, or a stream such as a watch.
pub(super) type Settled<B> = Either<Full<Bytes>, B>;

/// Counts, traces and limits one attempt, and shows the server's warnings.
///
/// An answer is read to its end before it counts as one: a connection that breaks inside of a
/// list is then a lost request like any other, which can be made again, and the timeout covers
/// the whole answer as kubectl's does. Streams are handed on as they come.
#[derive(Debug)]
pub(super) struct Attempt<S> {
    inner: S,
    place: Place,
    counters: Counters,
    warnings: warnings::Printer,
}

impl<S> Attempt<S> {
    pub(super) fn new(inner: S, place: Place, counters: Counters, ui: Ui) -> Self {
        let warnings = warnings::Printer::new(counters.clone(), ui);
        Self {
            inner,
            place,
            counters,
            warnings,
        }
    }
}

impl<S, B> Service<Request<Body>> for Attempt<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    type Response = Response<Settled<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.counters.count_request();
        let streams = is_stream(&request);
        let line = trace::Line::of(&request);
        let started = Instant::now();
        let warnings = self.warnings.clone();
        let counters = self.counters.clone();
        let answer = self.inner.call(request);
        let answer = async move {
            let response = answer.await?;
            warnings.show(response.headers());
            if streams {
                Ok(response.map(Either::Right))
            } else {
                complete(response, &counters).await
            }
        };
        let place = self.place.clone();
        Box::pin(async move {
            let result = match place.timeout {
                None => answer.await,
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .unwrap_or_else(|_| Err(Box::new(TimedOut(limit)))),
            };
            line.log(&result, started.elapsed());
            result.map_err(|cause| {
                let Place { server, proxy, .. } = place;
                Box::new(Failed {
                    server,
                    proxy,
                    cause,
                }) as BoxError
            })
        })
    }
}

/// Reads an answer to its end. The limit is one for all answers that are being read, because a
/// command asks several questions at once.
async fn complete<B>(
    response: Response<B>,
    counters: &Counters,
) -> Result<Response<Settled<B>>, BoxError>
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Unpin,
{
    let (parts, mut body) = response.into_parts();
    let mut reading = counters.reading();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(BodyLost)?.into_data() {
            if reading.add(data.len()) > limits::ANSWER {
                return Err(Box::new(AnswerTooLarge));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Response::from_parts(
        parts,
        Either::Left(Full::new(bytes.freeze())),
    ))
}

/// Says whether the answer goes on for as long as there is news: a watch, a followed log, or
/// another protocol altogether.
pub(super) fn is_stream<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let asks = |key: &str| {
        query.split('&').any(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
            name == key && matches!(value, "true" | "1" | "t" | "T" | "TRUE" | "True")
        })
    };
    request.headers().contains_key(header::UPGRADE) || asks("watch") || asks("follow")
}
