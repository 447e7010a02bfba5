//! The health service of gRPC (`grpc.health.v1`), by which a caller tells which version answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;

/// Serves calls on a thread of its own: `Check` is answered with `SERVING` for the whole server and
/// for the service that is called like the version, and with `NOT_FOUND` for any other.
pub(crate) fn serve(port: u16, version: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let incoming = {
        let _entered = runtime.enter();
        TcpIncoming::bind(address)?
    };
    let version = version.to_owned();
    thread::spawn(move || {
        runtime.block_on(async move {
            let (reporter, health) = tonic_health::server::health_reporter();
            let serving = ServingStatus::Serving;
            reporter.set_service_status(version, serving).await;
            let server = Server::builder().add_service(health);
            if let Err(error) = server.serve_with_incoming(incoming).await {
                crate::complain(&io::Error::other(error));
            }
        });
    });
    Ok(())
}
