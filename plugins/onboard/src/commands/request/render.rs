//! What was made, as people and programs read it.

use std::path::PathBuf;

use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use serde::Serialize;

use crate::model::kind::Kind;
use crate::model::signing_request::file_name;
use crate::model::user::UserName;

/// What was made.
#[derive(Debug)]
pub struct Made {
    pub user: UserName,
    pub generation: u32,
    pub key: PathBuf,
    pub request: PathBuf,
    pub fingerprint: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    user: &'a str,
    generation: u32,
    group: String,
    key: String,
    request: String,
    public_key_sha256: &'a str,
}

impl Made {
    pub(super) fn render(&self, output: &OutputArgs) -> Result<String> {
        let body = Body {
            user: self.user.as_str(),
            generation: self.generation,
            group: self.user.generation_group(self.generation),
            key: self.key.display().to_string(),
            request: self.request.display().to_string(),
            public_key_sha256: &self.fingerprint,
        };
        match output.format {
            Format::Json => json(&Document::new(Kind::OnboardRequest, body)),
            Format::Yaml => yaml(&Document::new(Kind::OnboardRequest, body)),
            Format::Name => Ok(format!("{}\n", body.request)),
            Format::Wide => {
                let names = ["USER", "GENERATION", "KEY", "REQUEST", "PUBLIC KEY"];
                let headers = (!output.no_headers).then_some(names.as_slice());
                let mut table = Table::new(headers);
                table.row([
                    body.user,
                    &body.generation.to_string(),
                    &body.key,
                    &body.request,
                    body.public_key_sha256,
                ]);
                Ok(table.render())
            }
            Format::Table => Ok(self.text(&body)),
        }
    }

    fn text(&self, body: &Body<'_>) -> String {
        let user = body.user;
        let csr = file_name(&self.user, self.generation, "csr");
        let crt = self.request.with_extension("crt");
        let crt = crt.display();
        format!(
            "Created a key and a certificate request for {user}, generation {}.\n  \
             key          {}   (0600; it never leaves this machine)\n  \
             request      {}   (contains no secret; send it to an admin of the cluster)\n  \
             public key   SHA256:{}\n\n\
             The admin runs this and sends the certificate back:\n  \
             kubectl onboard {user} --csr-file {csr}\n\
             Then run here:\n  \
             kubectl onboard accept {crt} --merge\n",
            body.generation, body.key, body.request, body.public_key_sha256,
        )
    }
}
