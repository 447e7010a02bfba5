//! Kubernetes quantities, such as `500m` and `4Gi` (`staging/src/k8s.io/apimachinery/pkg/api/
//! resource/quantity.go`), without rounding.

/// Billionths, the finest that a quantity is written in.
const NANO: i128 = 1_000_000_000;

/// Reads a quantity as billionths of its base unit (cores, bytes); `None` when it is not a quantity or too large to compare.
#[must_use]
pub fn nanos(text: &str) -> Option<i128> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (numerator, denominator) = scale(suffix)?;
    let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value = digits.checked_mul(numerator)?.checked_mul(NANO)?;
    let divisor = denominator.checked_mul(places)?;
    // Kubernetes rounds what is finer than a billionth up.
    Some(sign * (value / divisor + i128::from(value % divisor != 0)))
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    const POWERS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let power = |list: [&str; 6]| {
        let at = list.iter().position(|known| *known == suffix)?;
        u32::try_from(at + 1).ok()
    };
    match suffix {
        "" => return Some((1, 1)),
        "m" => return Some((1, 1_000)),
        "u" => return Some((1, 1_000_000)),
        "n" => return Some((1, NANO)),
        _ => {}
    }
    if let Some(power) = power(POWERS) {
        return Some((1_000_i128.pow(power), 1));
    }
    if let Some(power) = power(BINARY) {
        return Some((1_024_i128.pow(power), 1));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    Some(if exponent < 0 { (1, power) } else { (power, 1) })
}

/// Returns how much of `unit` that is, with at most one decimal: `0.1`; `None` when it is no
/// quantity.
#[must_use]
pub fn in_units(text: &str, unit: &str) -> Option<String> {
    let (value, unit) = (nanos(text)?, nanos(&format!("1{unit}"))?);
    // To the nearest tenth, but never down to nothing.
    let tenths = (value.checked_mul(10)? + unit / 2) / unit;
    let tenths = if value > 0 { tenths.max(1) } else { tenths };
    Some(if tenths % 10 == 0 {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    })
}

/// Reads a quantity in its base unit, rounded as a float is; `None` when it is not a quantity.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "for sums and shares, which are estimates"
)]
pub fn parse(text: &str) -> Option<f64> {
    nanos(text).map(|nanos| nanos as f64 / NANO as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_quantity_compares() {
        for (one, other) in [
            ("2", "2000m"),
            ("4Gi", "4096Mi"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("1E", "1000P"),
            (".5", "500m"),
            ("1u", "1000n"),
        ] {
            assert_eq!(nanos(one), nanos(other), "{one} {other}");
            assert!(nanos(one).is_some(), "{one}");
        }
        assert!(nanos("1G") < nanos("1Gi"));
        for bad in ["", ".", "1.2.3", "1X", "Gi", "1e"] {
            assert_eq!(nanos(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_share_is_shown_with_one_decimal_and_never_as_nothing() {
        assert_eq!(in_units("100m", "").unwrap(), "0.1");
        assert_eq!(in_units("1m", "").unwrap(), "0.1");
        assert_eq!(in_units("0", "").unwrap(), "0");
        assert_eq!(in_units("64Mi", "Gi").unwrap(), "0.1");
        assert_eq!(in_units("2", "").unwrap(), "2");
    }
}
