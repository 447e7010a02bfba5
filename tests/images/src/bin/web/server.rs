//! Accepts connections and answers requests, one thread per connection.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{self, Request};
use crate::stats::{Counts, Share};

/// How long requests under way may take once the program was told to end.
const DRAIN: Duration = Duration::from_secs(2);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct State {
    version: String,
    pod: String,
    share: Share,
    counts: Counts,
    under_way: AtomicUsize,
}

impl State {
    pub(crate) fn new(version: String, pod: String, share: Share) -> Self {
        Self {
            version,
            pod,
            share,
            counts: Counts::default(),
            under_way: AtomicUsize::new(0),
        }
    }
}

/// Serves until SIGTERM or SIGINT, then lets requests under way finish.
pub(crate) fn run(port: u16, state: State) -> io::Result<()> {
    // Before the first answer: as pid 1 a program without handlers is deaf to SIGTERM.
    let signals = signals()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    log(&format!(
        "web {} listening on {}",
        state.version,
        listener.local_addr()?
    ));
    let state = Arc::new(state);
    let accepting = Arc::clone(&state);
    thread::spawn(move || accept(&listener, &accepting));
    wait_for_end(signals);
    log("web ends: was told to");
    let deadline = Instant::now() + DRAIN;
    while state.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[cfg(unix)]
fn signals() -> io::Result<signal_hook::iterator::Signals> {
    signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT])
}

#[cfg(unix)]
fn wait_for_end(mut signals: signal_hook::iterator::Signals) {
    signals.forever().next();
}

#[cfg(not(unix))]
fn signals() -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn wait_for_end((): ()) {
    loop {
        thread::park();
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        thread::spawn(move || {
            if let Err(error) = converse(&stream, &state) {
                log(&format!("connection dropped: {error}"));
            }
        });
    }
}

fn converse(stream: &TcpStream, state: &State) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut output = stream;
    while let Some(request) = http::read(&mut input)? {
        state.under_way.fetch_add(1, Ordering::SeqCst);
        let (code, content_type, body) = respond(&request, state);
        let written = http::write(&mut output, code, content_type, &body, request.keep_alive);
        state.under_way.fetch_sub(1, Ordering::SeqCst);
        written?;
        if request.path != "/healthz" {
            log(&format!("{} {} {code}", request.method, request.path));
        }
        if !request.keep_alive {
            break;
        }
    }
    Ok(())
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn respond(request: &Request, state: &State) -> (u16, &'static str, String) {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => {
            let failed = state.share.next_fails();
            let code = if failed { 500 } else { 200 };
            state.counts.count(code);
            (code, TEXT, format!("{}\n{}\n", state.version, state.pod))
        }
        ("GET", "/healthz") => (200, TEXT, String::from("ok\n")),
        ("GET", "/metrics") => (200, METRICS, state.counts.render(&state.version)),
        ("POST", "/fail") => match set_share(&request.query, &state.share) {
            Ok(percent) => (
                200,
                TEXT,
                format!("{percent} % of the requests fail from now on\n"),
            ),
            Err(error) => (400, TEXT, format!("{error}\n")),
        },
        _ => (404, TEXT, String::from("not found\n")),
    }
}

fn set_share(query: &str, share: &Share) -> io::Result<u64> {
    let percent = query
        .strip_prefix("percent=")
        .and_then(|text| text.parse().ok());
    let percent = percent.ok_or_else(|| io::Error::other("want /fail?percent=0..100"))?;
    share.set(percent)?;
    Ok(percent)
}

fn log(line: &str) {
    // A server whose log nobody reads any more goes on serving.
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(percent: u64) -> State {
        State::new("2".into(), "web-1".into(), Share::new(percent).unwrap())
    }

    fn request(method: &str, path: &str, query: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            keep_alive: false,
        }
    }

    #[test]
    fn the_root_answers_version_and_pod() {
        let (code, _, body) = respond(&request("GET", "/", ""), &state(0));
        assert_eq!((code, body.as_str()), (200, "2\nweb-1\n"));
    }

    #[test]
    fn the_share_can_be_changed_while_running() {
        let state = state(0);
        assert_eq!(
            respond(&request("POST", "/fail", "percent=100"), &state).0,
            200
        );
        assert_eq!(respond(&request("GET", "/", ""), &state).0, 500);
        assert_eq!(
            respond(&request("POST", "/fail", "percent=130"), &state).0,
            400
        );
        assert_eq!(respond(&request("GET", "/", ""), &state).0, 500);
    }

    #[test]
    fn health_neither_fails_nor_counts() {
        let state = state(100);
        assert_eq!(respond(&request("GET", "/healthz", ""), &state).0, 200);
        let metrics = respond(&request("GET", "/metrics", ""), &state).2;
        assert!(
            metrics.contains("code=\"200\",version=\"2\"} 0\n"),
            "{metrics}"
        );
        assert!(
            metrics.contains("code=\"500\",version=\"2\"} 0\n"),
            "{metrics}"
        );
    }

    #[test]
    fn an_unknown_path_is_not_found() {
        assert_eq!(respond(&request("GET", "/nothing", ""), &state(0)).0, 404);
        assert_eq!(respond(&request("DELETE", "/", ""), &state(0)).0, 404);
    }
}
