//! Whom we ask: clients that transport, and decide nothing.
