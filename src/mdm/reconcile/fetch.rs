//! What a device fetches because a declaration of its set refers to it.

use crate::error::Result;
use crate::mdm::declarations::library;
use crate::mdm::reconcile::gather::{self, Change, Memo};
use crate::mdm::reconcile::outlook::outlook;
use crate::mdm::{apps, capability};
use crate::store::deployments::Mechanism;
use crate::store::{Tx, devices};

/// Media type and bytes of an asset.
pub type Asset = (String, Vec<u8>);

/// The bytes of the profile with this digest, as the holder of a capability gets it; none when it is not, or not any more, meant for it.
pub fn profile_of(tx: &Tx, capability: &str, digest: &str) -> Result<Option<Vec<u8>>> {
    let Some(enrollment) = capability::holder(tx, capability, capability::PROFILES)? else { return Ok(None) };
    let Some(device) = devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(None) };
    let outlook = outlook(tx, &enrollment, &device, &Change::default(), &mut Memo::default())?;
    let mut declared = outlook.desired.profiles.values().filter(|profile| profile.mechanism == Mechanism::Declaration);
    match declared.find(|profile| profile.piece.digest == digest) {
        Some(profile) => gather::content(tx, &outlook.target, &profile.piece).map(Some),
        None => Ok(None),
    }
}

/// The bytes of an own asset at this address, with their media type; none when they are not, or not any more, declared to the holder of the
/// capability in this version.
pub fn asset_of(tx: &Tx, capability: &str, address: &str) -> Result<Option<Asset>> {
    let Some(enrollment) = capability::holder(tx, capability, capability::PROFILES)? else { return Ok(None) };
    let Some(device) = devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(None) };
    if address.starts_with(apps::orders::ADDRESS) {
        let outlook = outlook(tx, &enrollment, &device, &Change::default(), &mut Memo::default())?;
        let bytes = match apps::configuration_at(&outlook.apps, address) {
            Some(bytes) => Some(bytes),
            None => apps::past_configuration_at(tx, &enrollment, &outlook.target.variables, &outlook.apps, address)?,
        };
        return Ok(bytes.map(|bytes| (apps::orders::CONTENT_TYPE.to_owned(), bytes)));
    }
    let Some((identifier, data)) = library::data_at(tx, address)? else { return Ok(None) };
    let outlook = outlook(tx, &enrollment, &device, &Change::default(), &mut Memo::default())?;
    if outlook.desired.declarations.contains_key(&identifier) {
        library::bytes_of(tx, &data).map(|bytes| Some((data.content_type, bytes)))
    } else {
        Ok(None)
    }
}
