//! How much is read of what others wrote, so that an endless file or answer ends in an error and
//! not in all the memory of a machine.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// A token, a key, or what a credential plugin prints, in bytes: a thousand times what they have.
pub const CREDENTIAL: u64 = 1 << 20;

/// A kubeconfig, a bundle of certificate authorities, or a profile, in bytes.
pub const CONFIGURATION: u64 = 16 << 20;

/// A file of manifests, or a snapshot of a cluster, in bytes.
pub const MANIFESTS: u64 = 128 << 20;

/// One answer of the API server, unpacked, in bytes. A page of a list has 500 objects.
pub const ANSWER: u64 = 128 << 20;

/// Reads a file that has at most `limit` bytes.
///
/// # Errors
///
/// What the system says, or [`ErrorKind::FileTooLarge`] with the limit in words.
pub fn file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    // Without this a file of many gigabytes would be read up to the limit first.
    if file.metadata().is_ok_and(|metadata| metadata.len() > limit) {
        return Err(too_large(limit));
    }
    read(file, limit)
}

/// Reads a text file that has at most `limit` bytes.
///
/// # Errors
///
/// As [`file()`], or [`ErrorKind::InvalidData`] for what is not UTF-8.
pub fn text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(file(path, limit)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Reads a stream to its end, which has to come within `limit` bytes.
///
/// # Errors
///
/// As [`file()`].
pub fn read(stream: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// Returns the error that names the limit.
#[must_use]
pub fn too_large(limit: u64) -> io::Error {
    let text = format!("it is larger than {} MiB, the limit", limit >> 20);
    io::Error::new(ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_large_as_the_limit_is_read_and_one_byte_more_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        for (size, fits) in [(0, true), (1 << 20, true), ((1 << 20) + 1, false)] {
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            let from_stream = read(io::repeat(b'x').take(size as u64), 1 << 20);
            for found in [file(&path, 1 << 20), from_stream] {
                match found {
                    Ok(bytes) => assert!(fits && bytes.len() == size, "{size}"),
                    Err(error) => {
                        assert!(!fits, "{size}");
                        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
                        assert_eq!(error.to_string(), "it is larger than 1 MiB, the limit");
                    }
                }
            }
        }
    }

    #[test]
    fn what_never_ends_is_an_error() {
        assert!(read(io::repeat(0), 1 << 20).is_err());
    }
}
