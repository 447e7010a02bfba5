//! Durations as Go and kubectl write them: `1h30m`, `90s`, `250ms`; also `30d` and `2w`.
//!
//! No crate reads exactly this: humantime has no fractions and reads `1M` as a month, jiff's
//! friendly format refuses days without a calendar and takes many spellings that kubectl refuses.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Go's `time.Duration` counts nanoseconds in 63 bits; a longer one could not be sent anywhere.
const LONGEST: u64 = i64::MAX as u64;

const GRAMMAR: &str = "a duration is numbers with units, such as 90s, 1h30m or 30d \
                       (units: ms, s, m, h, d, w)";

const UNITS: [(&str, u128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// A length of time that reads `1h30m` and prints as kubectl prints ages.
///
/// Printing rounds down as kubectl does (`30d`, `7h59m`), so it is for people; what was typed may
/// have been more precise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "0" {
            return Ok(Self::default());
        }
        if let Some(rest) = text.strip_prefix('-')
            && nanoseconds(rest).is_some()
        {
            return Err(format!("a duration cannot be negative; {GRAMMAR}"));
        }
        let total = nanoseconds(text.strip_prefix('+').unwrap_or(text)).ok_or(GRAMMAR)?;
        match u64::try_from(total) {
            Ok(nanos) if nanos <= LONGEST => Ok(Self(Duration::from_nanos(nanos))),
            _ => Err("a duration cannot be longer than 292 years".to_owned()),
        }
    }
}

/// Reads one or more `number unit` pairs; `None` when the text is anything else.
fn nanoseconds(mut text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    loop {
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(number_end);
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.saturating_add(scaled(number, scale)?);
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
    }
}

/// Multiplies a decimal such as `1.5` by `scale`, rounding down to whole nanoseconds.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    // Too many digits overflow; saturating keeps "too long" apart from "not a duration".
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().unwrap_or(u128::MAX)
    };
    let mut total = whole.saturating_mul(scale);
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.saturating_add(u128::from(digit - b'0') * place);
    }
    Some(total)
}

impl fmt::Display for Span {
    /// Prints what `kubectl get` shows as an age (apimachinery's `HumanDuration`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds == 0 && !self.0.is_zero() {
            return write!(f, "{}ms", self.0.as_millis());
        }
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        let years = days / 365;
        let two = |f: &mut fmt::Formatter<'_>, big: u64, big_unit, small: u64, small_unit| {
            if small == 0 {
                write!(f, "{big}{big_unit}")
            } else {
                write!(f, "{big}{big_unit}{small}{small_unit}")
            }
        };
        match () {
            () if minutes < 2 => write!(f, "{seconds}s"),
            () if minutes < 10 => two(f, minutes, 'm', seconds % 60, 's'),
            () if hours < 3 => write!(f, "{minutes}m"),
            () if hours < 8 => two(f, hours, 'h', minutes % 60, 'm'),
            () if hours < 48 => write!(f, "{hours}h"),
            () if days < 8 => two(f, days, 'd', hours % 24, 'h'),
            () if years < 2 => write!(f, "{days}d"),
            () if years < 8 => two(f, years, 'y', days % 365, 'd'),
            () => write!(f, "{years}y"),
        }
    }
}

/// Reads a duration that has to be longer than zero, for clap's `value_parser`.
///
/// # Errors
///
/// The grammar, when the text is not a duration; that zero is refused.
pub fn positive(text: &str) -> Result<Span, String> {
    match text.parse()? {
        Span(Duration::ZERO) => Err(format!("a duration of zero is refused here; {GRAMMAR}")),
        span => Ok(span),
    }
}

/// Reads `--request-timeout` as kubectl does: plain seconds or a duration; `0` is no limit.
///
/// # Errors
///
/// The grammar, when the text is neither.
pub fn timeout(text: &str) -> Result<Span, String> {
    let unit = if text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0" {
        "s"
    } else {
        ""
    };
    format!("{text}{unit}").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Duration> {
        text.parse::<Span>().ok().map(|span| span.0)
    }

    #[test]
    fn reads_what_go_reads_and_days_and_weeks() {
        let table = [
            ("0", 0),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1000),
            ("+2m", 120_000),
            ("1m1ms", 60_001),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
            ("0s", 0),
        ];
        for (text, millis) in table {
            assert_eq!(read(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses_and_names_the_grammar() {
        for text in [
            "", "30", "s", "1", ".s", "1 h", "1h 30m", "1H", "1M", "1h30", "1..5s", "1y", "x",
        ] {
            let error = text.parse::<Span>().unwrap_err();
            assert!(error.contains("1h30m"), "{text}: {error}");
        }
    }

    #[test]
    fn refuses_negative_and_endless_durations() {
        assert!("-5m".parse::<Span>().unwrap_err().contains("negative"));
        for text in ["99999999w", "99999999999999999999999999999999999999999999h"] {
            assert!(
                text.parse::<Span>().unwrap_err().contains("292 years"),
                "{text}"
            );
        }
    }

    #[test]
    fn zero_is_refused_only_where_asked_for() {
        assert!(positive("0s").unwrap_err().contains("zero"));
        assert!(positive("1ns").is_ok());
        assert_eq!(timeout("0"), Ok(Span::default()));
    }

    #[test]
    fn a_request_timeout_may_be_plain_seconds() {
        assert_eq!(timeout("30"), Ok(Span(Duration::from_secs(30))));
        assert_eq!(timeout("1m"), Ok(Span(Duration::from_secs(60))));
        assert!(timeout("").is_err());
        assert!(timeout("-1").is_err());
    }

    #[test]
    fn prints_as_kubectl_prints_ages() {
        let table = [
            ("0", "0s"),
            ("250ms", "250ms"),
            ("119s", "119s"),
            ("121s", "2m1s"),
            ("2m", "2m"),
            ("10m30s", "10m"),
            ("179m", "179m"),
            ("3h", "3h"),
            ("7h59m59s", "7h59m"),
            ("47h", "47h"),
            ("48h", "2d"),
            ("7d23h", "7d23h"),
            ("30d", "30d"),
            ("729d", "729d"),
            ("730d", "2y"),
            ("800d", "2y70d"),
            ("3000d", "8y"),
        ];
        for (text, printed) in table {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), printed, "{text}");
        }
    }
}
