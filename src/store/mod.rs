//! What is remembered: the only place with SQL.
