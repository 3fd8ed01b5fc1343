//! Our own drawings, from the sprite `static/icons.svg`.

use maud::{Markup, html};

use crate::http::assets;

/// A drawing of the sprite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the picture of its name")]
pub enum Icon {
    Logo,
    Today,
    Devices,
    Apps,
    Updates,
    Profiles,
    Groups,
    People,
    System,
    More,
    Search,
    Check,
    Alert,
    Plus,
    Copy,
    Download,
    Upload,
}

impl Icon {
    const fn name(self) -> &'static str {
        match self {
            Self::Logo => "logo",
            Self::Today => "today",
            Self::Devices => "devices",
            Self::Apps => "apps",
            Self::Updates => "updates",
            Self::Profiles => "profiles",
            Self::Groups => "groups",
            Self::People => "people",
            Self::System => "system",
            Self::More => "more",
            Self::Search => "search",
            Self::Check => "check",
            Self::Alert => "alert",
            Self::Plus => "plus",
            Self::Copy => "copy",
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

/// The drawing, 20 pixels wide; always beside its word, so a screen reader skips it.
pub fn icon(icon: Icon) -> Markup {
    html! { svg.icon aria-hidden="true" { use href=(format!("{}#{}", assets::url("icons.svg"), icon.name())) {} } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_is_in_the_sprite() {
        let sprite = include_str!("../../../../static/icons.svg");
        let all = [
            Icon::Logo,
            Icon::Today,
            Icon::Devices,
            Icon::Apps,
            Icon::Updates,
            Icon::Profiles,
            Icon::Groups,
            Icon::People,
            Icon::System,
            Icon::More,
            Icon::Search,
            Icon::Check,
            Icon::Alert,
            Icon::Plus,
            Icon::Copy,
            Icon::Download,
            Icon::Upload,
        ];
        for icon in all {
            assert!(sprite.contains(&format!("<symbol id=\"{}\"", icon.name())), "{icon:?}");
        }
        assert_eq!(sprite.matches("<symbol").count(), all.len());
    }
}
