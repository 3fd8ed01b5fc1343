//! Numbers in words, as a person reads them.

use crate::language::counted;

/// A number with thousands set off: `1,240`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `count(1, "device", "devices")` is `1 device`. Where the language has more forms than two, it is the one for the number.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), counted(n, one, many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_off() {
        for (n, text) in [(0, "0"), (7, "7"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(n), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_count_agrees_with_its_noun() {
        assert_eq!(count(1, "device", "devices"), "1 device");
        assert_eq!(count(0, "device", "devices"), "0 devices");
        assert_eq!(count(1_240, "device", "devices"), "1,240 devices");
    }
}
