//! Kubernetes quantities, for comparing what is needed with what is left.

use serde_json::Value;

/// Reads a quantity such as `500m`, `4Gi` or `1e3`; `None` when it is none.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let suffix = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    let (number, scale) = match suffix {
        Some((suffix, scale)) => (text.strip_suffix(suffix)?, *scale),
        None => (text, 1.0),
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

/// Returns how much of a quota's resource one pod of a template takes; `None` for what pods do not
/// take.
#[must_use]
pub fn of_pod(template: &Value, resource: &str) -> Option<f64> {
    let (kind, name) = match resource {
        "pods" | "count/pods" => return Some(1.0),
        "cpu" | "memory" | "ephemeral-storage" => ("requests", resource),
        _ => resource.split_once('.')?,
    };
    if !["requests", "limits"].contains(&kind) || name == "storage" {
        return None;
    }
    let containers = template["spec"]["containers"].as_array()?;
    let each = containers.iter().map(|container| {
        container["resources"][kind][name]
            .as_str()
            .and_then(parse)
            .unwrap_or_default()
    });
    Some(each.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, value) in [
            ("500m", 0.5),
            ("2", 2.0),
            ("1Ki", 1024.0),
            ("1k", 1000.0),
            ("1e3", 1e3),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert_eq!(parse("x"), None);
        assert_eq!(parse(""), None);
    }
}
