//! EventBridge schedule expressions.

/// The period of a `rate(…)` expression in seconds.
///
/// # Errors
/// Says what is wrong with it, as EventBridge would refuse it; `cron(…)` is not known here.
pub fn period_s(expression: &str) -> Result<u64, String> {
    let known = "known: rate(1 minute), rate(<2 or more> minutes), likewise hour(s) and day(s)";
    let Some(rate) = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) else {
        return Err(format!("unknown schedule `{expression}`; {known}"));
    };
    let (number, unit) = rate.split_once(' ').ok_or_else(|| format!("`{expression}` has no unit; {known}"))?;
    let count: u64 = Some(number)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("`{number}` is no positive whole number; {known}"))?;
    let unit_s = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 3_600,
        ("day", 1) | ("days", 2..) => 86_400,
        _ => {
            return Err(format!(
                "`{unit}` does not go with {count}: EventBridge takes the singular for 1 only; {known}"
            ));
        }
    };
    count.checked_mul(unit_s).ok_or_else(|| format!("`{expression}` is longer than any clock runs"))
}

#[cfg(test)]
mod tests {
    use super::period_s;

    fn check(expression: &str, expect: Option<u64>) {
        assert_eq!(period_s(expression).ok(), expect, "{expression}");
    }

    #[test]
    fn a_rate_is_a_positive_number_with_its_unit() {
        check("rate(1 minute)", Some(60));
        check("rate(5 minutes)", Some(300));
        check("rate(1 hour)", Some(3_600));
        check("rate(2 days)", Some(172_800));
    }

    #[test]
    fn what_eventbridge_refuses_is_refused() {
        for wrong in [
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(2 minute)",
            "rate(-1 minutes)",
            "rate(+5 minutes)",
            "rate(1.5 hours)",
            "rate(30 seconds)",
            "rate(5minutes)",
            "rate(5  minutes)",
            "rate(99999999999999999999 days)",
            "rate(18446744073709551615 days)",
            "rate(1 minute",
            "Rate(1 minute)",
            "cron(0 12 * * ? *)",
            "",
        ] {
            check(wrong, None);
        }
    }
}
