//! Scalars as Go's reader resolves them.
//!
//! kubectl reads YAML 1.1: `yes`, `on` and `n` are booleans. Source: `resolve.go` of
//! `go.yaml.in/yaml/v2`, and `convertToJSONableObject` of `sigs.k8s.io/yaml`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Number;

use crate::manifest::tree::{Node, Value};

/// What `!!` stands for.
pub(super) const PREFIX: &str = "tag:yaml.org,2002:";

/// What Go's reader makes a key of; two keys of different types that are written alike in JSON
/// have no order there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum KeyType {
    String,
    Bool,
    Integer,
    Null,
    Merge,
}

/// Resolves a scalar.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn value(text: String, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    let Some(tag) = tag else {
        return if plain {
            resolve(&text)
        } else {
            Ok(Value::String(text))
        };
    };
    let Some(short) = tag.strip_prefix(PREFIX) else {
        return Ok(Value::String(text));
    };
    let wrong = || format!("a value that is not of its tag !!{short}");
    match short {
        "bool" | "null" | "int" | "float" => {
            let value = resolve(&text)?;
            match (short, &value) {
                ("int", Value::Number(number)) if is_integer(&text) && !number.is_f64() => {
                    Ok(value)
                }
                ("bool", Value::Bool(_)) | ("null", Value::Null) | ("float", Value::Number(_)) => {
                    Ok(value)
                }
                _ => Err(wrong()),
            }
        }
        "binary" => {
            let packed: String = text.split(['\r', '\n']).collect();
            let bytes = STANDARD.decode(packed).map_err(|_| wrong())?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| wrong())
        }
        "timestamp" => Err("a value with the tag !!timestamp".to_owned()),
        _ => Ok(Value::String(text)),
    }
}

/// Returns the type that a key has.
///
/// # Errors
///
/// That it cannot be one.
pub(super) fn key_type(node: &Node) -> Result<KeyType, &'static str> {
    match &node.value {
        Value::String(_) => Ok(KeyType::String),
        Value::Bool(_) => Ok(KeyType::Bool),
        Value::Number(number) if number.is_i64() => Ok(KeyType::Integer),
        Value::Number(_) => Err("a number with a fraction, or a very large one, as a key"),
        Value::Null => Ok(KeyType::Null),
        Value::Sequence(_) | Value::Mapping(_) => Err("a list or a map as a key"),
    }
}

fn resolve(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(format!("{text} is not a number of JSON"));
        }
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    })
}

fn number(text: &str) -> Option<Number> {
    match text.bytes().next()? {
        b'.' => {
            let plain = without_separators(text)?;
            is_float(&plain).then(|| float(&plain)).flatten()
        }
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            integer(&plain)
                .or_else(|| is_float(&plain).then(|| float(&plain)).flatten())
                .or_else(|| binary(&plain))
        }
        _ => None,
    }
}

fn is_integer(text: &str) -> bool {
    integer(&text.replace('_', "")).is_some()
}

/// Go's `strconv.ParseInt` and `ParseUint` with base 0.
fn integer(plain: &str) -> Option<Number> {
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => (Some('-'), &plain[1..]),
        b'+' => (Some('+'), &plain[1..]),
        _ => (None, plain),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The parser of integers takes a sign of its own, which does not belong after a prefix.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(value).map(Number::from),
        Some(_) => i64::try_from(value).ok().map(Number::from),
        None => Some(value.into()),
    }
}

/// `0b` and `-0b` before what has a sign of its own.
fn binary(plain: &str) -> Option<Number> {
    let (text, negative) = match plain.strip_prefix("-0b") {
        Some(digits) => (digits, true),
        None => (plain.strip_prefix("0b")?, false),
    };
    let value = i64::from_str_radix(text, 2).ok()?;
    if negative {
        // Go reads "-" and the digits, and two signs are none.
        return (!text.starts_with(['+', '-'])).then(|| (-value).into());
    }
    Some(value.into())
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_float(plain: &str) -> bool {
    let text = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let good = match number.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(number),
    };
    good && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

fn float(plain: &str) -> Option<Number> {
    whole(plain.parse().ok()?)
}

/// Go writes a float without a fraction as an integer, and reads it back as one.
pub(in crate::manifest) fn whole(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "checked just before")]
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// Go's `strconv.ParseFloat` allows `_` between two digits.
fn without_separators(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let good = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'_')
        .all(|(at, _)| digit(at.checked_sub(1)) && digit(Some(at + 1)));
    good.then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_those_of_yaml_1_1() {
        for (text, expected) in [
            ("017", Some(15.into())),
            ("0o17", Some(15.into())),
            ("0x1F", Some(31.into())),
            ("0b11", Some(3.into())),
            ("1_000", Some(1000.into())),
            ("08", Some(8.into())),
            ("+7", Some(7.into())),
            ("1e3", Some(1000.into())),
            ("18446744073709551615", Some(u64::MAX.into())),
            (".5", Number::from_f64(0.5)),
            ("1.5_0", Number::from_f64(1.5)),
            ("0x", None),
            ("1.2.3", None),
            ("-", None),
            ("1:30", None),
            ("2001-01-01", None),
            ("._5", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!(resolve("on"), Ok(Value::Bool(true)));
        assert_eq!(resolve("N"), Ok(Value::Bool(false)));
        assert!(resolve(".inf").is_err());
        assert_eq!(
            value("5".into(), false, Some("tag:yaml.org,2002:int")),
            Ok(Value::Number(5.into()))
        );
        assert!(value("x".into(), true, Some("tag:yaml.org,2002:int")).is_err());
    }
}
