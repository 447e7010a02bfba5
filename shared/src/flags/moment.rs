//! Moments as people write them: RFC 3339, `18:00`, `fri 18:00`, `tomorrow 9:30`.
//!
//! Reading is apart from resolving: what was typed is checked without a clock, and becomes a
//! moment once the server's time and the user's zone are known.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

const GRAMMAR: &str = "a moment is RFC 3339 such as 2026-11-27T18:00:00Z, or a time of day such as 18:00, \
     fri 18:00 or tomorrow 9:30";

/// A moment as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// RFC 3339, with its own offset.
    Exact(Timestamp),
    /// A time of day in the user's zone, on the next day that fits.
    Next {
        /// Which day; `None` is the next time that the clock shows it.
        day: Option<Day>,
        /// The time on it.
        time: Time,
    },
}

/// Which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// This one.
    Today,
    /// The next one.
    Tomorrow,
    /// The next one of that name, today included while its time is still to come.
    Weekday(Weekday),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // The `T` keeps jiff from reading other forms than RFC 3339's.
        if text.contains('T')
            && let Ok(moment) = text.parse::<Timestamp>()
        {
            return Ok(Self::Exact(moment));
        }
        let mut words = text.split_whitespace();
        let (day, time) = match (words.next(), words.next(), words.next()) {
            (Some(time), None, _) => (None, time),
            (Some(word), Some(time), None) => (Some(day(word).ok_or(GRAMMAR)?), time),
            _ => return Err(GRAMMAR.to_owned()),
        };
        let time = time_of_day(time).ok_or(GRAMMAR)?;
        Ok(Self::Next { day, time })
    }
}

fn day(word: &str) -> Option<Day> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "today" => return Some(Day::Today),
        "tomorrow" => return Some(Day::Tomorrow),
        _ => {}
    }
    let named = |(name, _): &&(&str, Weekday)| {
        *name == word || (word.len() == 3 && name.starts_with(&word))
    };
    NAMES
        .iter()
        .find(named)
        .map(|(_, weekday)| Day::Weekday(*weekday))
}

/// Reads `18:00` and `9:30`; seconds are not for people.
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, length: std::ops::RangeInclusive<usize>| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && length.contains(&text.len())).then(|| text.parse::<i8>().ok())?
    };
    Time::new(number(hour, 1..=2)?, number(minute, 2..=2)?, 0, 0).ok()
}

impl Moment {
    /// Returns the moment that is meant at `now` by somebody in `zone`.
    ///
    /// # Errors
    ///
    /// That the clock shows this time not at all or twice on that day, or that it is over.
    pub fn resolve(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
        let (day, time) = match self {
            Self::Exact(moment) => return Ok(*moment),
            Self::Next { day, time } => (*day, *time),
        };
        let here = now.to_zoned(zone.clone());
        let date = |days: i32| {
            here.date()
                .checked_add(days.days())
                .map_err(|error| error.to_string())
        };
        let at = |days: i32| {
            let civil = date(days)?.to_datetime(time);
            let moment = zone.to_ambiguous_timestamp(civil);
            // One of two moments would be a guess.
            moment.unambiguous().map_err(|_| {
                format!(
                    "on {} the clocks of {} change and show {} not exactly once; \
                     write the moment as RFC 3339",
                    civil.date(),
                    zone_name(&here),
                    time.strftime("%H:%M")
                )
            })
        };
        let moment = match day {
            Some(Day::Today) => at(0)?,
            Some(Day::Tomorrow) => at(1)?,
            None => match at(0) {
                Ok(today) if today > now => today,
                // Today's time is over, or today it does not exist.
                _ if here.time() < time => at(0)?,
                _ => at(1)?,
            },
            Some(Day::Weekday(weekday)) => {
                let days = i32::from(here.weekday().until(weekday));
                let over = days == 0 && here.time() >= time;
                at(if over { 7 } else { days })?
            }
        };
        if moment > now {
            Ok(moment)
        } else {
            Err(format!("today's {} is over", time.strftime("%H:%M")))
        }
    }
}

impl fmt::Display for Moment {
    /// Prints what was meant, in words that can be read back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(moment) => moment.fmt(f),
            Self::Next { day, time } => {
                match day {
                    Some(Day::Today) => f.write_str("today ")?,
                    Some(Day::Tomorrow) => f.write_str("tomorrow ")?,
                    Some(Day::Weekday(weekday)) => {
                        write!(f, "{weekday:?} ")?;
                    }
                    None => {}
                }
                write!(f, "{}", time.strftime("%H:%M"))
            }
        }
    }
}

/// Returns the zone's name, or its offset where it has none.
#[must_use]
pub fn zone_name(here: &Zoned) -> String {
    here.time_zone()
        .iana_name()
        .map_or_else(|| here.offset().to_string(), str::to_owned)
}

/// Shows a moment to people in their own zone, with the zone: `Fri 2026-11-27 18:00 CET`.
#[must_use]
pub fn shown(moment: Timestamp, zone: &TimeZone) -> String {
    moment
        .to_zoned(zone.clone())
        .strftime("%a %Y-%m-%d %H:%M %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        // Central European Time by its rule, so that the test needs no database.
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn resolve(text: &str, now: &str) -> Result<String, String> {
        let now: Timestamp = now.parse().unwrap();
        text.parse::<Moment>()?
            .resolve(now, &berlin())
            .map(|moment| moment.to_string())
    }

    #[test]
    fn rfc_3339_is_taken_as_it_stands() {
        for (text, moment) in [
            ("2026-11-27T18:00:00Z", "2026-11-27T18:00:00Z"),
            ("2026-11-27T18:00:00+01:00", "2026-11-27T17:00:00Z"),
        ] {
            assert_eq!(resolve(text, "2026-11-21T10:00:00Z").unwrap(), moment);
        }
    }

    #[test]
    fn a_time_of_day_is_the_next_one_in_the_users_zone() {
        // Saturday, 11:00 in Berlin.
        let now = "2026-11-21T10:00:00Z";
        for (text, moment) in [
            ("18:00", "2026-11-21T17:00:00Z"),
            ("9:30", "2026-11-22T08:30:00Z"),
            ("11:00", "2026-11-22T10:00:00Z"),
            ("today 18:00", "2026-11-21T17:00:00Z"),
            ("tomorrow 9:30", "2026-11-22T08:30:00Z"),
            ("fri 18:00", "2026-11-27T17:00:00Z"),
            ("Friday 18:00", "2026-11-27T17:00:00Z"),
            ("sat 18:00", "2026-11-21T17:00:00Z"),
            ("sat 10:00", "2026-11-28T09:00:00Z"),
        ] {
            assert_eq!(resolve(text, now).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn a_change_of_the_clocks_in_between_moves_the_moment_and_not_the_clock() {
        // Friday before the clocks go forward on Sunday, 2026-03-29.
        let now = "2026-03-27T10:00:00Z";
        assert_eq!(
            resolve("sat 18:00", now).as_deref(),
            Ok("2026-03-28T17:00:00Z")
        );
        assert_eq!(
            resolve("mon 18:00", now).as_deref(),
            Ok("2026-03-30T16:00:00Z")
        );
    }

    #[test]
    fn a_time_that_the_clocks_skip_or_show_twice_is_refused() {
        let skipped = resolve("sun 2:30", "2026-03-27T10:00:00Z").unwrap_err();
        assert!(skipped.contains("not exactly once"), "{skipped}");
        let twice = resolve("sun 2:30", "2026-10-23T10:00:00Z").unwrap_err();
        assert!(twice.contains("not exactly once"), "{twice}");
    }

    #[test]
    fn what_is_over_is_refused() {
        let over = resolve("today 9:00", "2026-11-21T10:00:00Z").unwrap_err();
        assert_eq!(over, "today's 09:00 is over");
    }

    #[test]
    fn anything_else_is_refused_with_the_grammar() {
        for text in [
            "",
            "8h",
            "18",
            "18:0",
            "25:00",
            "18:60",
            "fr 18:00",
            "fri",
            "fri 18",
            "18:00 fri",
            "2026-11-27",
            "2026-11-27 18:00",
            "2026-11-27T18:00",
            "next fri 18:00",
            "-1:00",
            "+1:00",
        ] {
            let error = text.parse::<Moment>().unwrap_err();
            assert!(error.contains("fri 18:00"), "{text}: {error}");
        }
    }
}
