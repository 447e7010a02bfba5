//! The two client modes, for a look around from inside a pod.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a TCP connection to `address` (IP:PORT) and closes it again.
pub(crate) fn connect(address: &str) -> io::Result<()> {
    open(address).map(drop)
}

/// Returns the body of `http://IP:PORT/PATH`; an answer other than 200 is an error.
pub(crate) fn get(url: &str) -> io::Result<Vec<u8>> {
    let (address, path) = split(url)?;
    let mut stream = open(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    body(&answer)
}

fn open(address: &str) -> io::Result<TcpStream> {
    // Addresses only: a static program has no resolver, and the sandbox no cluster DNS.
    let address: SocketAddr = address
        .parse()
        .map_err(|_| io::Error::other(format!("not IP:PORT: {address}")))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn split(url: &str) -> io::Result<(&str, &str)> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| io::Error::other(format!("not an http:// URL: {url}")))?;
    Ok(rest
        .find('/')
        .map_or((rest, "/"), |slash| rest.split_at(slash)))
}

fn body(answer: &[u8]) -> io::Result<Vec<u8>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("the answer has no end of headers"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("the server answered {status}")));
    }
    Ok(answer[end + 4..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_address_and_path() {
        assert_eq!(
            split("http://10.88.0.2:8080/healthz").unwrap(),
            ("10.88.0.2:8080", "/healthz")
        );
        assert_eq!(
            split("http://10.88.0.2:8080").unwrap(),
            ("10.88.0.2:8080", "/")
        );
        assert!(split("https://10.0.0.1/").is_err());
    }

    #[test]
    fn only_a_200_has_a_body() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n1\n").unwrap(), b"1\n");
        let error = body(b"HTTP/1.1 500 Internal Server Error\r\n\r\nno").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server answered HTTP/1.1 500 Internal Server Error"
        );
        assert!(body(b"HTTP/1.1 200 OK\r\n").is_err());
    }
}
