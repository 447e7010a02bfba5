//! As much of HTTP/1.1 as the server speaks: requests with an optional counted body, kept-alive
//! connections.

use std::io::{self, BufRead, Read, Write};

/// Most bytes of a request line with its headers; what is longer is refused.
const HEAD_LIMIT: u64 = 16 * 1024;

/// Most bytes of a body, which is read only to get past it.
const BODY_LIMIT: u64 = 64 * 1024;

/// What the server needs to know of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, `POST`, …
    pub(crate) method: String,
    /// Path without the query.
    pub(crate) path: String,
    /// What follows `?`, or nothing.
    pub(crate) query: String,
    /// Whether the client wants another request on this connection.
    pub(crate) keep_alive: bool,
}

/// Reads the next request; `None` when the client has closed the connection between requests.
pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = input.by_ref().take(HEAD_LIMIT);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), Some(protocol)) = (words.next(), words.next(), words.next())
    else {
        return Err(io::Error::other("not an HTTP request"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        keep_alive: protocol == "HTTP/1.1",
    };
    let mut length = 0;
    loop {
        let mut header = String::new();
        head.read_line(&mut header)?;
        if !header.ends_with('\n') {
            return Err(io::Error::other("the headers are cut off or too long"));
        }
        let header = header.trim_end();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .parse()
                .map_err(|_| io::Error::other("bad Content-Length"))?;
        } else if name.eq_ignore_ascii_case("connection") {
            request.keep_alive = !value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(io::Error::other("only counted bodies are read"));
        }
    }
    if length > BODY_LIMIT {
        return Err(io::Error::other("the body is too long"));
    }
    io::copy(&mut input.by_ref().take(length), &mut io::sink())?;
    Ok(Some(request))
}

/// Writes a whole answer in one go.
pub(crate) fn write(
    output: &mut impl Write,
    code: u16,
    content_type: &str,
    body: &str,
    keep_alive: bool,
) -> io::Result<()> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let reason = match code {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        _ => "Internal Server Error",
    };
    let answer = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: {connection}\r\n\r\n{body}",
        body.len()
    );
    output.write_all(answer.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> io::Result<Option<Request>> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn a_request_is_split_into_method_path_and_query() {
        let request = parse("POST /fail?percent=30 HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(
            request,
            Request {
                method: "POST".into(),
                path: "/fail".into(),
                query: "percent=30".into(),
                keep_alive: true
            }
        );
    }

    #[test]
    fn a_body_is_skipped_so_that_the_next_request_is_found() {
        let two = "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzGET /b HTTP/1.1\r\n\r\n";
        let mut input = two.as_bytes();
        assert_eq!(read(&mut input).unwrap().unwrap().path, "/a");
        assert_eq!(read(&mut input).unwrap().unwrap().path, "/b");
        assert!(read(&mut input).unwrap().is_none());
    }

    #[test]
    fn close_and_http_1_0_end_the_connection() {
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
        let close = "GET / HTTP/1.1\r\nconnection: Close\r\n\r\n";
        assert!(!parse(close).unwrap().unwrap().keep_alive);
    }

    #[test]
    fn endless_headers_and_chunked_bodies_are_refused() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
        assert!(parse(&long).is_err());
        assert!(parse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(parse("GET / HTTP/1.1\r\nHost: x\r\n").is_err());
    }
}
