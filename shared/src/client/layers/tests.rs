use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::failure::{Failure, OutcomeUnknown};
use super::retry::{Decision, decide};
use super::*;
use crate::client::fixture::Heard;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_outcome_decides_whether_a_request_is_made_again() {
    use Decision::{GiveUp, Retry};
    let status = |code: u16, wait: Option<u64>| {
        Failure::Status(
            StatusCode::from_u16(code).unwrap(),
            wait.map(Duration::from_secs),
        )
    };
    let refused = Failure::NotSent { transient: true };
    let hopeless = Failure::NotSent { transient: false };
    let millis = |millis| Retry(Duration::from_millis(millis));
    let table = [
        // The server has not begun: any method.
        ("GET", 1, status(429, Some(1)), 0, millis(1000)),
        ("POST", 1, status(429, Some(1)), 0, millis(1000)),
        ("POST", 1, status(503, Some(3)), 0, millis(3000)),
        ("PATCH", 1, status(429, None), 0, millis(500)),
        ("PATCH", 2, status(429, None), 1, millis(1000)),
        ("PATCH", 4, status(429, None), 3, millis(4000)),
        ("GET", 4, status(429, Some(1)), 3, millis(1000)),
        // Five tries, thirty seconds.
        ("GET", 5, status(429, Some(1)), 4, GiveUp),
        ("GET", 2, status(429, Some(10)), 20, millis(10_000)),
        ("GET", 2, status(429, Some(10)), 21, GiveUp),
        ("GET", 1, status(429, Some(3600)), 0, GiveUp),
        // It may have begun: reads only, and only when asked to come back.
        ("GET", 1, status(503, None), 0, GiveUp),
        ("GET", 1, status(500, Some(1)), 0, millis(1000)),
        ("GET", 1, status(500, None), 0, GiveUp),
        ("POST", 1, status(500, Some(1)), 0, GiveUp),
        ("DELETE", 1, status(504, Some(1)), 0, GiveUp),
        ("PUT", 1, status(502, None), 0, GiveUp),
        // An answer is an answer.
        ("GET", 1, status(404, Some(1)), 0, GiveUp),
        ("POST", 1, status(409, None), 0, GiveUp),
        // Nothing was sent.
        ("GET", 1, refused, 0, millis(100)),
        ("GET", 2, refused, 0, millis(400)),
        ("GET", 3, refused, 0, GiveUp),
        ("POST", 1, refused, 0, millis(100)),
        ("POST", 2, refused, 0, GiveUp),
        ("GET", 1, hopeless, 0, GiveUp),
        // Sent, and no answer.
        ("GET", 1, Failure::Lost, 0, millis(100)),
        ("HEAD", 2, Failure::Lost, 0, millis(400)),
        ("GET", 3, Failure::Lost, 0, GiveUp),
        ("POST", 1, Failure::Lost, 0, GiveUp),
        ("PUT", 1, Failure::Lost, 0, GiveUp),
        ("PATCH", 1, Failure::Lost, 0, GiveUp),
        ("DELETE", 1, Failure::Lost, 0, GiveUp),
        ("GET", 1, Failure::TimedOut, 0, GiveUp),
    ];
    for (method, attempt, failure, waited, expected) in table {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder()
            .method(&method)
            .uri("/x")
            .body(())
            .unwrap();
        let reads = retry::is_read(&request);
        let decision = decide(reads, attempt, failure, Duration::from_secs(waited));
        assert_eq!(
            decision, expected,
            "{method} try {attempt}: {failure:?} after {waited} s"
        );
    }
}

#[test]
fn questions_and_dry_runs_may_be_made_again() {
    let reads = |method: &str, uri: &str| {
        retry::is_read(&Request::builder().method(method).uri(uri).body(()).unwrap())
    };
    assert!(reads(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?"
    ));
    assert!(reads(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    ));
    assert!(reads(
        "POST",
        "/api/v1/namespaces/a/pods?fieldManager=x&dryRun=All"
    ));
    assert!(!reads(
        "POST",
        "/api/v1/namespaces/a/pods?fieldManager=dryRun"
    ));
    assert!(!reads(
        "POST",
        "/api/v1/namespaces/a/serviceaccounts/b/token"
    ));
    assert!(!reads(
        "PATCH",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"
    ));
}

/// What a scripted server does with one attempt.
#[derive(Clone)]
enum Act {
    Answer(u16, &'static [(&'static str, &'static str)]),
    Refuse,
    Cut,
    CutInside,
    Hang,
}

type Answer = Response<http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError>>;

fn body(inside: bool) -> http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BoxError> {
    let frames: Vec<Result<_, BoxError>> = if inside {
        vec![Ok("{\"half\"".into()), Err("cut".into())]
    } else {
        vec![Ok("{}".into())]
    };
    let frames = futures::stream::iter(frames).map_ok(http_body::Frame::data);
    BodyExt::boxed_unsync(http_body_util::StreamBody::new(frames))
}

/// Runs one request through the layers around a script; returns the result and the attempts.
struct Run {
    result: Result<StatusCode, BoxError>,
    counters: Counters,
    heard: String,
}

async fn run(method: &str, path: &str, timeout: Option<Duration>, script: &[Act]) -> Run {
    let acts: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(script.iter().cloned().collect()));
    let server = tower::service_fn(move |_: Request<Body>| {
        let act = acts
            .lock()
            .unwrap()
            .pop_front()
            .expect("no more attempts than scripted");
        async move {
            match act {
                Act::Answer(status, headers) => {
                    let mut answer: Answer = Response::new(body(false));
                    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                    for (name, value) in headers {
                        answer.headers_mut().append(*name, value.parse().unwrap());
                    }
                    Ok::<_, BoxError>(answer)
                }
                Act::CutInside => Ok(Response::new(body(true))),
                Act::Refuse => Err(legacy_error(false).await),
                Act::Cut => Err(legacy_error(true).await),
                Act::Hang => std::future::pending().await,
            }
        }
    });
    let heard = Heard::default();
    let counters = Counters::default();
    let place = Place {
        server: "h:1".to_owned(),
        proxy: None,
        timeout,
    };
    let stack = around(server, place, &counters, &heard.ui());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(b"{}".to_vec()))
        .unwrap();
    let result = match stack.oneshot(request).await {
        Ok(response) => {
            let status = response.status();
            response.into_body().collect().await.map(|_| status)
        }
        Err(error) => Err(error),
    };
    Run {
        result,
        counters,
        heard: heard.text(),
    }
}

/// A real error of the real connector: nobody there, or somebody who reads and hangs up.
async fn legacy_error(sent: bool) -> BoxError {
    use tokio::io::AsyncReadExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    if sent {
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 64]).await;
        });
    } else {
        drop(listener);
    }
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Empty<bytes::Bytes>>();
    let uri = format!("http://{address}/").parse().unwrap();
    client.get(uri).await.unwrap_err().into()
}

const OK: Act = Act::Answer(200, &[]);
const BUSY: Act = Act::Answer(429, &[("retry-after", "1")]);

#[tokio::test]
async fn a_read_is_made_again_when_the_connection_is_lost() {
    let run = run("GET", "/api", None, &[Act::Cut, Act::CutInside, OK]).await;
    assert_eq!(run.result.unwrap(), 200);
    assert_eq!(run.counters.requests(), 3);
}

#[tokio::test]
async fn a_write_is_never_repeated_once_it_was_sent() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for act in [Act::Cut, Act::CutInside] {
            let run = run(method, "/api", None, &[act]).await;
            let error = run.result.unwrap_err();
            assert!(
                failure::find::<OutcomeUnknown>(error.as_ref()).is_some(),
                "{error:?}"
            );
            assert!(outcome_unknown(&kube::Error::Service(error)));
            assert_eq!(run.counters.requests(), 1);
        }
    }
}

#[tokio::test]
async fn a_write_that_was_not_sent_is_tried_once_more_and_its_outcome_is_known() {
    let again = run("POST", "/api", None, &[Act::Refuse, OK]).await;
    assert_eq!(again.result.unwrap(), 200);
    let gone = run("POST", "/api", None, &[Act::Refuse, Act::Refuse]).await;
    assert!(!outcome_unknown(&kube::Error::Service(
        gone.result.unwrap_err()
    )));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_takes_too_long_has_an_unknown_outcome() {
    let run = run("PUT", "/api", Some(5 * SECOND), &[Act::Hang]).await;
    let error = run.result.unwrap_err();
    assert!(error.to_string().contains("no answer within 5s"), "{error}");
    assert!(outcome_unknown(&kube::Error::Service(error)));
}

#[tokio::test]
async fn a_watch_that_breaks_is_not_made_again() {
    let run = run("GET", "/api?watch=true", None, &[Act::Cut]).await;
    assert!(run.result.is_err());
    assert_eq!(run.counters.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_waited_for_and_that_is_said_once() {
    let run = run("POST", "/api", None, &[BUSY, BUSY, BUSY, BUSY, OK]).await;
    assert_eq!(run.result.unwrap(), 200);
    assert_eq!(run.counters.requests(), 5);
    assert_eq!(run.heard, "the server is busy (429), retrying in 1s\n");
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_silent() {
    let run = run("GET", "/api", None, &[BUSY, OK]).await;
    assert!(run.result.is_ok());
    assert_eq!(run.heard, "");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_busy_gets_five_tries_and_its_answer_is_the_result() {
    let run = run("GET", "/api", None, &[BUSY, BUSY, BUSY, BUSY, BUSY]).await;
    assert_eq!(run.result.unwrap(), 429);
}

#[tokio::test]
async fn every_warning_is_said_once_and_counted_once() {
    const WARNED: Act = Act::Answer(200, &[("warning", r#"299 - "old API""#)]);
    let heard = Heard::default();
    let printer = warnings::Printer::new(Counters::default(), heard.ui());
    let run = run("GET", "/api", None, &[WARNED]).await;
    assert_eq!(run.heard, "Warning: old API\n");
    assert_eq!(run.counters.warnings(), 1);
    let mut headers = http::HeaderMap::new();
    headers.append("warning", r#"299 - "old API""#.parse().unwrap());
    headers.append("warning", r#"299 - "second""#.parse().unwrap());
    printer.show(&headers);
    printer.clone().show(&headers);
    assert_eq!(heard.text(), "Warning: old API\nWarning: second\n");
}

#[test]
fn answers_that_say_nothing_about_a_write_are_told_apart() {
    let api = |code| {
        kube::Error::Api(Box::new(
            kube::core::Status::failure("m", "r").with_code(code),
        ))
    };
    for code in [500, 502, 504] {
        assert!(outcome_unknown(&api(code)), "{code}");
    }
    for code in [400, 401, 403, 404, 409, 422, 429, 503] {
        assert!(!outcome_unknown(&api(code)), "{code}");
    }
}
