//! The application: resolve → prepare → plan → measure → judge, for whoever calls it.

pub mod backends;
pub mod cell;
pub mod config;
pub mod event;
pub mod plan;
pub mod record;
pub mod runner;
