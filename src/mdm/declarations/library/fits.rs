//! Whether assets are what the keys of the configurations that name them take, by Apple's schema.

use serde_json::{Map, Value};

use super::data::declared_content_type;
use super::payload_of;
use crate::error::Result;
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::declaration::asset_keys::{self, NamedAsset};
use crate::store::declarations::{self, Declaration};
use crate::store::{Tx, asset_data};

/// What of the assets that a configuration names, or of the way that an asset is named, devices would refuse, in sentences.
pub(super) fn misfits(tx: &Tx, declaration: &Declaration, payload: &Map<String, Value>) -> Result<Vec<String>> {
    let mut told = Vec::new();
    match declaration.kind {
        DeclarationKind::Configuration => {
            for named in asset_keys::named(&declaration.declaration_type, payload) {
                let Some(asset) = declarations::by_identifier(tx, &named.identifier)? else { continue };
                told.extend(misfit(tx, &named, &asset)?.map(|words| {
                    t!("Payload.{path} names “{identifier}”, {words}", path = named.path, identifier = asset.identifier, words)
                }));
            }
        }
        DeclarationKind::Asset => {
            for namer in declarations::naming(tx, &declaration.identifier)? {
                let theirs = asset_keys::named(&namer.declaration_type, &payload_of(tx, &namer.id)?);
                for named in theirs.iter().filter(|named| named.identifier == declaration.identifier) {
                    let words = misfit(tx, named, declaration)?;
                    told.extend(
                        words.map(|words| t!("“{name}” names it in Payload.{path}, {words}", name = namer.name, path = named.path, words)),
                    );
                }
            }
        }
        DeclarationKind::Activation | DeclarationKind::Management => {}
    }
    told.dedup();
    Ok(told)
}

/// Why a key does not take an asset, as the end of a sentence.
fn misfit(tx: &Tx, named: &NamedAsset, asset: &Declaration) -> Result<Option<String>> {
    if asset.kind != DeclarationKind::Asset {
        return Ok(None);
    }
    if !named.key.takes(&asset.declaration_type) {
        let words = t!(
            "which is a {declaration_type}; the key takes {types_in_words}. Devices refuse it.",
            declaration_type = asset.declaration_type,
            types_in_words = named.key.types_in_words()
        );
        return Ok(Some(words));
    }
    let kept = asset_data::of_declaration(tx, &asset.id)?.map(|data| data.content_type);
    let said = match kept {
        Some(kept) => Some(kept),
        None => declared_content_type(&payload_of(tx, &asset.id)?).map(str::to_owned),
    };
    Ok(said.filter(|said| !named.key.takes_data(said)).map(|said| {
        let wanted = named.key.content_types.join(t!(" or "));
        t!("whose data is {said}; the key takes {wanted}. Upload the data once more and say that it is that.", said, wanted)
    }))
}
