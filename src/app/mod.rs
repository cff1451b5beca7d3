//! The application: resolve → prepare → plan → measure → judge, for whoever calls it. It prints nothing; who
//! calls hears of progress through [`event`].
//!
//! [`run`] has all the steps in a row for a model and its datasets.

pub mod alone;
pub mod arms;
pub mod backends;
pub mod catalogue;
pub mod cell;
pub mod clean;
pub mod config;
pub mod defaults;
pub mod demo;
pub mod disk;
pub mod doctor;
pub mod error;
pub mod event;
pub mod inputs;
pub mod judge;
pub mod measure;
pub mod monitor;
pub mod pipeline;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod record;
pub mod resolve;
pub mod resume;
pub mod run;
pub mod runner;
pub mod settings;
pub mod source;
pub mod tune;
pub mod unknown;
pub mod upload;
pub mod verify;
pub mod version;
