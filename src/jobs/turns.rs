//! Turns that wait for Apple, one beside the other.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// How long a job waits for its turns. Slower answers are waited for apart, so that they hold up no other job.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told of turns that go on apart.
pub(super) const SLOW: &str = msg!("Apple is slow; the answers are waited for apart");

/// Waits for turns; gives how many errands they ran, nothing where they go on apart.
pub(super) async fn together(mut turns: JoinSet<Result<usize>>) -> Result<Option<usize>> {
    let all = async {
        let mut done = 0;
        while let Some(outcome) = turns.join_next().await {
            done += outcome.map_err(|error| Error::internal("a turn that waits for Apple was cut off", error))??;
        }
        Ok(done)
    };
    let waited = tokio::time::timeout(PATIENCE, all).await;
    // Dropped, they would be cut off: by slowness, and by what befell another one.
    turns.detach_all();
    waited.map_or(Ok(None), |outcome| outcome.map(Some))
}
