//! Reads Apple's book: several pages at the same time, to the end, however it changes meanwhile.

use serde::de::DeserializeOwned;

use super::Desk;
use crate::error::Result;
use crate::mdm::licences::errands::{self, Outcome};
use crate::mdm::licences::sync::{self, Read};
use crate::protocol::apps_and_books::{AssetLine, AssignmentLine, ClientConfig, Page, Service, UserLine, Walk, page_query};

impl Desk<'_> {
    /// Reads everything that is to be known of a location. The outer error is ours, the inner one is what kept the walk from its end.
    pub(super) async fn read(&self, service: &Service, since: Option<&str>, users: bool) -> Result<Result<Read, Outcome>> {
        let mut read = match self.begin(service, since, users).await {
            Ok(read) => read,
            Err(outcome) => return Ok(Err(outcome)),
        };
        if !read.whole {
            let id = self.token_id.clone();
            let (wants, back) = self.app.store.read_slow(self.app.now(), move |tx| Ok((sync::wants_whole(tx, &id, &read)?, read))).await?;
            read = back;
            if wants && let Err(outcome) = self.whole(service, &mut read).await {
                return Ok(Err(outcome));
            }
        }
        Ok(Ok(read))
    }

    async fn begin(&self, service: &Service, since: Option<&str>, users: bool) -> Result<Read, Outcome> {
        let urls = &service.urls;
        let mut read = Read { config: ClientConfig::read(&self.get(service, &urls.client_config, &[]).await?.body), ..Read::default() };
        read.assets = self.walk::<AssetLine>(service, &urls.get_assets, "assets", None).await?.lines;
        match since {
            Some(since) => {
                let walk = self.walk::<AssignmentLine>(service, &urls.get_assignments, "assignments", Some(since)).await?;
                (read.assignments, read.version) = (walk.lines, walk.version);
            }
            None => self.whole(service, &mut read).await?,
        }
        if users {
            read.users = Some(self.walk::<UserLine>(service, &urls.get_users, "users", None).await?.lines);
        }
        Ok(read)
    }

    /// Reads who has what, all of it.
    async fn whole(&self, service: &Service, read: &mut Read) -> Result<(), Outcome> {
        let walk = self.walk::<AssignmentLine>(service, &service.urls.get_assignments, "assignments", None).await?;
        (read.whole, read.still) = (true, !walk.changed);
        (read.assignments, read.version) = (walk.lines, walk.version);
        Ok(())
    }

    async fn walk<T: DeserializeOwned>(&self, service: &Service, url: &str, name: &str, since: Option<&str>) -> Result<Walk<T>, Outcome> {
        let mut walk = Walk::default();
        loop {
            let mut pages = Vec::new();
            for page in walk.wanted() {
                pages.push(async move {
                    let answer = self.get(service, url, &page_query(page, since)).await?;
                    Ok::<_, Outcome>(Page::<T>::read(&answer.body, page, name))
                });
            }
            if pages.is_empty() {
                return Ok(walk);
            }
            for page in together(pages).await {
                walk.take(page?);
            }
            self.hold().await;
        }
    }
}

impl Desk<'_> {
    /// Keeps the location while its lists are read. Where that cannot be stored, somebody else begins in two minutes, and does the same again.
    async fn hold(&self) {
        let id = self.token_id.clone();
        if let Err(error) = self.app.store.write(self.app.now(), move |tx| errands::hold(tx, &id)).await {
            tracing::warn!("a location could not be kept: {error}");
        }
    }
}

/// Waits for all of them at the same time; what comes of each, in their order.
async fn together<T, F: Future<Output = T>>(futures: Vec<F>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut over = true;
        for (future, came) in &mut waiting {
            if came.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *came = Some(value),
                    std::task::Poll::Pending => over = false,
                }
            }
        }
        if over { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, came)| came).collect()
}
