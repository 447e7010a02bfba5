//! A proxy before the API server that counts requests and breaks them on demand.
//!
//! It ends the client's TLS with a certificate of the cluster's own authority and speaks to the
//! API server as its front proxy, so that a client certificate keeps its meaning: the API server
//! sees the user and groups in it, although the connection is the proxy's. A bearer token is
//! passed on as it is. It runs in the test's own process.

mod fault;
mod identity;
mod log;
mod serve;
mod tls;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use fault::{Fault, Match, Rule};
pub use log::Entry;

/// What the proxy needs to stand before an API server; everything PEM.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Address of the API server.
    pub api_server: SocketAddr,
    /// The authority that signs the API server's and the clients' certificates.
    pub ca: String,
    /// The proxy's own certificate for 127.0.0.1.
    pub server_certificate: String,
    /// Its key.
    pub server_key: String,
    /// The certificate that the API server takes for its front proxy's.
    pub front_proxy_certificate: String,
    /// Its key.
    pub front_proxy_key: String,
}

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What requests do and find.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) rules: Vec<Rule>,
    pub(crate) log: Vec<Entry>,
    /// No request is answered any more: the client is as good as dead.
    pub(crate) dead: bool,
    /// Client certificates are not passed on.
    pub(crate) keeps_certificates: bool,
}

impl FaultProxy {
    /// Starts a proxy on a free loopback port.
    ///
    /// # Errors
    ///
    /// When a certificate cannot be read or no port can be had.
    pub fn start(upstream: &Upstream) -> io::Result<Self> {
        let acceptor = tls::acceptor(upstream)?;
        let clients = tls::Clients::new(upstream)?;
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let (ready, bound) = std::sync::mpsc::channel();
        let api_server = upstream.api_server;
        let shared = Arc::clone(&state);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
                    let address = listener
                        .as_ref()
                        .map_err(copy)
                        .and_then(TcpListener::local_addr);
                    // Nobody waits for the address when the test has gone.
                    let _ = ready.send(address);
                    if let Ok(listener) = listener {
                        let proxy = serve::Proxy {
                            acceptor,
                            clients,
                            api_server,
                            state: shared,
                        };
                        tokio::select! {
                            () = proxy.serve(listener) => {}
                            _ = stopped => {}
                        }
                    }
                });
            })?;
        let address = bound.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule; of several that match a request, the first counts.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Keeps client certificates to itself from now on, as gateways do that end TLS: whoever
    /// shows one is nobody to the API server. Tokens go through.
    pub fn keep_certificates(&self) {
        self.lock().keeps_certificates = true;
    }

    /// Forgets every rule and brings a dead client back to life; the log stays.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.rules.clear();
        state.dead = false;
    }

    /// Forgets the log, so that the next request is number 1.
    pub fn forget(&self) {
        self.lock().log.clear();
    }

    /// Returns every request so far, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.clone()
    }

    /// Returns how many requests have come in.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().log.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

#[cfg(test)]
mod tests;
