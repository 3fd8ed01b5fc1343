//! Filters that somebody keeps of the devices table: a click shows one, and what is shown now can be kept or forgotten.

use maud::{Markup, html};

use super::devices::DevicesFilter;
use super::parts::{Button, field, hidden, named, post};
use crate::mdm::saved_filters::{NAME_MAX_CHARS, tidy};
use crate::store::saved_filters::SavedFilter;

/// Where one is kept.
pub const ADDRESS: &str = "/devices/filters";

/// Those that are kept, and what can be done about the one that is in force.
pub(super) fn saved_filters(kept: &[SavedFilter], filter: &DevicesFilter, narrows: bool) -> Markup {
    let query = filter.query();
    let in_force = tidy(&query).ok();
    let current = kept.iter().find(|saved| in_force.as_ref() == Some(&saved.query));
    html! {
        @if !kept.is_empty() {
            nav aria-label=(t!("Saved filters")) {
                ul.chips {
                    @for saved in kept {
                        li {
                            a href={ (t!("/devices?")) (saved.query) } aria-current=[current.filter(|current| current.id == saved.id).map(|_| "true")] {
                                (named(&saved.name))
                            }
                        }
                    }
                }
            }
        }
        @if let Some(current) = current {
            (post(&format!("{ADDRESS}/{}/remove", current.id), html! { (Button::submit(t!("Forget this filter")).small()) }))
        } @else if narrows {
            details {
                summary { (t!("Keep this filter")) }
                (post(ADDRESS, html! {
                    div.form {
                        (hidden(&[("query".to_owned(), query)]))
                        (field("name", t!("Name")).help(&t!("Only you see it, at the top of this list. At most {NAME_MAX_CHARS} letters.", NAME_MAX_CHARS)))
                        div.form-foot { (Button::submit(t!("Keep it"))) }
                    }
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn shown(search: &str) -> String {
        let filter = DevicesFilter { search: search.into(), ..DevicesFilter::default() };
        let kept =
            SavedFilter { id: "0192".into(), name: "<9b>".into(), query: "search=9b".into(), created_at: Timestamp::from_seconds(0) };
        saved_filters(&[kept], &filter, !search.is_empty()).into_string()
    }

    #[test]
    fn the_one_in_force_can_be_forgotten_and_another_can_be_kept() {
        let own = shown("9b");
        assert!(own.contains("aria-current=\"true\">&lt;9b&gt;") && own.contains("/devices/filters/0192/remove"), "{own}");
        let other = shown("9c");
        assert!(other.contains("value=\"search=9c\"") && !other.contains("aria-current"), "{other}");
        let all = shown("");
        assert!(all.contains("href=\"/devices?search=9b\"") && !all.contains("<details"), "{all}");
    }
}
