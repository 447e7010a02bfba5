//! One request for metrics, whatever the answer is.

use std::time::Duration;

use groundcrew::client::errors::failed;
use groundcrew::finding::reason;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};

/// How long one answer may take: a reading that is late is a reading that failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest page that is read.
const LONGEST: usize = 32 << 20;

/// An answer's status and text, or why there is none.
pub type Answer = std::result::Result<(StatusCode, String), String>;

/// Gets a path and returns whatever the answer is.
pub async fn fetch(client: &kube::Client, path: &str) -> Answer {
    let failed = failed("get", "metrics");
    let request = http::Request::get(path)
        .body(kube::client::Body::empty())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response = client
            .send(request)
            .await
            .map_err(|error| reason(&failed(error)))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| format!("the answer was cut off: {error}"))?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok((status, text))
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {}s", PATIENCE.as_secs())))
}

/// Returns what a refusal says: the API server's message, or the status with the first words.
pub fn refusal(status: StatusCode, body: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let message = document["message"]
        .as_str()
        .filter(|_| document["kind"] == "Status");
    message.map_or_else(
        || {
            let first: String = body
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect();
            format!("answered {status}: {first}")
                .trim_end_matches(": ")
                .to_owned()
        },
        |message| format!("answered {}: {message}", status.as_u16()),
    )
}
