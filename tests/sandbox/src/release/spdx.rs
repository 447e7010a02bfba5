//! The licences of everything inside a program, as an SPDX 2.3 document
//! (<https://spdx.github.io/spdx-spec/v2.3/>).

use serde_json::{Value, json};

use super::packages::{Package, Plugin};

/// Returns the document; the same program gives the same document.
#[must_use]
pub fn document(plugin: &Plugin) -> Value {
    let mut packages = vec![entry(&plugin.package)];
    packages.extend(plugin.dependencies.iter().map(entry));
    let root = id(&plugin.package);
    let mut relations = vec![json!({
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": root,
    })];
    relations.extend(plugin.dependencies.iter().map(|one| {
        json!({
            "spdxElementId": root,
            "relationshipType": "DEPENDS_ON",
            "relatedSpdxElement": id(one),
        })
    }));
    let Package { name, version, .. } = &plugin.package;
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{name}-{version}"),
        "documentNamespace": format!("https://groundcrew.dev/spdx/{name}-{version}"),
        "creationInfo": {
            // A fixed time, or the same program would get another archive on every build.
            "created": "1970-01-01T00:00:00Z",
            "creators": ["Tool: groundcrew-sandbox"],
        },
        "packages": packages,
        "relationships": relations,
    })
}

fn entry(package: &Package) -> Value {
    let Package { name, version, .. } = package;
    // Old crates write `/` where SPDX has `OR`.
    let license = package.license.as_deref().unwrap_or("NOASSERTION");
    let license = license.replace('/', " OR ");
    let mut entry = json!({
        "SPDXID": id(package),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": license,
        "copyrightText": "NOASSERTION",
    });
    if !package.own {
        entry["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": format!("pkg:cargo/{name}@{version}"),
        }]);
    }
    entry
}

/// Letters, digits, `.` and `-` are all that an identifier may have.
fn id(package: &Package) -> String {
    let name = format!("{}-{}", package.name, package.version);
    let fitting = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let name: String = name
        .chars()
        .map(|c| if fitting(c) { c } else { '-' })
        .collect();
    format!("SPDXRef-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, license: &str, own: bool) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0+a".to_owned(),
            license: Some(license.to_owned()),
            own,
        }
    }

    #[test]
    fn every_crate_is_named_with_its_licence() {
        let plugin = Plugin {
            package: package("kubectl-x_y", "Apache-2.0", true),
            dependencies: vec![package("old", "MIT/Apache-2.0", false)],
        };
        let document = document(&plugin);
        let packages = document["packages"].as_array().unwrap();
        assert_eq!(packages[0]["SPDXID"], "SPDXRef-kubectl-x-y-1.0.0-a");
        assert_eq!(packages[1]["licenseDeclared"], "MIT OR Apache-2.0");
        let purl = &packages[1]["externalRefs"][0]["referenceLocator"];
        assert_eq!(purl, "pkg:cargo/old@1.0.0+a");
        assert_eq!(document["relationships"].as_array().unwrap().len(), 2);
    }
}
