//! What time asks of us: work whose due time has come.
