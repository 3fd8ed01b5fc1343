//! QR codes as SVG: black on white in light and dark, with the quiet zone that readers need.

use std::fmt::Write as _;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;

/// `text` as a QR code; `says` is what a screen reader hears. Text that no code can hold (over 2,331 bytes) gives nothing.
pub fn qr(text: &str, says: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
        return Markup::default();
    };
    let width = code.width();
    let side = width + 2 * QUIET;
    html! {
        svg.qr viewBox=(format!("0 0 {side} {side}")) shape-rendering="crispEdges" role="img" aria-label=(says) {
            path d=(path(&code.to_colors(), width)) {}
        }
    }
}

/// One stroke per run of dark modules, a third of the size of one per module.
fn path(modules: &[Color], width: usize) -> String {
    let mut d = String::new();
    for (y, row) in modules.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|module| **module == Color::Dark).count();
            if run > 0 {
                // Writing to a String cannot fail.
                let _ = write!(d, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_covers_exactly_the_dark_modules() {
        let text = "https://mdm.example.school:8443/enroll/K7PM-4QXD";
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let dark = code.to_colors().iter().filter(|module| **module == Color::Dark).count();
        let drawn: usize = path(&code.to_colors(), code.width())
            .split('h')
            .skip(1)
            .filter(|part| !part.starts_with('-'))
            .map(|part| part.split('v').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert_eq!(drawn, dark);
    }

    #[test]
    fn text_beyond_a_code_gives_nothing_and_words_are_escaped() {
        assert_eq!(qr(&"x".repeat(3_000), "too long").into_string(), "");
        assert!(qr("x", "<scan>").into_string().contains("aria-label=\"&lt;scan&gt;\""));
    }
}
