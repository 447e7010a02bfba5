//! What came through.

use crate::fault::Fault;

/// One request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 1.
    pub index: usize,
    /// The method.
    pub method: String,
    /// The path without query.
    pub path: String,
    /// The query without `?`; empty when there is none.
    pub query: String,
    /// The client's User-Agent.
    pub user_agent: String,
    /// The user in the client's certificate; `None` for a token or nobody.
    pub user: Option<String>,
    /// The answer's status; `None` when the client got none.
    pub status: Option<u16>,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Entry {
    /// Returns whether the request asks for a change that is kept. Reviews are questions although
    /// they are posted.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let review = self.path.contains("/authorization.k8s.io/")
            || self.path.contains("/authentication.k8s.io/");
        self.method != "GET" && !review && !self.query.contains("dryRun=All")
    }
}
