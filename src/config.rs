//! What must be known before the database opens: flags, environment, `rollcall.toml`.
