//! Ctrl-C, and the request to terminate.

use std::future::Future;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// How long a run has to end by itself after the second signal.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// Tells the plugin that the user pressed Ctrl-C (or the process was asked to terminate).
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Starts to listen; the second value completes at the second signal.
    pub(crate) fn listen() -> (Self, impl Future<Output = ()>) {
        #[cfg(unix)]
        Self::insist();
        let (sender, receiver) = watch::channel(false);
        let (again, second) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            signal().await;
            sender.send_replace(true);
            signal().await;
            // The run is over when nobody listens any more.
            let _ = again.send(());
            sender.closed().await;
        });
        let second = async move {
            if second.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        (Self(receiver), second)
    }

    /// Ends the process at the second signal, should the run not do so by itself: it may wait for a
    /// file or for standard input, or count, and hear nothing.
    #[cfg(unix)]
    fn insist() {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else {
            return;
        };
        std::thread::spawn(move || {
            if let Some(number) = signals.forever().nth(1) {
                std::thread::sleep(PATIENCE);
                std::process::exit(128 + number);
            }
        });
    }

    /// Returns one that never fires, for runs without a terminal such as tests.
    #[must_use]
    pub fn never() -> Self {
        let (sender, receiver) = watch::channel(false);
        drop(sender);
        Self(receiver)
    }

    /// Returns whether it has fired.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends a run between two steps.
    ///
    /// # Errors
    ///
    /// [`Kind::Interrupted`](crate::error::Kind::Interrupted) once it has fired.
    pub fn check(&self) -> Result<()> {
        if self.is_set() {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// Completes when it fires.
    pub async fn fired(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|set| *set).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a future that may be given up at any point, such as reading or waiting.
    ///
    /// # Errors
    ///
    /// [`Kind::Interrupted`](crate::error::Kind::Interrupted) when Ctrl-C comes first, else what the future returns.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.fired() => Err(Error::interrupted()),
            result = work => result,
        }
    }
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system's default ends the process, which is right as well.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[tokio::test]
    async fn an_interrupt_that_never_fires_lets_the_work_finish() {
        let done = Interrupt::never().guard(async { Ok(7) }).await;
        assert_eq!(done.ok(), Some(7));
    }

    #[tokio::test]
    async fn an_interrupt_ends_guarded_work_with_its_own_kind() {
        let (sender, receiver) = watch::channel(false);
        let interrupt = Interrupt(receiver);
        sender.send_replace(true);
        let error = interrupt
            .guard(std::future::pending::<Result<()>>())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}
