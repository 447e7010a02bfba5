//! What goes wrong, and with which request.

use std::time::Duration;

use http::Method;
use jiff::SignedDuration;

/// A way for a request to go wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The connection ends before the request is sent on: it was never carried out.
    CutBefore,
    /// The request is carried out, and the connection ends before the answer.
    CutAfter,
    /// As [`Fault::CutBefore`], and no later request is answered either: the client has died.
    DieBefore,
    /// As [`Fault::CutAfter`], and no later request is answered either.
    DieAfter,
    /// The proxy answers in the API server's place, with a Kubernetes Status.
    Answer {
        /// HTTP status code.
        code: u16,
        /// Machine-readable reason, such as `TooManyRequests`.
        reason: &'static str,
        /// Seconds in the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The request is sent on after a pause.
    Delay(Duration),
    /// The answer ends after so many bytes of its body: a broken watch.
    CutBody(usize),
    /// The answer's `Date` header is moved: a server whose clock is wrong.
    ShiftDate(SignedDuration),
}

/// Which requests a rule is about; what is not stated matches all.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The request's number in the log, from 1.
    pub index: Option<usize>,
    /// The method.
    pub method: Option<Method>,
    /// A part of path and query.
    pub path: Option<String>,
    /// The request's number among those that write, from 1 (see [`Entry::is_write`]).
    ///
    /// [`Entry::is_write`]: crate::Entry::is_write
    pub write: Option<usize>,
}

impl Match {
    /// Matches request number `index`, counted from 1.
    #[must_use]
    pub fn number(index: usize) -> Self {
        Self {
            index: Some(index),
            ..Self::default()
        }
    }

    /// Matches a method and a part of path and query.
    #[must_use]
    pub fn request(method: Method, path: &str) -> Self {
        Self {
            method: Some(method),
            path: Some(path.to_owned()),
            ..Self::default()
        }
    }

    /// Matches write number `write`, counted from 1: reads, watches and dry runs come in between in
    /// any order.
    #[must_use]
    pub fn write(write: usize) -> Self {
        Self {
            write: Some(write),
            ..Self::default()
        }
    }

    fn matches(&self, index: usize, write: Option<usize>, method: &Method, path: &str) -> bool {
        self.index.is_none_or(|wanted| wanted == index)
            && (self.write.is_none() || self.write == write)
            && self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| path.contains(wanted))
    }
}

/// A fault for some requests.
#[derive(Clone, Debug)]
pub struct Rule {
    on: Match,
    fault: Fault,
    left: usize,
}

impl Rule {
    /// Returns a rule for the first request that matches.
    #[must_use]
    pub fn once(on: Match, fault: Fault) -> Self {
        Self::times(1, on, fault)
    }

    /// Returns a rule for the first `times` requests that match.
    #[must_use]
    pub fn times(times: usize, on: Match, fault: Fault) -> Self {
        Self {
            on,
            fault,
            left: times,
        }
    }

    /// Returns the fault for a request, and counts it as used.
    pub(crate) fn take(
        rules: &mut [Self],
        index: usize,
        write: Option<usize>,
        method: &Method,
        path: &str,
    ) -> Option<Fault> {
        let rule = rules
            .iter_mut()
            .find(|rule| rule.left > 0 && rule.on.matches(index, write, method, path))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_used_up_and_the_next_one_counts() {
        let mut rules = [
            Rule::once(Match::request(Method::GET, "/pods"), Fault::CutBefore),
            Rule::times(2, Match::default(), Fault::CutAfter),
        ];
        let mut take = |index, method, path| Rule::take(&mut rules, index, None, &method, path);
        assert_eq!(take(1, Method::POST, "/api/v1/pods"), Some(Fault::CutAfter));
        assert_eq!(
            take(2, Method::GET, "/api/v1/pods?limit=1"),
            Some(Fault::CutBefore)
        );
        assert_eq!(take(3, Method::GET, "/api/v1/pods"), Some(Fault::CutAfter));
        assert_eq!(take(4, Method::GET, "/api/v1/pods"), None);
    }

    #[test]
    fn a_rule_for_a_write_passes_over_reads() {
        let mut rules = [Rule::once(Match::write(2), Fault::CutBefore)];
        let mut take = |index, write| Rule::take(&mut rules, index, write, &Method::PUT, "/x");
        assert_eq!(take(2, None), None);
        assert_eq!(take(3, Some(1)), None);
        assert_eq!(take(4, Some(2)), Some(Fault::CutBefore));
    }
}
