//! Shares and numbers of pods as people write them.

/// Shows a percentage with at most one decimal: `8.3 %`, `10 %`.
#[must_use]
pub fn percent(value: f64) -> String {
    let text = format!("{value:.1}");
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// Reads `10%` or `10`; more than 0 and less than 100.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent: f64 = number
        .parse()
        .map_err(|_| "a weight is a share of the pods such as 10%".to_owned())?;
    if percent >= 100.0 {
        return Err("all of it is a promotion:  kubectl rollout-canary promote NAME".to_owned());
    }
    if percent > 0.0 {
        Ok(percent)
    } else {
        Err(
            "a weight is more than 0%; to take a canary back:  kubectl rollout-canary abort NAME"
                .to_owned(),
        )
    }
}

/// Reads `1%` or `1` as the fraction 0.01; more than 0 and less than 100.
///
/// # Errors
///
/// What is wrong with it.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>();
    number
        .ok()
        .filter(|percent| *percent > 0.0 && *percent < 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a share is more than 0% and less than 100%".to_owned())
}

/// A number of pods, absolute or in percent of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surge {
    /// So many.
    Pods(i32),
    /// So many percent, rounded up.
    Percent(i32),
}

impl Surge {
    /// Returns the number of pods.
    #[must_use]
    pub fn pods(self, replicas: i32) -> i32 {
        match self {
            Self::Pods(pods) => pods,
            Self::Percent(percent) => {
                let pods = (i64::from(percent) * i64::from(replicas) + 99) / 100;
                i32::try_from(pods).unwrap_or(i32::MAX)
            }
        }
    }
}

/// Reads `3` or `25%`.
///
/// # Errors
///
/// What is wrong with it.
pub fn surge(text: &str) -> Result<Surge, String> {
    let (number, make): (&str, fn(i32) -> Surge) = match text.strip_suffix('%') {
        Some(number) => (number, Surge::Percent),
        None => (text, Surge::Pods),
    };
    match number.parse() {
        Ok(number @ 1..=10_000) => Ok(make(number)),
        _ => Err("a surge is a number of pods or a percentage, at least 1".to_owned()),
    }
}

/// Weights in ascending order; the last may be 100.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights(pub Vec<f64>);

/// Reads `10,25,50,100`.
///
/// # Errors
///
/// What is wrong with it.
pub fn steps(text: &str) -> Result<Weights, String> {
    let mut steps = Vec::new();
    for part in text.split(',') {
        let part = part.trim();
        let percent = match part.strip_suffix('%').unwrap_or(part) {
            "100" => 100.0,
            _ => parse(part)?,
        };
        if steps.last().is_some_and(|last| *last >= percent) {
            return Err("the weights of a rollout ascend, as in 10,25,50,100".to_owned());
        }
        steps.push(percent);
    }
    if steps == [100.0] {
        return Err("a rollout begins with less than everything, as in 10,100".to_owned());
    }
    Ok(Weights(steps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_more_than_nothing_and_less_than_everything() {
        assert_eq!(parse("10%"), Ok(10.0));
        assert_eq!(parse("2.5"), Ok(2.5));
        for text in ["0", "0%", "-1", "100%", "101", "x", "", "NaN", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_ascend_and_may_end_with_everything() {
        assert_eq!(
            steps("10,25%, 50,100").unwrap().0,
            [10.0, 25.0, 50.0, 100.0]
        );
        assert_eq!(steps("5").unwrap().0, [5.0]);
        for text in ["", "100", "25,10", "10,10", "100,10", "10,,25", "0,10"] {
            assert!(steps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_surge_is_pods_or_percent_rounded_up() {
        assert_eq!(surge("3").map(|surge| surge.pods(10)), Ok(3));
        assert_eq!(surge("25%").map(|surge| surge.pods(10)), Ok(3));
        assert!(surge("0").is_err() && surge("").is_err());
    }
}
