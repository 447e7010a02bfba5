//! A selector of `PromQL`: `http_requests_total{code=~"5..", path!="/healthz"}`.

use regex::Regex;

use crate::cluster::signals::text::{Cursor, Point};

/// Which series of a metric are meant.
#[derive(Clone, Debug)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    operator: String,
    value: String,
    /// For the two operators that match; anchored at both ends, as Prometheus does.
    pattern: Option<Regex>,
}

impl Selector {
    /// Reads a selector; `None` when the text is something else, such as an expression.
    ///
    /// # Errors
    ///
    /// That a regular expression is broken.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let mut cursor = Cursor::new(text);
        let mut name = cursor.name().to_owned();
        let Ok(items) = cursor.block(&mut name) else {
            return Ok(None);
        };
        if name.is_empty() || !cursor.rest().is_empty() {
            return Ok(None);
        }
        let matchers = items.into_iter().map(|(label, operator, value)| {
            let pattern = operator
                .ends_with('~')
                .then(|| Regex::new(&format!("^(?s:{value})$")));
            let pattern = pattern
                .transpose()
                .map_err(|_| format!("{label}{operator}\"{value}\" is not a regular expression"))?;
            Ok(Matcher {
                label,
                operator: operator.to_owned(),
                value,
                pattern,
            })
        });
        let matchers = matchers.collect::<Result<_, String>>()?;
        Ok(Some(Self { name, matchers }))
    }

    /// Says whether a line is meant. A label that is missing is empty.
    #[must_use]
    pub fn matches(&self, point: &Point) -> bool {
        let is_meant = |matcher: &Matcher| {
            let label = point.labels.iter().find(|(name, _)| *name == matcher.label);
            let value = label.map_or("", |(_, value)| value);
            let equal = match &matcher.pattern {
                Some(pattern) => pattern.is_match(value),
                None => value == matcher.value,
            };
            equal != matcher.operator.starts_with('!')
        };
        point.name == self.name && self.matchers.iter().all(is_meant)
    }

    /// Adds up what is meant; `None` when there is none.
    #[must_use]
    pub fn sum(&self, points: &[Point]) -> Option<f64> {
        let meant = points.iter().filter(|point| self.matches(point));
        meant
            .map(|point| point.value)
            .reduce(|sum, value| sum + value)
    }

    /// Returns the selector with further matchers, each a text such as `pod=~"web-.*"`.
    #[must_use]
    pub fn with(&self, more: &[String]) -> String {
        let own = self.matchers.iter().map(|matcher| {
            let (label, operator) = (&matcher.label, &matcher.operator);
            format!("{label}{operator}{:?}", matcher.value)
        });
        let all: Vec<String> = own.chain(more.iter().cloned()).collect();
        format!("{}{{{}}}", self.name, all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use crate::cluster::signals::text;

    use super::*;

    const PAGE: &str = "r{code=\"200\"} 90\nr{code=\"500\"} 3\nr{code=\"503\"} 2\nr 5\nrr 1\n";

    fn sum(selector: &str) -> Option<f64> {
        let selector = Selector::parse(selector).unwrap().unwrap();
        selector.sum(&text::parse(PAGE).unwrap())
    }

    #[test]
    fn series_are_chosen_as_prometheus_chooses_them() {
        assert_eq!(sum("r"), Some(100.0));
        assert_eq!(sum(r#"r{code=~"5.."}"#), Some(5.0));
        assert_eq!(sum(r#"r{code=~"5"}"#), None, "anchored");
        assert_eq!(
            sum(r#"r{code!~"5..|200"}"#),
            Some(5.0),
            "no label is an empty one"
        );
        assert_eq!(sum(r#"r{code!="200", code!=""}"#), Some(5.0));
        assert_eq!(sum(r#"r{code="404"}"#), None);
    }

    #[test]
    fn an_expression_is_no_selector_and_a_broken_pattern_is_named() {
        for text in [
            "rate(r[5m])",
            "sum(r)",
            "a + b",
            "r[5m]",
            "",
            "{}",
            "r{code=500}",
        ] {
            assert!(Selector::parse(text).unwrap().is_none(), "{text}");
        }
        let error = Selector::parse(r#"r{code=~"5("}"#).unwrap_err();
        assert!(error.contains("code=~\"5(\""), "{error}");
    }

    #[test]
    fn matchers_are_added_to_those_that_are_there() {
        let selector = Selector::parse(r#"r{path="/a\"b"}"#).unwrap().unwrap();
        let more = [r#"pod=~"web-.*""#.to_owned()];
        assert_eq!(selector.with(&more), r#"r{path="/a\"b",pod=~"web-.*"}"#);
        let plain = Selector::parse("r").unwrap().unwrap();
        assert_eq!(plain.with(&more), r#"r{pod=~"web-.*"}"#);
    }
}
