//! Which devices a form for several is about.

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;

use super::super::devices::{DevicesQuery, wanted};
use crate::error::{Error, Result};
use crate::http::pages::device::deeds::DeedForm;
use crate::http::pages::devices::CHOSEN_MAX;
use crate::mdm::{Actor, devices};
use crate::store::Tx;
use crate::store::roster::Listed;

/// What a form for several devices sends: which ones, by their boxes or by the filters of the table, and what was typed.
#[derive(Debug, Default)]
pub(in crate::http::pages::handlers) struct Chosen {
    ids: Vec<String>,
    all: bool,
    filter: DevicesQuery,
    /// What was typed.
    pub(in crate::http::pages::handlers) typed: DeedForm,
    /// Whether the question was answered with yes.
    pub(in crate::http::pages::handlers) confirmed: bool,
}

impl Chosen {
    /// Reads it from the pairs of the form.
    pub(in crate::http::pages::handlers) fn read(pairs: Vec<(String, String)>) -> Result<Self> {
        let wrong = |error: serde::de::value::Error| Error::bad_input(error.to_string());
        let strings: std::collections::HashMap<_, _> = pairs.iter().filter(|(key, _)| key != "device").cloned().collect();
        Ok(Self {
            filter: DevicesQuery::deserialize(strings.clone().into_deserializer()).map_err(wrong)?,
            typed: DeedForm::deserialize(strings.clone().into_deserializer()).map_err(wrong)?,
            all: strings.contains_key("all"),
            confirmed: strings.contains_key("confirmed"),
            ids: pairs.into_iter().filter(|(key, _)| key == "device").map(|(_, id)| id).collect(),
        })
    }

    /// What the confirmation carries along.
    pub(in crate::http::pages::handlers) fn hidden(&self) -> Vec<(String, String)> {
        if !self.all {
            return self.ids.iter().map(|id| ("device".to_owned(), id.clone())).collect();
        }
        let filter = &self.filter;
        let pairs = [
            ("all", "1"),
            ("search", &filter.search),
            ("state", &filter.state),
            ("platform", &filter.platform),
            ("group", &filter.group),
            ("hardware", &filter.hardware),
            ("version", &filter.version),
            ("asked", &filter.asked),
            ("answer", &filter.answer),
        ];
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The devices, as they are now.
    pub(in crate::http::pages::handlers) fn devices(&self, tx: &Tx, actor: &Actor) -> Result<Vec<Listed>> {
        let too_many = || Error::bad_input(t!("That is done to at most {CHOSEN_MAX} devices at once; narrow the list first.", CHOSEN_MAX));
        if self.all {
            let found = devices::list(tx, actor, &wanted(&self.filter), None, CHOSEN_MAX as u32 + 1)?;
            return if found.len() > CHOSEN_MAX { Err(too_many()) } else { Ok(found) };
        }
        match self.ids.len() {
            0 => Err(Error::bad_input(t!("No device is chosen. Tick some in the table first."))),
            n if n > CHOSEN_MAX => Err(too_many()),
            _ => self.ids.iter().map(|id| devices::standing(tx, actor, id)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_choice_is_read_with_every_box_and_carried_along() {
        let sent = pairs(&[("search", "cart"), ("device", "1"), ("device", "2"), ("message", "Back to B12"), ("confirmed", "1")]);
        let chosen = Chosen::read(sent).unwrap();
        assert!(chosen.confirmed && !chosen.all);
        assert_eq!((chosen.ids.as_slice(), chosen.typed.message.as_str()), (["1".to_owned(), "2".to_owned()].as_slice(), "Back to B12"));
        assert_eq!(chosen.hidden(), pairs(&[("device", "1"), ("device", "2")]));
    }

    #[test]
    fn all_that_match_are_carried_along_by_the_filter() {
        let kept = [("all", "1"), ("search", "cart"), ("platform", "ios"), ("hardware", "iPad13,18/"), ("version", "18.1")];
        let sent: Vec<_> = [("device", "1"), ("group", "")].into_iter().chain(kept).collect();
        assert_eq!(Chosen::read(pairs(&sent)).unwrap().hidden(), pairs(&kept));
    }
}
