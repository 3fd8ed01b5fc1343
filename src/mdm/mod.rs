//! What is decided: synchronous rooms that take a transaction and return.
