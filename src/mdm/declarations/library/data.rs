//! The bytes of own assets: uploaded, judged, kept, and given to the devices that are declared them.

use serde_json::{Map, Value, json};

use super::{Standing, bytes, existing, find, payload_of, unknown};
use crate::error::{Error, Kind, Result};
use crate::mdm::wanted::Target;
use crate::mdm::{Actor, Right, assignments};
use crate::pki::{digest, hex};
use crate::protocol::declaration::{AssetType, Fault, find_asset, find_type};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::asset_data::{self, AssetData};
use crate::store::assignments::AssignedKind;
use crate::store::declarations::{self, Declaration};

/// Bytes of one asset.
pub const DATA_MAX_BYTES: usize = 4 << 20;

/// Bytes of all assets together.
pub const DATA_TOTAL_MAX_BYTES: i64 = 512 << 20;

/// Characters of a file's name that are kept.
pub const FILE_NAME_MAX_CHARS: usize = 120;

/// The key that says where a device fetches an asset.
const REFERENCE: &str = "Reference";

/// Its key with the address; without one the file is kept here.
const DATA_URL: &str = "DataURL";

/// Its key with the media type.
const CONTENT_TYPE: &str = "ContentType";

/// What says nothing of bytes.
const VAGUE: [&str; 2] = ["", "application/octet-stream"];

/// Bytes that somebody brings for an asset.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// What they are said to be; the type decides where nothing useful is said.
    pub content_type: String,
    /// What the file is called, for people.
    pub file_name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Gives an asset its bytes, in the place of those before; an address of its own that it names goes. Devices that have it get them.
///
/// # Errors
/// Names `file` or `content_type` when the type of the asset cannot have them, and changes nothing.
pub fn put_data(tx: &Tx, actor: &Actor, id: &str, upload: &Upload) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let declaration = existing(tx, id)?;
    let mut payload = payload_of(tx, &declaration.id)?;
    let declared = declared_content_type(&payload).map(str::to_owned);
    let content_type = judged(&declaration.declaration_type, upload, declared.as_deref())?;
    let data = AssetData {
        declaration_id: declaration.id.clone(),
        content_type,
        file_name: upload.file_name.chars().filter(|letter| !letter.is_control()).take(FILE_NAME_MAX_CHARS).collect(),
        size_bytes: upload.bytes.len() as i64,
        sha256: hex(&digest::sha256(&upload.bytes)),
        changed_at: tx.now,
    };
    let before = asset_data::of_declaration(tx, &declaration.id)?;
    if before.is_some_and(|before| before.sha256 == data.sha256 && before.content_type == data.content_type) {
        return find(tx, actor, &declaration.id);
    }
    if asset_data::bytes_beside(tx, &declaration.id)? + data.size_bytes > DATA_TOTAL_MAX_BYTES {
        let words = t!(
            "The files of all declarations together would be larger than {DATA_TOTAL_MAX_BYTES} bytes. Delete some first.",
            DATA_TOTAL_MAX_BYTES
        );
        return Err(Error::conflict(words));
    }
    match declared {
        // Whoever said what it is finds that again.
        Some(_) => drop(payload.insert(REFERENCE.to_owned(), json!({ CONTENT_TYPE: data.content_type }))),
        None => drop(payload.remove(REFERENCE)),
    }
    let changed = Declaration { revision: declaration.revision + 1, changed_at: tx.now, ..declaration };
    declarations::update(tx, &changed, &bytes(&payload))?;
    asset_data::put(tx, &data, &upload.bytes)?;
    super::note(tx, actor, "declaration.data_changed", &changed)?;
    assignments::changed(tx, AssignedKind::Declaration, &changed.id)?;
    find(tx, actor, &changed.id)
}

/// The media type that a payload says its data has.
pub(super) fn declared_content_type(payload: &Map<String, Value>) -> Option<&str> {
    payload.get(REFERENCE)?.get(CONTENT_TYPE)?.as_str().filter(|said| !said.is_empty())
}

/// The media type under which bytes are served, once they are found good for a type of assets; `declared` counts where nothing useful is said of them.
fn judged(declaration_type: &str, upload: &Upload, declared: Option<&str>) -> Result<String> {
    let Some(known) = find_asset(declaration_type) else {
        return Err(Error::field("file", t!("{declaration_type} has no file; what it says stands in its Payload", declaration_type)));
    };
    if upload.bytes.len() > DATA_MAX_BYTES {
        return Err(Error::new(
            Kind::TooLarge,
            t!("The file is larger than {DATA_MAX_BYTES} bytes, the most that an asset may have.", DATA_MAX_BYTES),
        ));
    }
    let said = upload.content_type.split(';').next().unwrap_or_default().trim();
    let is_vague = VAGUE.iter().any(|vague| vague.eq_ignore_ascii_case(said));
    let said = declared.filter(|_| is_vague).unwrap_or(&upload.content_type);
    let content_type = known.content_type(said, &upload.bytes).map_err(|words| Error::field("content_type", words))?;
    match known.fault(&content_type, &upload.bytes) {
        Some(words) => Err(Error::field("file", words)),
        None => Ok(content_type),
    }
}

/// The bytes of an asset as they were uploaded. They may be a secret: who takes them is written into the audit log.
pub fn data(tx: &Tx, actor: &Actor, id: &str) -> Result<(AssetData, SecretBytes)> {
    actor.require(Right::Configure)?;
    let declaration = existing(tx, id)?;
    let (Some(data), Some(content)) = (asset_data::of_declaration(tx, &declaration.id)?, asset_data::content(tx, &declaration.id)?) else {
        return Err(Error::not_found(t!("No file was uploaded for this declaration.")));
    };
    super::note(tx, actor, "declaration.read", &declaration)?;
    Ok((data, content))
}

/// The asset that an address means: its Identifier, and what its bytes are. None when it has no such bytes, or not any more.
pub fn data_at(tx: &Tx, address: &str) -> Result<Option<(String, AssetData)>> {
    let Some((id, sha256)) = address.split_once('.') else { return Ok(None) };
    let Some(declaration) = declarations::by_id(tx, id)? else { return Ok(None) };
    let data = asset_data::of_declaration(tx, id)?.filter(|data| data.sha256 == sha256);
    Ok(data.map(|data| (declaration.identifier, data)))
}

/// The bytes of an asset that [`data_at`] found.
pub fn bytes_of(tx: &Tx, data: &AssetData) -> Result<Vec<u8>> {
    let content = asset_data::content(tx, &data.declaration_id)?.ok_or_else(unknown)?;
    Ok(content.expose().clone())
}

/// The last part of the address of an asset's bytes: other bytes have another one.
fn address(data: &AssetData) -> String {
    format!("{}.{}", data.declaration_id, data.sha256)
}

/// Whether a type takes its data from a file here when its payload names no address.
pub(super) fn is_kept_here(declaration_type: &str, payload: &Map<String, Value>) -> Option<&'static AssetType> {
    find_asset(declaration_type).filter(|_| payload.get(REFERENCE).is_none_or(|reference| reference.get(DATA_URL).is_none()))
}

/// Says in a payload where the device fetches the bytes that are kept here; or why it cannot, as the end of a sentence about the asset.
///
/// `served_from` is what the addresses of this enrollment begin with: `https://mdm.example.school/ddm/<capability>`.
pub(super) fn refer(
    tx: &Tx,
    target: &Target,
    declaration: &Declaration,
    payload: &mut Map<String, Value>,
    served_from: Option<&str>,
) -> Result<Option<String>> {
    if is_kept_here(&declaration.declaration_type, payload).is_none() {
        return Ok(None);
    }
    let Some(data) = asset_data::of_declaration(tx, &declaration.id)? else {
        return Ok(Some(String::from(t!("its file has not been uploaded yet."))));
    };
    let Some(served_from) = served_from else {
        return Ok(Some(String::from(t!("the device knows this server by no https address, and fetches files by no other."))));
    };
    let reference = json!({
        "DataURL": format!("{served_from}/asset/{}", address(&data)),
        "ContentType": data.content_type,
        "Size": data.size_bytes,
        "Hash-SHA-256": data.sha256,
    });
    payload.insert(REFERENCE.to_owned(), reference);
    payload.insert(String::from("Authentication"), json!({ "Type": "None" }));
    let on = Some((target.capabilities.platform, target.capabilities.os_version));
    let unknown = find_type(&declaration.declaration_type).map(|known| known.findings(payload, on)).unwrap_or_default();
    if unknown.iter().any(|finding| finding.fault == Fault::Unknown && finding.path == "Authentication") {
        // Systems that do not know the key refuse all of it; they show who they are, which nobody asks for here.
        payload.remove("Authentication");
    }
    Ok(None)
}
