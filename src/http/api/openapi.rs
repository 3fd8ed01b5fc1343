//! Addresses of the API with their handlers, and the description of them all at `/api/v1/openapi.json`.
//!
//! The description is made of the handlers' own annotations by a test, and kept beside them: put together at each start it would take longer than all the
//! rest of it, and a tenth of the program.

#[cfg(test)]
mod description;

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use utoipa::openapi::HttpMethod;
use utoipa_axum::PathItemExt as _;

use crate::app::App;

/// Where the description is.
pub(super) const ADDRESS: &str = "/api/v1/openapi.json";

/// The description: JSON, with a line for each address and each structure.
pub(super) const TEXT: &str = include_str!("openapi/openapi.json");

/// Takes the handlers of one address as `handler` or `module::handler`; what `#[utoipa::path]` says of them is where they are and by which method.
macro_rules! routes {
    (@said $what:ident $handler:ident) => { utoipa_axum::paste! { <[<__path_ $handler>] as utoipa::Path>::$what() } };
    (@said $what:ident $module:ident :: $handler:ident) => { utoipa_axum::paste! { <$module::[<__path_ $handler>] as utoipa::Path>::$what() } };
    ($($first:ident)::+ $(, $($more:ident)::+)* $(,)?) => {{
        let methods = axum::routing::MethodRouter::<$crate::app::App>::new();
        let methods = $crate::http::api::openapi::answer(methods, routes!(@said methods $($first)::+), $($first)::+);
        $(let methods = $crate::http::api::openapi::answer(methods, routes!(@said methods $($more)::+), $($more)::+);)*
        $crate::http::api::openapi::Address {
            path: routes!(@said path $($first)::+),
            methods,
            #[cfg(test)]
            described: utoipa_axum::routes!($($first)::+ $(, $($more)::+)*),
        }
    }};
}
pub(in crate::http) use routes;

/// An address and what it answers.
pub(in crate::http) struct Address {
    pub(in crate::http) path: String,
    pub(in crate::http) methods: MethodRouter<App>,
    #[cfg(test)]
    pub(in crate::http) described: utoipa_axum::router::UtoipaMethodRouter<App>,
}

/// Has `handler` answer `methods` of an address.
pub(in crate::http) fn answer<H, T>(answered: MethodRouter<App>, methods: Vec<HttpMethod>, handler: H) -> MethodRouter<App>
where
    H: Handler<T, App>,
    T: 'static,
{
    methods.into_iter().fold(answered, |answered, method| answered.on(method.to_method_filter(), handler.clone()))
}

/// Addresses and what they answer.
#[derive(Default)]
pub(in crate::http) struct Addresses {
    router: Router<App>,
    #[cfg(test)]
    described: utoipa_axum::router::OpenApiRouter<App>,
}

impl Addresses {
    /// No addresses.
    pub(in crate::http) fn new() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub(in crate::http) fn routes(self, address: Address) -> Self {
        Self {
            router: Router::route(self.router, &address.path, address.methods),
            #[cfg(test)]
            described: self.described.routes(address.described),
        }
    }

    /// These, and others.
    #[must_use]
    pub(in crate::http) fn merge(self, others: Self) -> Self {
        Self {
            router: self.router.merge(others.router),
            #[cfg(test)]
            described: self.described.merge(others.described),
        }
    }

    /// What answers at them.
    pub(in crate::http) fn router(self) -> Router<App> {
        self.router
    }
}
