//! The colours of `static/app.css` against WCAG AA, in light and dark: a value is adjusted, never the rule.

use std::collections::HashMap;

const STYLE: &str = include_str!("../../../../static/app.css");

/// WCAG 2.2, 1.4.3: text.
const TEXT: f64 = 4.5;
/// WCAG 2.2, 1.4.11: edges of controls, shapes that carry meaning.
const SHAPE: f64 = 3.0;

type Tokens = HashMap<&'static str, [f64; 3]>;

/// The tokens of the `n`th `:root` block that are plain colours.
fn tokens(n: usize) -> Tokens {
    let block = STYLE.split(":root {").nth(n + 1).unwrap().split('}').next().unwrap();
    block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.trim_end_matches(';').split_once(": "))
        .filter_map(|(name, value)| Some((name, channels(value)?)))
        .collect()
}

fn channels(value: &str) -> Option<[f64; 3]> {
    let hex = value.strip_prefix('#').filter(|hex| hex.len() == 6)?;
    let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok().map(|byte| f64::from(byte) / 255.0);
    Some([channel(0)?, channel(2)?, channel(4)?])
}

fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn schemes() -> [(&'static str, Tokens); 2] {
    let light = tokens(0);
    let mut dark = light.clone();
    dark.extend(tokens(1));
    [("light", light), ("dark", dark)]
}

fn check(pairs: &[(&str, &[&str])], least: f64) {
    for (scheme, tokens) in schemes() {
        for (front, grounds) in pairs {
            for ground in *grounds {
                let ratio = contrast(tokens[front], tokens[ground]);
                assert!(ratio >= least, "{scheme}: {front} on {ground} is {ratio:.2}, below {least}");
            }
        }
    }
}

#[test]
fn text_is_readable_wherever_it_stands() {
    const GROUNDS: &[&str] = &["paper", "raised", "sunk", "tint", "waiting-wash", "problem-wash"];
    let on_grounds = ["ink", "quiet", "accent", "accent-deep", "ok", "waiting", "silent", "problem"].map(|front| (front, GROUNDS));
    check(&on_grounds, TEXT);
    check(&[("on-accent", &["accent", "accent-deep"]), ("paper", &["ink"])], TEXT);
}

#[test]
fn edges_and_shapes_stand_out_from_what_is_beside_them() {
    const GROUNDS: &[&str] = &["paper", "raised", "sunk", "tint", "waiting-wash", "problem-wash"];
    check(&[("edge", &["paper", "raised", "sunk", "tint"])], SHAPE);
    check(&["ok", "waiting", "silent", "problem", "accent"].map(|front| (front, GROUNDS)), SHAPE);
}

#[test]
fn colours_are_written_in_the_tokens_only() {
    let rules = STYLE.split("/* Ground").nth(1).unwrap();
    // A QR code is black on white in light and dark, or no camera reads it; the knob of a drawn switch is white on Apple's screens.
    let exceptions = ["background: #ffffff;", "fill: #000000;", "fill: #ffffff;"];
    for line in rules.lines().filter(|line| line.contains(": #") || line.contains("rgb")) {
        assert!(exceptions.iter().any(|allowed| line.contains(allowed)), "a colour outside the tokens: {line}");
    }
}

#[test]
fn every_token_that_is_used_is_defined() {
    for used in STYLE.split("var(--").skip(1) {
        let name = used.split([')', ',']).next().unwrap();
        assert!(STYLE.contains(&format!("--{name}: ")), "--{name} is used but not defined");
    }
}
