//! Rosters as they are sent, by scripts and by the page alike: files of a form, read off the request's path and shown.

use axum::extract::Multipart;
use axum::http::StatusCode;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::limits::ROSTER_MAX_BYTES;
use crate::mdm::Actor;
use crate::mdm::people::import::{self, Preview};
use crate::protocol::roster::{self, FILES_MAX, File};

/// The field of the form that has the files.
pub const FILES: &str = "files";

/// Reads the files of a form.
pub async fn read(mut sent: Multipart) -> Result<Vec<File>> {
    let broken = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let words = t!(
                "The files are larger than {roster_max_bytes} MiB together, which is the most that is taken. A ZIP archive of them is smaller.",
                roster_max_bytes = ROSTER_MAX_BYTES >> 20
            );
            Error::new(Kind::TooLarge, words)
        }
        _ => Error::bad_input(error.body_text()),
    };
    let mut files = Vec::new();
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        if field.name() != Some(FILES) {
            continue;
        }
        let name: String = field.file_name().unwrap_or(t!("The file")).chars().take(200).collect();
        let bytes = field.bytes().await.map_err(broken)?.to_vec();
        // A browser sends an empty file where none was chosen.
        if name.is_empty() && bytes.is_empty() {
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(Error::field(FILES, t!("at most {FILES_MAX} files", FILES_MAX)));
        }
        files.push(File { name, bytes });
    }
    if files.is_empty() {
        return Err(Error::field(FILES, t!("choose a CSV file, or a ZIP archive of OneRoster files")));
    }
    Ok(files)
}

/// Shows what files of a roster would change.
pub async fn preview(app: &App, actor: &Actor, files: Vec<File>) -> Result<Preview> {
    let now = app.now();
    // Unpacking and reading a large school takes a second.
    let reading = tokio::task::spawn_blocking(move || roster::parse(&files, now));
    let roster = reading.await.map_err(|error| Error::internal("the files could not be read", error))??;
    let actor = actor.clone();
    app.store.write(now, move |tx| import::preview(tx, &actor, &roster)).await
}
