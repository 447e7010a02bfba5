//! Plain scalars as Go's reader resolves them.
//!
//! kubectl reads YAML 1.1: `yes`, `on` and `n` are booleans. Source: `resolve.go` of
//! `sigs.k8s.io/yaml/goyaml.v2`.

use serde_json::Number;

use super::tree::Value;

/// Resolves a scalar that was written without quotes and tag.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] if digits.bytes().all(|byte| byte.is_ascii_digit()) => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The parser of integers takes a sign of its own, which does not belong after a prefix.
    if digits.starts_with(|c: char| c.is_ascii_alphanumeric())
        && let Ok(value) = u64::from_str_radix(digits, radix)
    {
        if !negative {
            return Some(value.into());
        }
        if let Some(value) = 0_i64.checked_sub_unsigned(value) {
            return Some(value.into());
        }
    }
    let is_float = plain
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && plain.contains(|c: char| c.is_ascii_digit());
    if is_float {
        Number::from_f64(plain.parse().ok()?)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_yaml_1_1() {
        for word in ["y", "yes", "On", "TRUE"] {
            assert_eq!(resolve(word), Value::Bool(true), "{word}");
        }
        for word in ["n", "no", "off", "False"] {
            assert_eq!(resolve(word), Value::Bool(false), "{word}");
        }
        for word in [
            "yEs",
            "nil",
            "container_t",
            "1.2.3",
            "-",
            ".",
            "v1",
            "0x",
            "1e",
            "--1",
        ] {
            assert_eq!(resolve(word), Value::String(word.to_owned()), "{word}");
        }
    }

    #[test]
    fn numbers_have_the_bases_of_go() {
        for (text, value) in [
            ("0", 0),
            ("010", 8),
            ("0x1F", 31),
            ("0b11", 3),
            ("1_000", 1000),
            ("-5", -5),
            ("+7", 7),
        ] {
            assert_eq!(resolve(text), Value::Number(Number::from(value)), "{text}");
        }
        assert_eq!(
            resolve("1.5"),
            Value::Number(Number::from_f64(1.5).unwrap())
        );
    }
}
