//! A web server for tests: reports its version, can fail a share of requests, counts its answers.
//!
//! ```text
//! web                  serves HTTP/1.1 on $PORT (default 8080), and gRPC on $GRPC_PORT (9090)
//! web get URL          fetches http://IP:PORT/PATH and prints the body (for `kubectl exec`)
//! web connect IP:PORT  opens and closes a TCP connection
//! ```
//!
//! | request                | answer |
//! |---|---|
//! | `GET /`                | `$VERSION`, a line break, the pod's name; or 500 for `$FAIL_PERCENT` of requests |
//! | `POST /fail?percent=N` | from now on N % of the requests to `/` fail |
//! | `GET /healthz`         | 200, never counted and never failed |
//! | `GET /metrics`         | the answers to `/` by code, in Prometheus' text format |
//!
//! By gRPC there is the health service: `Check` is `SERVING` for the service that is called like
//! `$VERSION`, and `NOT_FOUND` for others.
//!
//! `$EXIT_CODE` makes the program end at once with that code: a crash, or a completed job.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

mod calls;
mod client;
mod http;
mod server;
mod stats;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [] => serve(),
        ["get", url] => client::get(url).and_then(|body| answer(&body)),
        ["connect", address] => client::connect(address).and_then(|()| answer(b"connected\n")),
        _ => Err(io::Error::other(
            "usage: web | web get URL | web connect IP:PORT",
        )),
    };
    result.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::FAILURE
    })
}

fn serve() -> io::Result<ExitCode> {
    let version = env::var("VERSION").unwrap_or_else(|_| String::from("unknown"));
    if let Ok(code) = env::var("EXIT_CODE") {
        let code: u8 = number("EXIT_CODE", &code)?;
        writeln!(
            io::stdout(),
            "web {version} ends with code {code}, as $EXIT_CODE says"
        )?;
        return Ok(ExitCode::from(code));
    }
    let port = env::var("PORT").map_or(Ok(8080), |port| number("PORT", &port))?;
    let percent = env::var("FAIL_PERCENT").map_or(Ok(0), |share| number("FAIL_PERCENT", &share))?;
    let grpc_port = env::var("GRPC_PORT").map_or(Ok(9090), |port| number("GRPC_PORT", &port))?;
    calls::serve(grpc_port, &version)?;
    let pod = env::var("HOSTNAME").unwrap_or_default();
    let state = server::State::new(version, pod, stats::Share::new(percent)?);
    server::run(port, state)?;
    Ok(ExitCode::SUCCESS)
}

fn number<N: std::str::FromStr>(name: &str, text: &str) -> io::Result<N> {
    text.parse()
        .map_err(|_| io::Error::other(format!("${name} is not a number in range: {text}")))
}

fn answer(body: &[u8]) -> io::Result<ExitCode> {
    io::stdout().write_all(body)?;
    Ok(ExitCode::SUCCESS)
}

fn complain(error: &io::Error) {
    // Nothing is left to be told when stderr itself is gone.
    let _ = writeln!(io::stderr(), "error: {error}");
}
