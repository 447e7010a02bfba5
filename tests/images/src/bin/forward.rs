//! Passes TCP connections on: `forward LISTEN-IP:PORT TO-IP:PORT`.
//!
//! Not an image: the sandbox runs it on a real node to make its API server, which listens on
//! loopback only, reachable from pods under the address of the `kubernetes` Service.

use std::env;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let result = match args.as_slice() {
        [listen, to] => address(listen).and_then(|listen| forward(listen, address(to)?)),
        _ => Err(io::Error::other("usage: forward LISTEN-IP:PORT TO-IP:PORT")),
    };
    if let Err(error) = result {
        // Nothing is left to be told when stderr itself is gone.
        let _ = writeln!(io::stderr(), "error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn address(text: &str) -> io::Result<SocketAddr> {
    text.parse()
        .map_err(|_| io::Error::other(format!("not IP:PORT: {text}")))
}

fn forward(listen: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        thread::spawn(move || {
            // A server that refuses is passed on as a connection that closes.
            if let Ok(server) = TcpStream::connect(to) {
                let _ = join(&client, &server);
            }
        });
    }
    Ok(())
}

/// Copies both ways until both have said all they had to say.
fn join(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let (client_in, server_out) = (client.try_clone()?, server.try_clone()?);
    let there = thread::spawn(move || pour(&client_in, &server_out));
    let back = pour(server, client);
    let there = there.join().unwrap_or(Ok(()));
    there.and(back)
}

fn pour(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    // Half a close is passed on as half a close, a broken pipe as a broken pipe.
    let side = if copied.is_ok() {
        Shutdown::Write
    } else {
        Shutdown::Both
    };
    let _ = to.shutdown(side);
    if copied.is_err() {
        let _ = from.shutdown(Shutdown::Both);
    }
    copied.map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_half_closed_connection_still_carries_the_answer_back() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = server.local_addr().unwrap();
        let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = front.local_addr().unwrap();
        let passing = thread::spawn(move || {
            let (client, _) = front.accept().unwrap();
            join(&client, &TcpStream::connect(to).unwrap())
        });
        let answering = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut question = String::new();
            stream.read_to_string(&mut question).unwrap();
            write!(stream, "heard {question}").unwrap();
        });
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "heard hello");
        answering.join().unwrap();
        passing.join().unwrap().unwrap();
    }
}
