//! The numbers of a rolling update, resolved as the controller does it.

use serde_json::Value;

/// How many pods more and how many fewer than asked for there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Steps {
    /// maxSurge in pods.
    pub surge: i32,
    /// maxUnavailable in pods.
    pub unavailable: i32,
}

/// Resolves a strategy for a number of replicas (`ResolveFenceposts`): a percentage of surge is
/// rounded up, one of unavailable down, and when both are zero one may be unavailable.
///
/// `None` for another strategy than RollingUpdate.
#[must_use]
pub fn resolve(strategy: &Value, replicas: i32) -> Option<Steps> {
    // The API server fills in `type`; an empty strategy is RollingUpdate all the same.
    if strategy["type"]
        .as_str()
        .is_some_and(|kind| kind != "RollingUpdate")
    {
        return None;
    }
    let rolling = &strategy["rollingUpdate"];
    let surge = scaled(&rolling["maxSurge"], replicas, true);
    let unavailable = scaled(&rolling["maxUnavailable"], replicas, false);
    let unavailable = if surge == 0 && unavailable == 0 {
        1
    } else {
        unavailable
    };
    Some(Steps { surge, unavailable })
}

/// `GetScaledValueFromIntOrPercent`; the API's default is 25 %.
fn scaled(value: &Value, replicas: i32, up: bool) -> i32 {
    if let Some(number) = value.as_i64() {
        return i32::try_from(number).unwrap_or(i32::MAX);
    }
    let percent = value
        .as_str()
        .and_then(|text| text.strip_suffix('%'))
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(25);
    let product = percent * i64::from(replicas);
    let pods = if up {
        (product + 99).div_euclid(100)
    } else {
        product.div_euclid(100)
    };
    i32::try_from(pods).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn surge_is_rounded_up_and_unavailable_down() {
        let strategy = json!({"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        for (replicas, surge, unavailable) in
            [(1, 1, 0), (3, 1, 0), (4, 1, 1), (10, 3, 2), (23, 6, 5)]
        {
            let steps = Steps { surge, unavailable };
            assert_eq!(resolve(&strategy, replicas), Some(steps), "{replicas}");
        }
    }

    #[test]
    fn two_zeros_let_one_be_unavailable() {
        let strategy = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "1%"}});
        let steps = resolve(&strategy, 10);
        assert_eq!(
            steps,
            Some(Steps {
                surge: 0,
                unavailable: 1
            })
        );
        assert_eq!(resolve(&json!({"type": "Recreate"}), 10), None);
    }
}
