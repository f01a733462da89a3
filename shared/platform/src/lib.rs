//! AWS and Lambda, once: what every function shares and nothing else may do by itself.

pub mod audit;
pub mod auth;
pub mod clock;
pub mod commit;
pub mod dead_letters;
pub mod deps;
pub mod documents;
pub mod failure;
pub mod feed;
pub mod function;
pub mod http;
pub mod items;
pub mod level;
pub mod listing;
pub mod operation;
pub mod outbound;
pub mod partition;
pub mod problem;
pub mod queues;
pub mod secrets;
pub mod settings;
pub mod store;
pub mod stream;
pub mod take;
pub mod telemetry;
pub mod waiting;

pub use commit::{Changed, Step};
pub use deps::Deps;
pub use failure::Failure;
pub use function::{Function, run};
pub use http::{Request, Response};
pub use operation::Operation;
pub use problem::Problem;
pub use settings::{Settings, Table};
pub use store::{Key, Store, Stored, Versioned, Write};
pub use take::Replaced;
