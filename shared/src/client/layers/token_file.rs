//! A token that lives in a file and is renewed there, as a pod's is.
//!
//! kube sends the file as it is, and a line end in a header is an error; client-go trims it
//! (`cachingTokenSource` and `fileTokenSource` of `k8s.io/client-go/transport/token_source.go`).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use tower::{BoxError, Service};

use crate::error::{Error, Result};
use crate::limits;

/// How long a token is used before the file is read again, as in client-go.
const FRESH: Duration = Duration::from_secs(60);

/// The file, and what was in it.
#[derive(Clone, Debug)]
pub(in crate::client) struct TokenFile {
    path: PathBuf,
    read: Arc<Mutex<(HeaderValue, Instant)>>,
}

impl TokenFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; no error shows what is in it.
    pub(in crate::client) fn open(path: &str) -> Result<Self> {
        let path = PathBuf::from(path);
        let header = header(&path)?;
        Ok(Self {
            path,
            read: Arc::new(Mutex::new((header, Instant::now()))),
        })
    }

    /// Returns the header to send. A file that cannot be read any more leaves the last token in use.
    fn current(&self) -> HeaderValue {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.1.elapsed() >= FRESH {
            if let Ok(header) = header(&self.path) {
                read.0 = header;
            }
            read.1 = Instant::now();
        }
        read.0.clone()
    }
}

fn header(path: &std::path::Path) -> Result<HeaderValue> {
    let shown = path.display();
    let text = limits::text(path, limits::CREDENTIAL).map_err(|error| {
        Error::failed(format!("cannot read token file {shown}")).with_source(error)
    })?;
    let token = text.trim();
    if token.is_empty() {
        return Err(Error::failed(format!(
            "read empty token from file \"{shown}\""
        )));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        Error::failed("invalid header field value for \"Authorization\"").with_detail(format!(
            "the token in {shown} holds a line end or a control character"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends the token of a file with every request, if there is one.
#[derive(Debug)]
pub(super) struct WithToken<S> {
    pub(super) inner: S,
    pub(super) file: Option<TokenFile>,
}

impl<S, B> Service<Request<B>> for WithToken<S>
where
    S: Service<Request<B>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(file) = &self.file {
            request.headers_mut().insert(AUTHORIZATION, file.current());
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_is_trimmed_and_read_again_when_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        let open = || TokenFile::open(path.to_str().unwrap());

        write(" one\r\n\n");
        let file = open().unwrap();
        assert_eq!(file.current(), "Bearer one");
        write("two\n");
        assert_eq!(file.current(), "Bearer one", "it is fresh");
        let old = Instant::now().checked_sub(FRESH).unwrap();
        file.read.lock().unwrap().1 = old;
        assert_eq!(file.current(), "Bearer two");
        std::fs::remove_file(&path).unwrap();
        file.read.lock().unwrap().1 = old;
        assert_eq!(file.current(), "Bearer two", "better than none");

        for (text, error) in [
            (" \n", "read empty token from file"),
            ("hunter2\nx", "invalid header field value"),
        ] {
            write(text);
            let found = open().unwrap_err();
            assert!(found.to_string().contains(error), "{found}");
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
        std::fs::write(&path, vec![b'x'; 2 << 20]).unwrap();
        assert!(format!("{:?}", open().unwrap_err()).contains("larger than 1 MiB"));
    }
}
